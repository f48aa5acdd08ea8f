package ingest

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
)

const localPartitions = 4

// wide is a tally with states that fill slabs.
type wide struct{ tally }

const padding = 2000

func (m *wide) Apply(state []byte, e *event.Event, at flow.At, out *flow.Output) ([]byte, table.Status) {
	if state == nil {
		state = make([]byte, padding)
	}
	return m.tally.Apply(state, e, at, out)
}

// localShop is a Kafka with clicks, and an engine's config with a local store.
type localShop struct {
	t       *testing.T
	brokers []string
	dir     string
	client  *kgo.Client
	clicks  map[string]int // per visitor
	n       int
}

func newLocalShop(t *testing.T) *localShop {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(localPartitions, "clickstream", "orders", "deliveries", "reviews"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	s := &localShop{t: t, brokers: cluster.ListenAddrs(), dir: t.TempDir(), clicks: map[string]int{}}
	if s.client, err = kgo.NewClient(kgo.SeedBrokers(s.brokers...)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.client.Close)
	return s
}

func (s *localShop) feed(n, visitors int) {
	s.t.Helper()
	for range n {
		v := fmt.Sprintf("v%d", s.n*7919%visitors)
		body := fmt.Sprintf(`{"id":"e%d","type":"page","time":%q,"source":"web","visitor":%q}`, s.n, time.Now().UTC().Format(time.RFC3339Nano), v)
		s.client.Produce(context.Background(), &kgo.Record{Topic: "clickstream", Key: []byte(v), Value: []byte(body)}, nil)
		s.clicks[v]++
		s.n++
	}
	if err := s.client.Flush(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

func localConfig(brokers []string, dir, instance string, log *slog.Logger) Config {
	cfg := DefaultConfig()
	cfg.Kafka, cfg.Instance, cfg.Partitions, cfg.Epoch = []kgo.Opt{kgo.SeedBrokers(brokers...)}, instance, localPartitions, 50*time.Millisecond
	cfg.SessionTimeout = 6 * time.Second
	cfg.StateDir, cfg.StateMemory, cfg.Checkpoint = dir, 4<<20, 200*time.Millisecond
	cfg.Parts = []string{PartRoutes, PartSessions}
	cfg.Log = log
	cfg.NewSession, cfg.NewJourney = func() Machine { return &wide{} }, func() Machine { return &wide{} }
	cfg.Insert = func(context.Context, *table.Batch) error { return nil }
	return cfg
}

func (s *localShop) config(instance string) Config {
	return localConfig(s.brokers, s.dir, instance, slog.New(slog.NewTextHandler(s.t.Output(), nil)))
}

// start runs an engine until stop is called.
func (s *localShop) start(cfg Config) (e *Engine, stop func()) {
	s.t.Helper()
	e, err := New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return e, func() {
		s.t.Helper()
		cancel()
		if err := <-done; err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *localShop) until(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain until %s", what)
		}
	}
}

func (s *localShop) caughtUp(e *Engine) {
	s.t.Helper()
	s.until("caught up", func() bool {
		ok, err := e.CaughtUp(context.Background())
		return ok && err == nil
	})
}

// check restores all partitions, with the local store and without, and compares both with what was fed.
func (s *localShop) check() {
	s.t.Helper()
	for _, dir := range []string{s.dir, ""} {
		cfg := s.config("a")
		cfg.StateDir = dir
		r := &restorer{cfg: &cfg, group: "afterclick.sessions", topics: keyedTopics{input: "afterclick.clicks", changelog: "afterclick.sessions.state"},
			metrics: &Metrics{}, log: cfg.Log, sources: []string{"clickstream"}}
		seen := map[string]int{}
		for id := range int32(localPartitions) {
			p, err := r.restore(context.Background(), id)
			if err != nil {
				s.t.Fatal(err)
			}
			p.store.Each(func(key, kept []byte, _ event.Time) bool {
				var offsets []uint64
				for b := keptState(kept)[padding:]; len(b) > 0; b = b[8:] {
					offsets = append(offsets, binary.BigEndian.Uint64(b))
				}
				seen[string(key)] += len(offsets)
				if !slices.IsSorted(offsets) || len(slices.Compact(slices.Clone(offsets))) != len(offsets) {
					s.t.Errorf("%s: applied out of order or twice", key)
				}
				return true
			})
			if err := p.store.Err(); err != nil {
				s.t.Fatal(err)
			}
			p.store.Close()
		}
		if (dir != "") != (r.metrics.RestoredLocal.Load() > 0) {
			s.t.Errorf("with directory %q %d states came from the local store", dir, r.metrics.RestoredLocal.Load())
		}
		wrong := 0
		for v, n := range s.clicks {
			if seen[v] != n {
				if wrong++; wrong < 5 {
					s.t.Errorf("%s: applied %d clicks, want %d", v, seen[v], n)
				}
			}
		}
		if wrong > 0 || len(seen) != len(s.clicks) {
			s.t.Errorf("with directory %q: %d of %d visitors are wrong, have %d", dir, wrong, len(s.clicks), len(seen))
		}
	}
}

// A second start takes the states from the local store and the rest from the changelog, also when most states left memory.
func TestRestartFromLocalStore(t *testing.T) {
	s := newLocalShop(t)
	for round := range 2 {
		s.feed(10_000, 9000)
		e, stop := s.start(s.config("a"))
		s.caughtUp(e) // and made some checkpoints meanwhile
		accepted := e.Metrics.Accepted.Load()
		s.feed(1000, 9000) // perhaps after the last one
		s.until("accepted", func() bool { return e.Metrics.Accepted.Load() >= accepted+1000 })
		t.Logf("round %d: restored %d states, %d of them local; %d of %d are away, %d bytes in memory", round, e.Metrics.Restored.Load(),
			e.Metrics.RestoredLocal.Load(), e.Metrics.StatesAway.Load(), e.Metrics.States.Load(), e.Metrics.StateBytes.Load())
		if round > 0 && e.Metrics.RestoredLocal.Load() == 0 {
			t.Error("nothing came from the local store")
		}
		if e.Metrics.StatesAway.Load() == 0 {
			t.Error("nothing was evicted")
		}
		if e.Metrics.Restarts.Load() > 0 {
			t.Errorf("%d lanes had to begin anew", e.Metrics.Restarts.Load())
		}
		stop()
	}
	s.check()
}

// A process that is killed leaves a local store that is right with the changelog from its mark on.
func TestKilledWithLocalStore(t *testing.T) {
	if at := os.Getenv("AFTERCLICK_TEST_BROKERS"); at != "" {
		e, err := New(localConfig(strings.Split(at, ","), os.Getenv("AFTERCLICK_TEST_STATES"), "a", slog.New(slog.NewTextHandler(os.Stdout, nil))))
		if err != nil {
			t.Fatal(err)
		}
		t.Fatal(e.Run(context.Background())) // until killed
	}
	s := newLocalShop(t)
	for range 3 {
		s.feed(4000, 3000)
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWithLocalStore$")
		cmd.Env = append(os.Environ(), "AFTERCLICK_TEST_BROKERS="+strings.Join(s.brokers, ","), "AFTERCLICK_TEST_STATES="+s.dir)
		cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			time.Sleep(300 * time.Millisecond)
			s.feed(200, 3000)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("the engine ended by itself: %v", err)
		}
	}
	e, stop := s.start(s.config("a"))
	s.caughtUp(e)
	if e.Metrics.RestoredLocal.Load() == 0 {
		t.Error("nothing came from the local store")
	}
	stop()
	s.check()
}

// Partitions that move between lanes of one process take the local store along.
func TestPartitionsMoveWithLocalStore(t *testing.T) {
	s := newLocalShop(t)
	s.feed(4000, 3000)
	a, stopA := s.start(s.config("a"))
	s.caughtUp(a)
	time.Sleep(time.Second)
	b, stopB := s.start(s.config("b"))
	s.until("the other engine has states", func() bool {
		s.feed(50, 3000)
		return b.Metrics.RestoredLocal.Load() > 0
	})
	s.feed(1000, 3000)
	before := a.Metrics.RestoredLocal.Load()
	stopB()
	s.until("the states are back", func() bool {
		s.feed(50, 3000)
		return a.Metrics.RestoredLocal.Load() > before
	})
	s.feed(1000, 3000)
	s.caughtUp(a)
	if n := a.Metrics.Restarts.Load() + b.Metrics.Restarts.Load(); n > 0 {
		t.Errorf("%d lanes had to begin anew", n)
	}
	stopA()
	s.check()
}
