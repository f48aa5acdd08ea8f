package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/afterclick/afterclick/schemas/event"
)

// record is one of the changelog that the tests write: nil is a deletion, position ends an epoch.
type record struct {
	offset   int64
	key      string
	value    []byte
	position bool
}

// model is what a store must be: the changelog, and the states that it amounts to. A value's first byte stands for a flag that is
// cleared in place without a record.
type model struct {
	r       *rand.Rand
	log     []record
	next    int64
	states  map[string][]byte
	cleared map[string]bool // flags that are cleared in memory
	mark    Mark
	now     time.Time
}

func newModel(seed uint64) *model {
	return &model{r: rand.New(rand.NewPCG(seed, 1)), states: map[string][]byte{}, cleared: map[string]bool{}, mark: Mark{Offset: -1}, now: time.Now().Add(-2 * time.Hour)}
}

func (m *model) value() []byte {
	n := 1 + 8 + m.r.IntN(500)
	if m.r.IntN(5000) == 0 {
		n += slabSize
	}
	v := bytes.Repeat([]byte{byte(m.r.IntN(256))}, n)
	v[0] = 1
	binary.LittleEndian.PutUint64(v[1:], uint64(m.next)) // no two values are the same
	return v
}

// epoch changes states, as a lane does it after the transaction.
func (m *model) epoch(s *Store, keys, changes int) {
	at := m.now
	for range changes {
		key := fmt.Sprintf("visitor-%d", m.r.IntN(keys))
		rec := record{offset: m.next, key: key}
		if m.r.IntN(6) > 0 {
			rec.value = m.value()
			m.states[key] = rec.value
			s.Put([]byte(key), rec.value, event.Time(m.next+1))
		} else {
			delete(m.states, key)
			s.Delete([]byte(key))
		}
		delete(m.cleared, key)
		m.log = append(m.log, rec)
		m.next++
	}
	m.log = append(m.log, record{offset: m.next, position: true})
	m.mark = Mark{Offset: m.next, At: at}
	m.next += 2 // a transaction's end has an offset too
}

// compact drops records that later ones replace, up to some offset. The last record of each key stays.
func (m *model) compact() {
	if len(m.log) == 0 {
		return
	}
	last := map[string]int64{}
	for _, rec := range m.log {
		last[rec.key] = rec.offset
	}
	until := m.log[m.r.IntN(len(m.log))].offset
	m.log = slices.DeleteFunc(m.log, func(rec record) bool { return rec.offset < until && last[rec.key] != rec.offset })
}

// replay gives the store what a restore reads, and says whether it saw a position.
func (m *model) replay(s *Store, from int64) (known bool) {
	for _, rec := range m.log {
		switch {
		case rec.offset < from:
		case rec.position:
			known = true
		case rec.value == nil:
			s.Delete([]byte(rec.key))
		default:
			s.Put([]byte(rec.key), rec.value, event.Time(rec.offset+1))
		}
	}
	clear(m.cleared)
	return known
}

