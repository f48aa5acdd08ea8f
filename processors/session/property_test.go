package session_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/afterclick/afterclick/processors/oracle"
	"github.com/afterclick/afterclick/processors/session"
	"github.com/afterclick/afterclick/processors/trial"
	"github.com/afterclick/afterclick/schemas/event"
	"pgregory.net/rapid"
)

// A short day makes everything happen within few events: gaps, cuts, midnights, horizons.
var short = session.Config{Gap: 10 * time.Minute, MaxLength: time.Hour, Horizon: 2 * time.Hour, MaxMarks: 10_000, MaxState: 1 << 20,
	Lookups: trial.Shop}

func rulesOf(c session.Config) oracle.Rules {
	return oracle.Rules{Gap: c.Gap, MaxLength: c.MaxLength, Horizon: c.Horizon, ByTracker: c.ByTracker, Lookups: c.Lookups}
}

var clickTypes = []event.Type{event.Page, event.ProductList, event.Product, event.Search, event.ReviewsRead, event.Compare, event.CartViewed,
	event.CartAdded, event.CartRemoved, event.CheckoutStarted, event.CheckoutStep, event.CheckoutCompleted, event.TrackingViewed,
	event.ContactOpened, "wishlist"}

// day is noon of some day before the clicks' first midnight.
var day = event.TimeOf(time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC))

func clicks(t *rapid.T, n int) []*event.Event {
	var events []*event.Event
	now := day
	for i := range n {
		// Steps that land on the edges as often as between them.
		step := rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Minute, 7 * time.Minute, 10 * time.Minute, 10*time.Minute + 1e6,
			30 * time.Minute, time.Hour, 5 * time.Hour}).Draw(t, "step")
		now = now.Add(step)
		pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
		events = append(events, &event.Event{Topic: event.Clickstream, Click: &event.Click{
			Header: event.Header{ID: event.ID(fmt.Sprint("e", i)), Type: rapid.SampledFrom(clickTypes).Draw(t, "type"), Time: now,
				Source: event.Source(pick("source", "web", "app"))},
			Visitor:   event.VisitorID(pick("visitor", "v1", "v1", "v2")),
			Customer:  event.CustomerID(pick("customer", "", "", "ann", "bob")),
			Session:   event.SessionID(pick("tracker", "", "s1", "s2")),
			URL:       pick("url", "", "https://shop.example/", "https://shop.example/p/1?utm_campaign=may&utm_medium=cpc", "https://shop.example/p/2"),
			Referrer:  pick("referrer", "", "https://shop.example/", "https://www.google.com/", "https://idealo.de/x"),
			UserAgent: pick("agent", "", "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", "curl/8"),
			Country:   pick("country", "", "DE", "ES"), Region: pick("region", "", "BE", "MD"),
			Product: event.ProductID(pick("product", "", "p1", "p2", "p3", "p4", "p9")), Order: event.OrderID(pick("order", "", "o1", "o2")), Step: pick("step", "", "address", "payment"),
		}})
	}
	return events
}

// shuffled is a log of the events with duplicates: each event comes up to a horizon after its time (mostly), so that few are late.
func shuffled(t *rapid.T, events []*event.Event, delays []time.Duration) []trial.Record {
	type arrival struct {
		at event.Time
		e  *event.Event
	}
	var arrivals []arrival
	for _, e := range events {
		for range rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(t, "copies") {
			at := e.Header().Time.Add(rapid.SampledFrom(delays).Draw(t, "delay"))
			i := len(arrivals)
			for i > 0 && arrivals[i-1].at > at {
				i--
			}
			arrivals = append(arrivals[:i], append([]arrival{{at, e}}, arrivals[i:]...)...)
		}
	}
	var log []trial.Record
	var clock event.Time
	for _, a := range arrivals {
		log = append(log, trial.Record{Event: a.e, Clock: clock})
		clock = max(clock, a.at)
	}
	return log
}

