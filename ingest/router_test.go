package ingest

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/schemas/event"
)

// newTestRouter routes orders to three partitions, and what else is named to two of clicks and three of journeys.
func newTestRouter(t *testing.T, more ...OpenSource) *router {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Sources = cfg.Sources[1:2]
	sources, err := cfg.OpenSources()
	if err != nil {
		t.Fatal(err)
	}
	r := newRouter(&cfg, &Metrics{}, append(sources, more...), partitionCounts{"orders": 2, "both": 1, cfg.Topics.Journeys: 3, cfg.Topics.Clicks: 2})
	r.ended = func(string, int32) bool { return true }
	return r
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
	r := newTestRouter(t)
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
	r := newTestRouter(t)
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

// A batch is routed event by event, each to its machine, and what of it is bad is set aside alone. Both machines hear of the source.
func TestRouterBatches(t *testing.T) {
	o := decode.Options{Holds: []event.Topic{event.Clickstream, event.Orders}, Format: "lines"}
	cfg := DefaultConfig()
	r := newTestRouter(t, OpenSource{Topic: "both", Source: decode.Custom(o, func() decode.Format { return lines{} }), Targets: []string{cfg.Topics.Clicks, cfg.Topics.Journeys}})
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r.assigned("both", 0, now)
	e := newEpoch()
	e.reset(now)
	record := &kgo.Record{Topic: "both", Offset: 7, Key: []byte("k"), Timestamp: now, Value: []byte("click v1\norder o1\nnothing\nclick\norder o2")}
	if err := r.take(record, e); err != nil {
		t.Fatal(err)
	}
	if err := r.finish(e); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	ticks := map[string]int{}
	for _, rec := range e.records {
		if rec.Topic == cfg.Topics.DeadLetters {
			place, reason, err := Refused(rec)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&got, "%d %s %q\n", place.Part, reason, rec.Value)
			continue
		}
		place, ok, err := Routed(rec, func(b []byte) string { return string(b) })
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			ticks[rec.Topic]++
			continue
		}
		fmt.Fprintf(&got, "%d %s %s %s\n", place.Part, rec.Topic, rec.Key, rec.Value)
	}
	const at = `"time":"2026-03-01T12:00:00.000Z","source":"lines"`
	want := `0 afterclick.clicks v1 {"id":"0","type":"page",` + at + `,"visitor":"v1"}
1 afterclick.journeys o:o1 {"id":"1","type":"placed",` + at + `,"order":"o1"}
2 bad_record "nothing"
3 missing_field "click"
4 afterclick.journeys o:o2 {"id":"4","type":"placed",` + at + `,"order":"o2"}
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
	if ticks[cfg.Topics.Clicks] != 2 || ticks[cfg.Topics.Journeys] != 3 {
		t.Errorf("ticks went to %v", ticks)
	}
	if m := r.metrics; m.Read.Load() != 1 || m.Routed.Load() != 3 || m.Refused.Load() != 2 || e.rows.DeadLetters.Len() != 2 {
		t.Errorf("%d read, %d routed, %d refused, %d rows", m.Read.Load(), m.Routed.Load(), m.Refused.Load(), e.rows.DeadLetters.Len())
	}
}

// lines is a format for tests: "click VISITOR" or "order ORDER", a line each.
type lines struct{}

func (lines) Decode(r *decode.Record, out *decode.Events) error {
	i := 0
	for line := range strings.Lines(string(r.Value)) {
		line = strings.TrimSpace(line)
		out.From([]byte(line))
		what, who, _ := strings.Cut(line, " ")
		h := event.Header{ID: event.ID(fmt.Sprint(i)), Time: r.Time, Source: "lines"}
		switch what {
		case "click":
			c := out.Click()
			h.Type = event.Page
			c.Header, c.Visitor = h, event.VisitorID(who)
		case "order":
			o := out.Order()
			h.Type = event.Placed
			o.Header, o.Order = h, event.OrderID(who)
		default:
			out.Refuse(&event.Refusal{Reason: event.BadRecord, Detail: "is neither a click nor an order"})
		}
		i++
	}
	return nil
}

// BenchmarkRoute routes clicks of canonical JSON: decode, check, re-key. cpu-ns is what it costs the processor.
func BenchmarkRoute(b *testing.B) {
	cfg := DefaultConfig()
	sources, err := cfg.OpenSources()
	if err != nil {
		b.Fatal(err)
	}
	r := newRouter(&cfg, &Metrics{}, sources, partitionCounts{"clickstream": 1, "orders": 1, "deliveries": 1, "reviews": 1, cfg.Topics.Clicks: 4, cfg.Topics.Journeys: 4})
	benchRoute(b, r)
}

func benchRoute(b *testing.B, r *router) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r.assigned("clickstream", 0, now)
	record := &kgo.Record{Topic: "clickstream", Timestamp: now, Value: event.Examples(event.Clickstream)[event.Product]}
	e := newEpoch()
	e.reset(now)
	b.SetBytes(int64(len(record.Value)))
	b.ReportAllocs()
	var before, after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		if err := r.take(record, e); err != nil || e.rows.DeadLetters.Len() > 0 {
			b.Fatal(err)
		}
		if len(e.records) == 10_000 {
			e.reset(now)
		}
	}
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	b.ReportMetric(float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano())/float64(b.N), "cpu-ns/op")
}