// look compares some states by key and hash, and clears the flags of some.
func (m *model) look(t *testing.T, s *Store, keys, n int) {
	for range n {
		key := fmt.Sprintf("visitor-%d", m.r.IntN(keys))
		got, expires := s.Get([]byte(key))
		if m.r.IntN(2) == 0 {
			_, got, expires = s.ByHash(Hash([]byte(key)))
		}
		want, ok := m.states[key]
		if (got != nil) != ok || ok && (!bytes.Equal(got[1:], want[1:]) || int64(expires) != 1+int64(binary.LittleEndian.Uint64(got[1:]))) {
			t.Fatalf("%s: got %d bytes that expire at %d, want %d", key, len(got), expires, len(want))
		}
		if ok && m.cleared[key] && got[0] != 0 {
			t.Fatalf("%s: a flag cleared in place is set again", key)
		}
		if ok && m.r.IntN(4) == 0 {
			got[0] = 0
			m.cleared[key] = true
			s.Changed(Hash([]byte(key)))
		}
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
}

// equal compares everything.
func (m *model) equal(t *testing.T, s *Store) {
	t.Helper()
	left := maps.Clone(m.states)
	s.Each(func(key, value []byte, _ event.Time) bool {
		want, ok := left[string(key)]
		if !ok || !bytes.Equal(value[1:], want[1:]) {
			t.Fatalf("%s: has %d bytes, want %d (known: %t)", key, len(value), len(want), ok)
		}
		delete(left, string(key))
		return true
	})
	if len(left) > 0 || s.Len() != len(m.states) || s.Err() != nil {
		t.Fatalf("%d states are missing, Len is %d, want %d, error %v", len(left), s.Len(), len(m.states), s.Err())
	}
}

func testOptions(t *testing.T, m *model, fs vfs.FS, dir string) Options {
	return Options{Dir: dir, fs: fs, Origin: Origin{Cluster: "c", Topic: "states", TopicID: "id", Partition: 3}, End: m.next,
		MaxAge: 12 * time.Hour, Every: time.Second, Budget: NewBudget(3 * slabSize), slice: 100_000,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func open(t testing.TB, o Options) (*Store, int64) {
	t.Helper()
	s, from, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s, from
}

func wait(s *Store) {
	for s.disk != nil && s.disk.job != nil && len(s.disk.job) == 0 {
		time.Sleep(50 * time.Microsecond)
	}
}

// settle makes steps until a checkpoint of what is there now is complete.
func (m *model) settle(t *testing.T, s *Store) {
	t.Helper()
	for idle := 0; idle < 2; {
		m.now = m.now.Add(2 * time.Second)
		if err := s.Step(m.now, m.mark); err != nil {
			t.Fatal(err)
		}
		if s.disk.job == nil && len(s.changed) == 0 {
			idle++
		}
		wait(s)
	}
}

// Whatever is put, deleted, evicted and checkpointed, and wherever the process stops, with or without what was not synced: the local
// store and the changelog from its mark on give exactly the states.
func TestLocalStoreEqualsModel(t *testing.T) {
	const keys = 20_000
	for seed := range uint64(2) {
		m := newModel(seed)
		fs := vfs.NewCrashableMem()
		s, _ := open(t, testOptions(t, m, fs, "p"))
		local, midway, evicted, made := 0, 0, 0, 0
		for range 300 {
			m.epoch(s, keys, m.r.IntN(200))
			m.look(t, s, keys, 50)
			m.now = m.now.Add(50 * time.Millisecond)
			if m.r.IntN(3) > 0 {
				wait(s)
			}
			if err := s.Step(m.now, m.mark); err != nil {
				t.Fatal(err)
			}
			if m.r.IntN(100) == 0 {
				m.compact()
			}
			if m.r.IntN(30) > 0 {
				runtime.Gosched()
				continue
			}
			m.equal(t, s)
			made += s.disk.made
			evicted = max(evicted, s.Away())
			if s.disk.active {
				midway++
			}
			if m.r.IntN(2) == 0 {
				s.Close()
			} else {
				crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.r.IntN(101), RNG: m.r})
				s.Close()
				fs = crashed
			}
			var from int64
			s, from = open(t, testOptions(t, m, fs, "p"))
			if from > 0 {
				local++
			}
			if !m.replay(s, from) && m.mark.Offset >= 0 {
				t.Fatalf("no position from %d on", from)
			}
			m.equal(t, s)
		}
		s.Close()
		t.Logf("seed %d: restored from disk %d times, %d stops midway, %d checkpoints, up to %d states away", seed, local, midway, made, evicted)
		if local < 3 || midway == 0 || made == 0 || evicted == 0 {
			t.Error("the test has not seen what it is for")
		}
	}
}

// A state does not leave memory before the slice that it is in has arrived on disk.
func TestSliceOnItsWay(t *testing.T) {
	m := newModel(4)
	blocked := make(chan struct{})
	free := sync.OnceFunc(func() { close(blocked) })
	slow := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite && strings.Contains(op.Path, "slice.tmp") {
			<-blocked
		}
		return nil
	})
	o := testOptions(t, m, errorfs.Wrap(vfs.NewMem(), slow), "p")
	o.Budget, o.slice = NewBudget(1), 64<<20
	s, _ := open(t, o)
	defer s.Close()
	defer free()
	m.epoch(s, 20_000, 20_000)
	for range 50 {
		m.now = m.now.Add(time.Second)
		if err := s.Step(m.now, m.mark); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	if s.disk.job == nil || len(s.disk.items) == 0 {
		t.Fatal("no slice is on its way")
	}
	m.look(t, s, 20_000, 1000)
	free()
	m.settle(t, s)
	if s.Away() == 0 {
		t.Error("nothing was evicted")
	}
	m.equal(t, s)
}
