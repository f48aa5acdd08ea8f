package pipeline_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/feedtest"
	"github.com/afterclick/afterclick/schemas/event"
)

// What Kafka Streams and Segment say that a session is comes out of the tables exactly, told in their order, in the opposite one,
// and in epochs of one record.
func TestSessionsConform(t *testing.T) {
	raw, err := os.ReadFile(feedtest.Data(t, "conformance", "session_windows.json"))
	if err != nil {
		t.Fatal(err)
	}
	t.Parallel()
	var cases []struct {
		ID    string
		Gap   int64 `json:"gap_ms"`
		Input []struct {
			Key string
			TS  int64
		}
		Expected []struct {
			Key   string
			First int64 `json:"first_ts"`
			Last  int64 `json:"last_ts"`
			Count int
		}
	}
	if err := json.Unmarshal(raw, &cases); err != nil || len(cases) == 0 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	base := event.TimeOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	// The gap is a setting of the instance, so cases of one gap run together, each with visitors of its own.
	records, want := map[int64][]feed.Record{}, map[int64][]string{}
	for _, c := range cases {
		visitor := func(key string) string { return c.ID + "/" + key }
		for i, in := range c.Input {
			e := event.Event{Topic: event.Clickstream, Click: &event.Click{
				Header:  event.Header{ID: event.ID(fmt.Sprintf("%s/%d", c.ID, i)), Type: event.Page, Time: base + event.Time(in.TS), Source: "test"},
				Visitor: event.VisitorID(visitor(in.Key)), URL: "https://shop.example/"}}
			r, err := feed.Encode(&e)
			if err != nil {
				t.Fatal(err)
			}
			records[c.Gap] = append(records[c.Gap], r)
		}
		for _, x := range c.Expected {
			want[c.Gap] = append(want[c.Gap], fmt.Sprintf("%s %d-%d %d", visitor(x.Key), x.First, x.Last, x.Count))
		}
	}
	for gap, all := range records {
		slices.Sort(want[gap])
		backwards := slices.Clone(all)
		slices.Reverse(backwards)
		for _, way := range []struct {
			name     string
			records  []feed.Record
			settings []string
		}{
			{"routed", all, nil},
			{"backwards, keyed by visitor, a record an epoch", backwards, []string{"keyed_by=visitor", "epoch.records=1"}},
		} {
			t.Run(fmt.Sprintf("gap %d ms, %s", gap, way.name), func(t *testing.T) {
				t.Parallel()
				s := newSite(t, append(way.settings, fmt.Sprintf("session.gap=%dms", gap))...)
				s.send(t, way.records)
				s.finish(t, t.TempDir())
				got := s.ask(t, fmt.Sprintf(`SELECT arrayStringConcat(arraySort(groupArray(format('{} {}-{} {}', visitor,
					toString(toUnixTimestamp64Milli(start) - %d), toString(toUnixTimestamp64Milli(end) - %[1]d), toString(events)))), '\n') FROM sessions`, base))
				if got != strings.Join(want[gap], "\n") {
					t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want[gap], "\n"))
				}
			})
		}
	}
}
