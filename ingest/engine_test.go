package ingest

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
)

// tally is the simplest machine that would show any record that is lost or applied twice: its state is the ordered list of the
// offsets (of revisions) that it was given, and each record is a row of its own that says how many came before it.
type tally struct{ next []byte }

func (m *tally) Apply(state []byte, e *event.Event, at flow.At, out *flow.Output) ([]byte, table.Status) {
	m.next = append(m.next[:0], state...)
	m.next = binary.BigEndian.AppendUint64(m.next, at.Revision)
	return m.next, table.Accepted
}

func (m *tally) Settle(state []byte, force bool, out *flow.Output) ([]byte, flow.Settled) {
	n := len(state) / 8
	last := binary.BigEndian.Uint64(state[len(state)-8:])
	out.Sessions = append(out.Sessions, table.Session{ID: last, Events: uint32(n), Revision: last})
	return state, flow.Settled{Expires: event.TimeOf(time.Now().Add(time.Hour))}
}

// Each record is applied once, whatever is restarted.
func TestEngineAppliesEachRecordOnce(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, "clickstream", "orders", "deliveries", "reviews"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	applyEachOnce(t, []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}, time.Millisecond, func() error { return nil })
}

// applyEachOnce runs an engine three times on a Kafka that has the source topics, while clicks come in, and looks at what the states
// have become.
func applyEachOnce(t *testing.T, kafka []kgo.Opt, pause time.Duration, insert func() error) {
	const visitors, clicks = 50, 4000
	client, err := kgo.NewClient(kafka...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	go func() {
		for i := range clicks {
			v := fmt.Sprintf("v%d", i%visitors)
			body := fmt.Sprintf(`{"id":"e%d","type":"page","time":%q,"source":"web","visitor":%q}`, i, time.Now().UTC().Format(time.RFC3339Nano), v)
			client.Produce(context.Background(), &kgo.Record{Topic: "clickstream", Key: []byte(v), Value: []byte(body)}, nil)
			if i%10 == 0 {
				time.Sleep(pause)
			}
		}
	}()
	cfg := DefaultConfig()
	cfg.Kafka, cfg.Instance, cfg.Partitions, cfg.Epoch = kafka, "a", 4, 50*time.Millisecond
	cfg.SessionTimeout = 6 * time.Second
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	cfg.NewSession, cfg.NewJourney = func() Machine { return &tally{} }, func() Machine { return &tally{} }
	cfg.Insert = func(context.Context, *table.Batch) error { return insert() }
	for round := range 3 {
		ctx, cancel := context.WithCancel(context.Background())
		e, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		deadline := time.Now().Add(3 * time.Minute)
		for {
			select {
			case err := <-done:
				t.Fatalf("round %d: the engine ended: %v", round, err)
			case <-time.After(100 * time.Millisecond):
			}
			ok, err := e.CaughtUp(ctx)
			if err != nil {
				t.Log(err)
			}
			if ok || (round < 2 && e.Metrics.Accepted.Load() > 500) {
				break
			}
			if time.Now().After(deadline) {
				lag, err := e.Lag(ctx)
				t.Fatalf("round %d not caught up: lag %d %v, routed %d accepted %d", round, lag, err, e.Metrics.Routed.Load(), e.Metrics.Accepted.Load())
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		t.Logf("round %d: read %d routed %d accepted %d epochs %d aborted %d restarts %d restored %d", round, e.Metrics.Read.Load(), e.Metrics.Routed.Load(),
			e.Metrics.Accepted.Load(), e.Metrics.Epochs.Load(), e.Metrics.Aborted.Load(), e.Metrics.Restarts.Load(), e.Metrics.Restored.Load())
	}
	// What the changelog holds now is what a restore gives.
	r := &restorer{cfg: &cfg, group: "afterclick.sessions", topics: keyedTopics{input: "afterclick.clicks", changelog: "afterclick.sessions.state"},
		metrics: &Metrics{}, log: cfg.Log, sources: []string{"clickstream"}}
	total := 0
	for id := range int32(4) {
		p, err := r.restore(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		p.store.Each(func(key, kept []byte, _ event.Time) bool {
			var offsets []uint64
			for b := keptState(kept); len(b) > 0; b = b[8:] {
				offsets = append(offsets, binary.BigEndian.Uint64(b))
			}
			total += len(offsets)
			if !slices.IsSorted(offsets) || len(slices.Compact(slices.Clone(offsets))) != len(offsets) {
				t.Errorf("%s: applied out of order or twice", key)
			}
			if len(offsets) != clicks/visitors {
				t.Errorf("%s: %d clicks, want %d", key, len(offsets), clicks/visitors)
			}
			return true
		})
	}
	if total != clicks {
		t.Errorf("applied %d clicks, want %d", total, clicks)
	}
}
