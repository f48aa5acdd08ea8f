package journey_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/afterclick/afterclick/processors/journey"
	"github.com/afterclick/afterclick/processors/trial"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
)

func TestScenarios(t *testing.T) { trial.Scenarios(t, machine) }

// machine is one with the settings of a scenario.
func machine(set map[string]string) (trial.Machine, error) {
	c := journey.Default
	c.Lookups = trial.Shop
	for k, v := range set {
		var err error
		switch k {
		case "horizon":
			c.Horizon, err = time.ParseDuration(v)
		case "facts":
			_, err = fmt.Sscan(v, &c.MaxFacts)
		default:
			err = fmt.Errorf("no setting %q", k)
		}
		if err != nil {
			return nil, err
		}
	}
	return journey.New(c)
}

func TestConfig(t *testing.T) {
	for _, c := range []journey.Config{{}, {Horizon: time.Hour}, {Horizon: time.Hour, MaxFacts: 1}} {
		if _, err := journey.New(c); err == nil {
			t.Errorf("New(%+v) finds nothing wrong", c)
		}
	}
}

func TestStars(t *testing.T) {
	for _, c := range []struct{ rating, min, max, want float64 }{
		{0, 0, 0, 0}, // none
		{1, 0, 0, 1}, {3, 0, 0, 3}, {5, 0, 5, 5}, {4.5, 1, 5, 4.5},
		{0, 0, 5, 1}, {0.5, 0, 5, 1.4}, // a scale that begins at 0, as its rating shows
		{8, 0, 10, 4.2}, {10, 1, 10, 5}, {1, 1, 10, 1}, {80, 0, 100, 4.2},
		{1, 0, 1, 5}, {0, 0, 1, 1}, // thumbs
		{-1, -1, 1, 1}, {1, -1, 1, 5},
		{9, 0, 5, 5}, {3, 5, 5, 0}, // beyond, and no scale at all
	} {
		if got := journey.Stars(c.rating, c.min, c.max); got < c.want-1e-9 || got > c.want+1e-9 {
			t.Errorf("Stars(%v, %v, %v) = %v, want %v", c.rating, c.min, c.max, got, c.want)
		}
	}
}

// TestDamage: a state that was cut short, or is of another version, stops the lane with a word on it, instead of becoming wrong rows.
func TestDamage(t *testing.T) {
	m, err := journey.New(journey.Default)
	if err != nil {
		t.Fatal(err)
	}
	var out flow.Output
	next, _ := m.Apply(nil, &event.Event{Topic: event.Reviews, Review: &event.Review{Header: event.Header{ID: "e", Type: event.Posted, Time: start,
		Source: "web"}, Review: "r", Order: "o", Rating: 4, Text: "fine", Subjects: []event.Subject{{Kind: event.SubjectShop, ID: "s"}}}}, flow.At{Revision: 1}, &out)
	whole := bytes.Clone(next)
	f := func(state []byte) {
		defer func() {
			if err, ok := recover().(error); !ok || !strings.HasPrefix(err.Error(), "journey: a state") {
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
func TestKeptStates(t *testing.T) { trial.States(t, machine, journey.Dump) }

// TestStored: every field of a fact has one bit.
func TestStored(t *testing.T) {
	for f, n := range journey.Fields() {
		if n != 1 {
			t.Errorf("%s stands in stored %d times, must once", f, n)
		}
	}
	if n := len(journey.Fields()); n > 63 {
		t.Errorf("a mask has no room for %d fields: the last bit announces a second one", n)
	}
}
