package ingest

import (
	"context"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest/sim"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
)

// The simulation is worth what it finds: bugs that were put in by hand must be caught soon.

// withoutWaiting commits although the insert failed.
var withoutWaiting = plant{effects: func(p *simLane, do *effects) {
	do.insert = func(ctx context.Context, rows *table.Batch) error {
		_, err := p.insertOnce(ctx, rows)
		return err
	}
}}

// withoutTombstones forgets the tombstones of sessions that no committed epoch has shown: those born in the same epoch.
func withoutTombstones() plant {
	shown := map[string]bool{}
	return plant{
		effects: func(p *simLane, do *effects) {
			commit, insert := do.commit, do.insert
			var rows []string
			show := func() {
				for _, key := range rows {
					shown[key] = true
				}
			}
			do.insert = func(ctx context.Context, b *table.Batch) error {
				rows = nil
				for _, block := range b.Blocks() {
					if block.Schema().Name == table.Sessions.Name {
						for _, s := range shownSessions(block) {
							rows = append(rows, s.String())
						}
					}
				}
				err := insert(ctx, b)
				if err == nil && !p.polled { // rows that were held back, without a transaction
					show()
				}
				return err
			}
			do.commit = func(ctx context.Context, records []*kgo.Record) (bool, error) {
				lost := p.w.dice.Counts[sim.AnswerLostDone]
				ok, err := commit(ctx, records)
				if ok || p.w.dice.Counts[sim.AnswerLostDone] > lost {
					show()
				}
				return ok, err
			}
		},
		machine: func(_ *simWorld, m Machine) Machine { return &forgetful{m, shown} },
	}
}

type forgetful struct {
	Machine
	shown map[string]bool
}

func (m *forgetful) Apply(state []byte, e *event.Event, at flow.At, out *flow.Output) ([]byte, table.Status) {
	before := len(out.Sessions)
	next, status := m.Machine.Apply(state, e, at, out)
	kept := out.Sessions[:before]
	for _, r := range out.Sessions[before:] {
		if !r.IsDeleted || m.shown[fmt.Sprint(r.Visitor, " ", int64(r.Start))] {
			kept = append(kept, r)
		}
	}
	out.Sessions = kept
	return next, status
}

// outsideTransaction commits the offsets before the transaction, and not in it.
var outsideTransaction = plant{effects: func(p *simLane, do *effects) {
	commit := do.commit
	do.commit = func(ctx context.Context, records []*kgo.Record) (bool, error) {
		if p.polled && p.member.Commit(p.member.Offsets()) == nil {
			p.polled = false
		}
		return commit(ctx, records)
	}
}}

func TestSimulationCatchesPlantedBugs(t *testing.T) {
	if simDefault < 100 {
		t.Skip("too slow with the race detector")
	}
	for name, bug := range map[string]func() plant{
		"commits although the insert failed":          func() plant { return withoutWaiting },
		"no tombstone for a key of the same epoch":    withoutTombstones,
		"states are lost to a full disk unnoticed":    func() plant { return plant{silent: true} },
		"commits offsets outside of the transactions": func() plant { return outsideTransaction },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const most = 100
			first, caught := "", 0
			for seed := uint64(1); seed <= most; seed++ {
				if _, err := simulate(seed, simOptions{plant: bug()}); err != nil {
					if caught++; caught == 1 {
						first = fmt.Sprintf("seed %d: %.300s", seed, err)
					}
				}
			}
			t.Logf("caught by %d of %d seeds, first by %s", caught, most, first)
			if caught == 0 {
				t.Errorf("not caught by %d seeds", most)
			}
		})
	}
}