// epochs runs the log in random epochs, some aborted, some held rows forced, to its end.
func epochs(t *rapid.T, r *trial.Run) {
	for r.Next < len(r.Log) {
		n := rapid.IntRange(1, 9).Draw(t, "epoch")
		switch rapid.IntRange(0, 5).Draw(t, "fate") {
		case 0:
			must(t, r.Epoch(n, false))
			continue
		case 1:
			must(t, r.Force())
		}
		must(t, r.Epoch(n, true))
	}
	must(t, r.Force())
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

func TestEqualsOracle(t *testing.T) {
	delays := []time.Duration{0, 0, time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour}
	for _, byTracker := range []bool{false, true} {
		t.Run(fmt.Sprintf("tracker=%v", byTracker), rapid.MakeCheck(func(t *rapid.T) {
			config := short
			config.ByTracker = byTracker
			m, err := session.New(config)
			must(t, err)
			log := shuffled(t, clicks(t, rapid.IntRange(1, 40).Draw(t, "n")), delays)
			r := trial.New(m, log)
			epochs(t, r)
			want := oracle.Of(rulesOf(config), r.Accepted())
			got := r.Tables.Final()
			got.Touches = trial.FinalTouches(r.Touches)
			got.Sort()
			if d := trial.Diff(got, want); d != "" {
				t.Fatal(d)
			}
			// The whole log in one epoch says the same.
			once := trial.New(m, log)
			must(t, once.Epoch(len(log), true))
			must(t, once.Force())
			all := once.Tables.Final()
			all.Touches = trial.FinalTouches(once.Touches)
			all.Sort()
			if d := trial.Diff(all, want); d != "" {
				t.Fatal("in one epoch: ", d)
			}
		}))
	}
}

// TestEpochsDoNotShow: where epochs end, and which of them abort, shows in no table, also where the oracle does not follow: at the
// limit that makes a visitor a bot.
func TestEpochsDoNotShow(t *testing.T) {
	delays := []time.Duration{0, 0, time.Minute, time.Hour, 4 * time.Hour}
	rapid.Check(t, func(t *rapid.T) {
		config := short
		config.MaxMarks = rapid.IntRange(1, 8).Draw(t, "limit")
		log := shuffled(t, clicks(t, rapid.IntRange(1, 40).Draw(t, "n")), delays)
		run := func(all func(*trial.Run)) oracle.Tables {
			m, err := session.New(config)
			must(t, err)
			r := trial.New(m, log)
			all(r)
			must(t, r.Force())
			final := r.Tables.Final()
			final.Touches = trial.FinalTouches(r.Touches)
			final.Sort()
			return final
		}
		want := run(func(r *trial.Run) { must(t, r.Epoch(len(log), true)) })
		if d := trial.Diff(run(func(r *trial.Run) { epochs(t, r) }), want); d != "" {
			t.Fatal("random epochs: ", d)
		}
		each := run(func(r *trial.Run) {
			for range log {
				must(t, r.Epoch(1, true))
			}
		})
		if d := trial.Diff(each, want); d != "" {
			t.Fatal("an epoch for each: ", d)
		}
	})
}

// TestAbortedLookups: an attempt that was aborted leaves nothing of what its lookups said, neither in states nor in rows.
func TestAbortedLookups(t *testing.T) {
	delays := []time.Duration{0, 0, time.Minute, time.Hour, 4 * time.Hour}
	rapid.Check(t, func(t *rapid.T) {
		log := shuffled(t, clicks(t, rapid.IntRange(1, 40).Draw(t, "n")), delays)
		lookups := &trial.Switch{Lookups: trial.Shop}
		config := short
		config.Lookups = lookups
		m, err := session.New(config)
		must(t, err)
		r := trial.New(m, log)
		r.Tables.Changing = true
		m, err = session.New(short)
		must(t, err)
		calm := trial.New(m, log)
		for r.Next < len(log) {
			n := rapid.IntRange(1, 9).Draw(t, "epoch")
			lookups.Lookups = trial.Changed
			must(t, r.Epoch(rapid.IntRange(1, 9).Draw(t, "aborted"), false))
			lookups.Lookups = trial.Shop
			must(t, r.Epoch(n, true))
			must(t, calm.Epoch(n, true))
		}
		must(t, r.Force())
		must(t, calm.Force())
		if d := trial.Diff(r.Tables.Final(), calm.Tables.Final()); d != "" {
			t.Fatal(d)
		}
		for key, entry := range calm.States {
			if !bytes.Equal(entry.State, r.States[key].State) {
				t.Fatalf("the state of %s differs", key)
			}
		}
	})
}
