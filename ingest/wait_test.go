package ingest

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/table"
)

// away is a task whose second record cannot be read so many times.
type away struct {
	times   int
	offsets []int64
	fate    string
}

func (a *away) take(r *kgo.Record, _ *epoch) error {
	if r.Offset == 1 && a.times > 0 {
		a.times--
		return &notNow{r.Topic, errors.New("the registry at http://r is away")}
	}
	a.offsets = append(a.offsets, r.Offset)
	return nil
}

func (a *away) finish(*epoch) error { return nil }
func (a *away) committed(time.Time) { a.fate += "committed " }
func (a *away) dropped()            { a.fate += "dropped " }
func (a *away) settled() bool       { return true }

// TestLaneWaits: a record that cannot be read for now makes its lane wait, longer each time, and say so; then all goes on, once. When the
// partitions are taken away or the instance is stopped meanwhile, the epoch is given up, and nothing of it is committed.
func TestLaneWaits(t *testing.T) {
	for _, c := range []struct {
		name           string
		times          int
		lose, stop     int // at the so manieth rest
		fate           string
		offsets, rests int
		commits        int
	}{
		{name: "it comes back", times: 8, fate: "committed ", offsets: 3, rests: 8, commits: 1},
		{name: "partitions are taken away", times: 8, lose: 3, fate: "dropped ", offsets: 1, rests: 3},
		{name: "it is stopped", times: 8, stop: 2, fate: "dropped ", offsets: 1, rests: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			task := &away{times: c.times}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var lose context.CancelCauseFunc
			var rests []time.Duration
			var said []string
			polls, commits, now := 0, 0, time.Unix(1.8e9, 0)
			l := &lane{name: "l", task: task, every: time.Second, most: 3, metrics: &Metrics{}, log: slog.New(slog.DiscardHandler), quiet: &atomic.Bool{},
				well: func() { said = append(said, "well") }, waits: func(err error) { said = append(said, err.Error()) }}
			l.do = effects{
				poll: func(context.Context, int) ([]*kgo.Record, error) {
					if polls++; polls > 1 {
						return nil, nil
					}
					return []*kgo.Record{{Topic: "orders", Offset: 0}, {Topic: "orders", Offset: 1}, {Topic: "orders", Offset: 2}}, nil
				},
				insert: func(context.Context, *table.Batch) error { return nil },
				commit: func(context.Context, []*kgo.Record) (bool, error) { commits++; return true, nil },
				abort:  func(context.Context) error { return nil },
				lease: func(ctx context.Context) (context.Context, context.CancelFunc) {
					leased, cancel := context.WithCancelCause(ctx)
					lose = cancel
					return leased, func() { cancel(nil) }
				},
				now:    func() time.Time { return now },
				within: context.WithTimeout,
				rest: func(ctx context.Context, d time.Duration) {
					rests = append(rests, d)
					switch len(rests) {
					case c.lose:
						lose(errStale)
						<-ctx.Done() // it must not wait on
					case c.stop:
						stop()
						<-ctx.Done()
					}
				},
			}
			if err := l.epoch(ctx, newEpoch()); err != nil {
				t.Errorf("the epoch ended with %v", err)
			}
			if task.fate != c.fate || len(task.offsets) != c.offsets || len(rests) != c.rests || commits != c.commits {
				t.Errorf("%q, took %v, rested %v, %d commits", task.fate, task.offsets, rests, commits)
			}
			for i, d := range rests {
				if i > 0 && d < rests[i-1] || d > maxWait {
					t.Errorf("rested %v", rests)
				}
			}
			if n := l.metrics.Waits.Load(); n != int64(c.rests) {
				t.Errorf("%d waits are counted", n)
			}
			if len(said) < c.rests || !strings.Contains(said[0], "topic orders cannot be read for now, nothing is lost: the registry at http://r is away") {
				t.Errorf("it said %q", said)
			}
		})
	}
}
