package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/ingest/state"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
)

// world is Kafka and ClickHouse as far as an epoch sees them, with faults drawn from a seed. One input partition per lane.
type world struct {
	r         *rand.Rand
	now       time.Time
	input     []*kgo.Record
	cursor    int64             // next to poll
	committed int64             // the group's offset
	changelog map[string][]byte // committed
	rows      map[uint64]uint32 // revision → what the row says
	faults    map[string]int
	conflicts []string
}

var errDied = errors.New("the process died")

func (w *world) fault(name string, oneIn int) bool {
	if w.r.IntN(oneIn) == 0 {
		w.faults[name]++
		return true
	}
	return false
}

func (w *world) effects(t *keyed) effects {
	return effects{
		poll: func(ctx context.Context, most int) ([]*kgo.Record, error) {
			n := min(int64(1+w.r.IntN(most)), int64(len(w.input))-w.cursor)
			w.now = w.now.Add(time.Duration(1+w.r.IntN(2000)) * time.Millisecond)
			rs := w.input[w.cursor : w.cursor+n]
			w.cursor += n
			return rs, nil
		},
		insert: func(ctx context.Context, rows *table.Batch) error {
			if w.fault("died before the insert", 40) {
				return errDied
			}
			w.show(t)
			if w.fault("died after the insert", 40) {
				return errDied
			}
			return nil
		},
		commit: func(ctx context.Context, records []*kgo.Record) (bool, error) {
			switch {
			case w.fault("transaction aborted", 20):
				w.cursor = w.committed
				return false, nil
			case w.fault("died before the commit", 40):
				return false, errDied
			}
			for _, r := range records {
				if r.Value == nil {
					delete(w.changelog, string(r.Key))
				} else {
					w.changelog[string(r.Key)] = bytes.Clone(r.Value)
				}
			}
			w.committed = w.cursor
			if w.fault("died after the commit", 40) {
				return false, errDied
			}
			return true, nil
		},
		abort:    func(context.Context) error { w.cursor = w.committed; return nil },
		reassign: func(context.Context) error { return nil },
		lease: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return ctx, func() {}
		},
		now:    func() time.Time { return w.now },
		within: context.WithTimeout,
	}
}

// show inserts what the machine said: a revision that is shown twice must say the same.
func (w *world) show(t *keyed) {
	for rev, n := range t.machine.(*witness).said {
		if was, ok := w.rows[rev]; ok && was != n {
			w.conflicts = append(w.conflicts, fmt.Sprintf("revision %d said %d, now %d", rev, was, n))
		}
		w.rows[rev] = n
	}
	clear(t.machine.(*witness).said)
}

// witness is a tally that holds some rows back, and remembers what it said.
type witness struct {
	next []byte
	said map[uint64]uint32
}

func (m *witness) Apply(state []byte, e *event.Event, at flow.At, out *flow.Output) ([]byte, table.Status) {
	m.next = append(m.next[:0], state...)
	m.next = binary.BigEndian.AppendUint64(m.next, at.Revision)
	return m.next, table.Accepted
}

func (m *witness) Settle(state []byte, force bool, out *flow.Output) ([]byte, flow.Settled) {
	n := uint32(len(state) / 8)
	last := binary.BigEndian.Uint64(state[len(state)-8:])
	settled := flow.Settled{Expires: maxTime}
	if n%3 == 0 && !force {
		settled.Held = true
	} else {
		m.said[last] = n
		out.Sessions = append(out.Sessions, table.Session{ID: last, Revision: last})
	}
	return state, settled
}

// restoreWorld does what a restore does: states from the changelog, position checked against the group.
func restoreWorld(t *testing.T, w *world) *partition {
	t.Helper()
	s, held := state.New(), heldSet{}
	pos := position{Version: positionVersion, Generation: 1}
	for k, v := range w.changelog {
		if k[0] == statePrefix {
			s.Put([]byte(k[1:]), v, keptExpires(v))
			held.note(state.Hash([]byte(k[1:])), v)
		} else if err := pos.unmarshal(v); err != nil {
			t.Fatal(err)
		}
	}
	if pos.Offset != w.committed {
		t.Fatalf("states end at %d, the group stands at %d", pos.Offset, w.committed)
	}
	return newPartition(0, s, held, pos, w.now)
}

// Whatever dies or aborts between the steps of epochs, every record is applied once, in order, and no revision changes what it says.
func TestLaneSurvivesFaultsAtEveryStep(t *testing.T) {
	faults := map[string]int{}
	for seed := range uint64(300) {
		w := &world{r: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1.8e9, 0), changelog: map[string][]byte{}, rows: map[uint64]uint32{}, faults: faults}
		visitors := 1 + w.r.IntN(20)
		for i := range 300 {
			v := fmt.Sprintf("v%d", w.r.IntN(visitors))
			w.input = append(w.input, &kgo.Record{Topic: "clicks", Offset: int64(i), Key: []byte(v), Timestamp: w.now,
				Value: fmt.Appendf(nil, `{"id":"e%d","type":"page","time":%d,"source":"web","visitor":%q}`, i, w.now.UnixMilli(), v)})
		}
		cfg := DefaultConfig()
		cfg.Hold = 3 * time.Second
		var last *keyed
		for lives := 0; ; lives++ {
			if lives > 1000 {
				t.Fatalf("seed %d makes no progress", seed)
			}
			w.cursor = w.committed
			task := &keyed{cfg: &cfg, topics: keyedTopics{input: "clicks", direct: event.Clickstream, changelog: "state"}, machine: &witness{said: map[uint64]uint32{}},
				metrics: &Metrics{}, decoder: &decode.Decoder{}, names: map[string]string{}, parts: map[int32]*partition{0: restoreWorld(t, w)}}
			l := &lane{name: "sim", task: task, do: w.effects(task), every: time.Second, most: 50, metrics: &Metrics{},
				log: slog.New(slog.DiscardHandler), quiet: &atomic.Bool{}, well: func() {}, lastRead: w.now}
			e := newEpoch()
			var err error
			for err == nil && !l.quiet.Load() {
				err = l.epoch(context.Background(), e)
			}
			if last = task; err == nil {
				break
			}
			if !errors.Is(err, errDied) {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		for _, c := range w.conflicts {
			t.Errorf("seed %d: %s", seed, c)
		}
		total := 0
		last.parts[0].store.Each(func(key, kept []byte, _ event.Time) bool {
			before := uint64(0)
			s := keptState(kept)
			for i := 0; i < len(s); i += 8 {
				rev := binary.BigEndian.Uint64(s[i:])
				if i > 0 && rev <= before {
					t.Errorf("seed %d: %s: revision %d after %d", seed, key, rev, before)
				}
				before = rev
				total++
			}
			if w.rows[before] != uint32(len(s)/8) {
				t.Errorf("seed %d: %s: the last row says %d of %d", seed, key, w.rows[before], len(s)/8)
			}
			return true
		})
		if total != len(w.input) {
			t.Errorf("seed %d: applied %d of %d records", seed, total, len(w.input))
		}
	}
	t.Log(faults)
	if len(faults) != 5 {
		t.Errorf("only these faults happened: %v", faults)
	}
}
