package state

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/afterclick/afterclick/schemas/event"
)

const benchStates = 1_000_000

func benchKey(i int) []byte { return fmt.Appendf(nil, "visitor-%016x", i) }

// benchStore has a million states of 350 bytes, half of each random.
func benchStore(b *testing.B, o Options) *Store {
	s, _ := open(b, o)
	r := rand.New(rand.NewPCG(1, 2))
	v := make([]byte, 350)
	for i := range benchStates {
		for j := 0; j < 175; j++ {
			v[j] = byte(r.Uint32())
		}
		s.Put(benchKey(i), v, event.Time(1_700_000_000_000+i*1000))
	}
	return s
}

func benchOptions(b *testing.B) Options {
	return Options{Dir: filepath.Join(b.TempDir(), "p"), Origin: Origin{Cluster: "c", Topic: "t", TopicID: "i"}, End: 1 << 40, MaxAge: time.Hour,
		Every: time.Nanosecond, Log: slog.New(slog.DiscardHandler)}
}

// complete makes steps until a checkpoint is complete, and returns how long the lane was kept by the longest.
func complete(b *testing.B, s *Store) (longest, all time.Duration) {
	mark := Mark{Offset: 1, At: time.Now()}
	for made := s.disk.made; s.disk.made == made || s.disk.job != nil; wait(s) {
		begin := time.Now()
		if err := s.Step(begin, mark); err != nil {
			b.Fatal(err)
		}
		took := time.Since(begin)
		longest, all = max(longest, took), all+took
	}
	return longest, all
}

// A checkpoint of a million states: the time of all, and what of it keeps the lane.
func BenchmarkCheckpoint(b *testing.B) {
	s := benchStore(b, benchOptions(b))
	defer s.Close()
	b.ReportAllocs()
	var longest, lane time.Duration
	for b.Loop() {
		b.StopTimer()
		for i := range benchStates {
			s.Changed(Hash(benchKey(i)))
		}
		b.StartTimer()
		l, a := complete(b, s)
		longest, lane = max(longest, l), lane+a
	}
	states := float64(benchStates * b.N)
	b.ReportMetric(float64(b.Elapsed().Microseconds())/states, "µs/state")
	b.ReportMetric(float64(lane.Microseconds())/states, "lane-µs/state")
	b.ReportMetric(float64(longest.Microseconds())/1000, "longest-step-ms")
}

// What the same costs with Set instead of files: for comparison.
func BenchmarkPebbleSet(b *testing.B) {
	o := benchOptions(b)
	db, err := pebble.Open(o.Dir, &pebble.Options{Logger: &disk{log: o.Log}, MemTableSize: 64 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	v := make([]byte, 374)
	rand.NewChaCha8([32]byte{}).Read(v)
	b.ReportAllocs()
	batch, i := db.NewBatch(), 0
	for b.Loop() {
		i++
		batch.Set(stateKey(Hash(benchKey(i))), v, nil)
		if i%10_000 == 0 {
			if err := batch.Commit(pebble.NoSync); err != nil {
				b.Fatal(err)
			}
			batch = db.NewBatch()
		}
	}
}

// A restore of a million states from the local store, into memory.
func BenchmarkRestore(b *testing.B) {
	o := benchOptions(b)
	s := benchStore(b, o)
	complete(b, s)
	s.Close()
	b.ReportAllocs()
	for b.Loop() {
		s, from := open(b, o)
		if from == 0 || s.Len() != benchStates {
			b.Fatalf("%d states, read on from %d", s.Len(), from)
		}
		b.StopTimer()
		s.Close()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/1000, "s/million")
}

// Get of a random state that is only on disk.
func BenchmarkGetAway(b *testing.B) {
	o := benchOptions(b)
	o.Budget = NewBudget(8 * slabSize)
	s := benchStore(b, o)
	defer func() { s.Close() }()
	complete(b, s)
	for s.evict(100); s.Away() < benchStates*9/10; s.evict(100) {
	}
	b.ReportAllocs()
	r := rand.New(rand.NewPCG(3, 4))
	i := 0
	for b.Loop() {
		if v, _ := s.Get(benchKey(r.IntN(benchStates))); len(v) != 350 {
			b.Fatal(s.Err())
		}
		if i++; i%1000 == 0 {
			s.evict(4)
		}
	}
}
