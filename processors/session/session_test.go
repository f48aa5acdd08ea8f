package session_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/feed/feedtest"
	"github.com/afterclick/afterclick/processors/session"
	"github.com/afterclick/afterclick/processors/trial"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
)

func TestScenarios(t *testing.T) { trial.Scenarios(t, machine) }

// machine is one with the settings of a scenario.
func machine(set map[string]string) (trial.Machine, error) {
	c := session.Default
	c.Lookups = trial.Shop
	for k, v := range set {
		var err error
		switch k {
		case "gap":
			c.Gap, err = time.ParseDuration(v)
		case "length":
			c.MaxLength, err = time.ParseDuration(v)
		case "by":
			c.ByTracker = v == "tracker"
		case "marks":
			_, err = fmt.Sscan(v, &c.MaxMarks)
		default:
			err = fmt.Errorf("no setting %q", k)
		}
		if err != nil {
			return nil, err
		}
	}
	return session.New(c)
}

func TestConfig(t *testing.T) {
	for _, c := range []session.Config{{}, {Gap: 1}, {Gap: time.Hour, MaxLength: time.Minute}, {Gap: time.Hour, MaxLength: time.Hour},
		{Gap: time.Hour, MaxLength: time.Hour, Horizon: time.Hour}, {Gap: time.Hour, MaxLength: time.Hour, Horizon: time.Hour, MaxMarks: 1}} {
		if _, err := session.New(c); err == nil {
			t.Errorf("New(%+v) finds nothing wrong", c)
		}
	}
	if _, err := session.New(session.Default); err != nil {
		t.Error(err)
	}
}

// TestSessionWindows holds SESSION to what Kafka Streams and Segment say a session is, in the order given and in others.
func TestSessionWindows(t *testing.T) {
	raw, err := os.ReadFile(feedtest.Data(t, "conformance", "session_windows.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		ID    string
		GapMS int64 `json:"gap_ms"`
		Input []struct {
			Key string
			TS  int64
		}
		Expected []struct {
			Key   string
			First int64 `json:"first_ts"`
			Last  int64 `json:"last_ts"`
			Count uint32
		}
	}
	if err := json.Unmarshal(raw, &cases); err != nil || len(cases) == 0 {
		t.Fatal(err, len(cases))
	}
	type row struct {
		key         string
		first, last event.Time
		count       uint32
	}
	for _, c := range cases {
		t.Run(c.ID, func(t *testing.T) {
			config := session.Default
			config.Gap = time.Duration(c.GapMS) * time.Millisecond
			base := event.TimeOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			var want []row
			for _, x := range c.Expected {
				want = append(want, row{x.Key, base + event.Time(x.First), base + event.Time(x.Last), x.Count})
			}
			var log []trial.Record
			for i, in := range c.Input {
				log = append(log, trial.Record{Event: &event.Event{Topic: event.Clickstream, Click: &event.Click{
					Header:  event.Header{ID: event.ID(fmt.Sprint(i)), Type: event.Page, Time: base + event.Time(in.TS), Source: "test"},
					Visitor: event.VisitorID(in.Key)}}})
			}
			random := rand.New(rand.NewPCG(1, 2))
			for range 50 {
				m, err := session.New(config)
				if err != nil {
					t.Fatal(err)
				}
				r := trial.New(m, log)
				for r.Next < len(log) {
					if err := r.Epoch(1+random.IntN(len(log)), true); err != nil {
						t.Fatal(err)
					}
				}
				if err := r.Force(); err != nil {
					t.Fatal(err)
				}
				var got []row
				for _, s := range r.Tables.Final().Sessions {
					got = append(got, row{string(s.Visitor), s.Start, s.End, s.Events})
				}
				slices.SortFunc(want, func(a, b row) int {
					if a.key != b.key {
						if a.key < b.key {
							return -1
						}
						return 1
					}
					return int(a.first - b.first)
				})
				if !slices.Equal(got, want) {
					t.Fatalf("got  %v\nwant %v", got, want)
				}
				random.Shuffle(len(log), func(i, j int) { log[i], log[j] = log[j], log[i] })
			}
		})
	}
}

// TestDamage: a state that was cut short, or is of another version, stops the lane with a word on it, instead of becoming wrong rows.
func TestDamage(t *testing.T) {
	m, err := session.New(session.Default)
	if err != nil {
		t.Fatal(err)
	}
	var out flow.Output
	next, _ := m.Apply(nil, &event.Event{Topic: event.Clickstream, Click: &event.Click{Header: event.Header{ID: "e", Type: event.CheckoutCompleted,
		Time: day, Source: "web"}, Visitor: "v", Customer: "ann", Order: "o1", URL: "https://shop.example/"}}, flow.At{Revision: 1}, &out)
	whole := bytes.Clone(next)
	f := func(state []byte) {
		defer func() {
			if err, ok := recover().(error); !ok || !strings.HasPrefix(err.Error(), "session: a state") {
				t.Errorf("%x: %v", state, err)
			}
		}()
		m.Settle(state, true, &out)
	}
	for i := 1; i < len(whole); i++ {
		f(whole[:i])
	}
	other := bytes.Clone(whole)
	other[0] = 99
	f(other)
}

// TestKeptStates: states that are out there are read as they were meant.
func TestKeptStates(t *testing.T) { trial.States(t, machine, session.Dump) }

// TestSticky: every field of a mark is sticky or its opposite.
func TestSticky(t *testing.T) {
	for f, n := range session.Stickiness() {
		if n != 1 {
			t.Errorf("field %d stands in sticky and notSticky %d times, must once", f, n)
		}
	}
}
