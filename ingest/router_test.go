package ingest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/schemas/event"
)

func newTestRouter() *router {
	cfg := DefaultConfig()
	return &router{cfg: &cfg, metrics: &Metrics{}, decoder: &decode.Decoder{}, ended: func(string, int32) bool { return true },
		sources: map[string]*source{"orders": {kind: event.Orders, target: "journeys", partitions: 2, targets: 3, parts: map[int32]*sourcePartition{}}}}
}

func order(id string, offset int64, at time.Time) *kgo.Record {
	return &kgo.Record{Topic: "orders", Offset: offset, Timestamp: at,
		Value: fmt.Appendf(nil, `{"id":%q,"type":"placed","time":%q,"source":"erp","order":"o1"}`, id, at.Format(time.RFC3339Nano))}
}

// states are the states of the origins in the epoch's records: records, ticks, idle ticks.
func states(t *testing.T, e *epoch) string {
	t.Helper()
	var b strings.Builder
	for _, r := range e.records {
		o, err := parseOrigin(header(r, originHeader), func(b []byte) string { return string(b) })
		if err != nil {
			t.Fatal(err)
		}
		b.WriteByte(o.state)
	}
	return b.String()
}

// Every partition of the target hears of a source: with a tick now and then while it is busy, once when it becomes idle, and when it
// is busy again. What an aborted epoch would have told is told by the next.
func TestRouterTicks(t *testing.T) {
	r := newTestRouter()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r.assigned("orders", 0, now)
	e := newEpoch()
	round := func(commit bool, want string, records ...*kgo.Record) {
		t.Helper()
		e.reset(now)
		for _, rec := range records {
			if err := r.take(rec, e); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.finish(e); err != nil {
			t.Fatal(err)
		}
		if got := states(t, e); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		if commit {
			r.committed(now)
		} else {
			r.dropped()
		}
		now = now.Add(time.Second)
	}
	round(false, "rttt", order("a", 0, now)) // the first record: ticks to all three partitions, but aborted
	round(true, "rttt", order("a", 0, now))
	round(true, "r", order("b", 1, now)) // ticked a second ago
	now = now.Add(3 * time.Second)
	round(true, "") // not everybody has heard of b, but nothing was read: nobody would ask whether the partition is still ours
	r.ended = func(string, int32) bool { return false }
	round(true, "") // quiet, but not read to its end
	r.ended = func(string, int32) bool { return true }
	round(true, "iii")
	round(true, "")
	round(true, "rttt", order("c", 2, now)) // busy again
	round(true, "r", order("d", 3, now))
	now = now.Add(4 * time.Second)
	round(true, "rttt", order("e", 4, now))
}

func TestRouterSetsAside(t *testing.T) {
	r := newTestRouter()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r.assigned("orders", 0, now)
	e := newEpoch()
	e.reset(now)
	bad := order("a", 7, now)
	bad.Value = []byte(`{"id":"a","type":"placed","time":"2026-03-01T12:00:00Z","source":"erp"}`)
	if err := r.take(bad, e); err != nil {
		t.Fatal(err)
	}
	if e.rows.DeadLetters.Len() != 1 || len(e.records) != 1 || e.records[0].Topic != "afterclick.deadletters" {
		t.Fatalf("%d dead letters, %d records", e.rows.DeadLetters.Len(), len(e.records))
	}
	for key, want := range map[string]string{"reason": event.Unplaceable, "field": "order", "topic": "orders", "partition": "0", "offset": "7", "time": "2026-03-01T12:00:00.000Z"} {
		if got := string(header(e.records[0], key)); got != want {
			t.Errorf("header %s is %q, want %q", key, got, want)
		}
	}
	if r.metrics.Refused.Load() != 1 {
		t.Error("it was not counted")
	}
	other := order("b", 8, now)
	other.Partition = 1 // not ours
	if err := r.take(other, e); err != nil || !e.stale {
		t.Errorf("a record of a partition that is not ours: %v, stale %v", err, e.stale)
	}
}
