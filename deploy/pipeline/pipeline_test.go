package pipeline_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/shop"
	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/processors/oracle"
	"github.com/afterclick/afterclick/processors/session"
	"github.com/afterclick/afterclick/schemas/event"
)

// simulated is some days of a small shop, kept in memory. No visitor in it clicks so often that it is a bot which is only counted: of
// those, how many clicks are counted where depends on the order of arrival. What is too much of one is left out.
func simulated(t *testing.T, seed uint64, days, visits int) []feed.Record {
	t.Helper()
	c := shop.Demo(seed, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	c.Days, c.Visits, c.Products = days, visits, 60
	sh, err := shop.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var all []feed.Record
	clicks := map[string]int{}
	for r := range sh.Records() {
		if r.Topic == event.Clickstream {
			if clicks[string(r.Key)]++; clicks[string(r.Key)] > session.Default.MaxMarks {
				continue
			}
		}
		r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
		all = append(all, r)
	}
	return all
}

func decoded(t *testing.T, records []feed.Record) []*event.Event {
	t.Helper()
	var all []*event.Event
	for _, r := range records {
		var d decode.Decoder // of its own, because the events are kept
		e, err := d.Decode(r.Topic, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// shuffle moves every record by up to so much time, keeping what the source time says: another order of arrival.
func shuffle(records []feed.Record, by time.Duration, seed uint64) []feed.Record {
	r := rand.New(rand.NewPCG(seed, 7))
	type moved struct {
		feed.Record
		at int64
	}
	all := make([]moved, len(records))
	for i, rec := range records {
		all[i] = moved{rec, int64(rec.Arrival) + r.Int64N(by.Milliseconds())}
	}
	slices.SortStableFunc(all, func(a, b moved) int { return int(a.at - b.at) })
	out := make([]feed.Record, len(all))
	for i, m := range all {
		out[i] = m.Record
	}
	return out
}

func TestTablesEqualTheOracle(t *testing.T) {
	t.Parallel()
	records := simulated(t, 3, 12, 150)
	want := oracle.Of(oracle.Default, decoded(t, records))
	twice := slices.Clone(records)
	twice = append(twice, records...)
	slices.SortStableFunc(twice, func(a, b feed.Record) int { return int(a.Arrival - b.Arrival) })
	for _, c := range []struct {
		name     string
		records  []feed.Record
		settings []string
	}{
		{"in order", records, nil},
		{"keyed by visitor", records, []string{"keyed_by=visitor"}},
		{"in another order, in small epochs", shuffle(records, 6*time.Hour, 1), []string{"epoch.records=777", "epoch.interval=50ms"}},
		{"each event twice", twice, []string{"keyed_by=visitor", "lanes.session=1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c.settings...)
			s.send(t, c.records)
			s.finish(t, t.TempDir())
			s.expect(t, want)
			s.expectEvents(t, len(c.records))
		})
	}
}

// Instances that are killed while they work, again and again, change nothing.
func TestKillsChangeNothing(t *testing.T) {
	t.Parallel()
	records := simulated(t, 4, 12, 150)
	want := oracle.Of(oracle.Default, decoded(t, records))
	s := newSite(t, "keyed_by=visitor")
	dir := t.TempDir()
	sent := s.sendSlowly(t, records, 6*time.Second)
	kills := 0
	for end := time.Now().Add(12 * time.Second); time.Now().Before(end); kills++ {
		c := s.child(t, dir)
		time.Sleep(time.Duration(1200+rand.IntN(800)) * time.Millisecond)
		c.kill(t)
	}
	sent()
	s.finish(t, dir)
	s.expect(t, want)
	t.Logf("%d kills", kills)
}
