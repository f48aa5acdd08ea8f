package pipeline_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/send"
	"github.com/afterclick/afterclick/deploy/local/kafkatest"
	"github.com/afterclick/afterclick/ingest/verify"
	"github.com/afterclick/afterclick/processors/oracle"
)

// All that can go wrong at once, under load: `afterclick run` on a real Apache Kafka and on ClickHouse in a process of its own.

var (
	chaosKills   = flag.Int("kills", 0, "how often TestChaos kills an instance; 0: not at all")
	chaosBrokers = flag.Int("brokers", 3, "how many brokers TestChaos has: 1 or 3")
	chaosRate    = flag.Float64("rate", 1000, "how many records a second TestChaos sends")
)

// script is how long what lasts.
type script struct {
	kills   int
	brokers int
	every   time.Duration // between two kills, on average
	away    time.Duration // ClickHouse is killed and not there
	frozen  time.Duration // it is there, and does nothing
	slow    time.Duration // inserts take up to three seconds more, and some time out
	rate    float64       // records a second
	days    int           // of the shop: enough, or the load ends too soon
	visits  int           // a day
}

// Some kills of everything, in a minute. TestChaos is the long one.
func TestKafkaKillsChangeNothing(t *testing.T) {
	t.Parallel()
	chaos(t, script{kills: 6, brokers: 3, every: 2 * time.Second, away: 4 * time.Second, frozen: 2 * time.Second, slow: 3 * time.Second,
		rate: 400, days: 60, visits: 150})
}

// TestChaos is for make chaos: as many kills as are asked for.
func TestChaos(t *testing.T) {
	if *chaosKills == 0 {
		t.Skip("no kills asked for: make chaos KILLS=50")
	}
	s := script{kills: *chaosKills, brokers: *chaosBrokers, every: 3 * time.Second, away: time.Minute, frozen: 20 * time.Second, slow: 30 * time.Second,
		rate: *chaosRate, visits: 1000}
	const perDay = 6000 // records
	s.days = 10 + int(s.rate*(2*time.Duration(s.kills)*s.every+2*(s.away+s.frozen+s.slow)).Seconds()/perDay)
	summary = chaos(t, s)
}

// killer kills instances of ours, and brokers now and then, until it has done so as often as it was told.
type killer struct {
	script
	cluster   *kafkatest.Cluster
	mu        sync.Mutex
	instances []*keeper
	careful   atomic.Bool // ClickHouse is away: nobody could start, so only the first is killed, and less often
	done      atomic.Int64
	brokerN   int
	back      chan error // of the broker that was killed last
	ended     chan error
}

func (k *killer) add(more ...*keeper) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.instances = append(k.instances, more...)
}

// take takes the last instances out of its reach.
func (k *killer) take(n int) (taken []*keeper) {
	k.mu.Lock()
	defer k.mu.Unlock()
	cut := len(k.instances) - n
	taken = slices.Clone(k.instances[cut:])
	k.instances = k.instances[:cut]
	return taken
}

func (k *killer) run() {
	k.back <- nil
	for k.done.Load() < int64(k.kills) {
		careful := k.careful.Load()
		pause := k.every/2 + rand.N(k.every)
		if careful {
			pause *= 4
		}
		time.Sleep(pause)
		k.mu.Lock()
		i := rand.IntN(len(k.instances))
		if careful {
			i = 0
		}
		hit := k.instances[i].kill()
		k.mu.Unlock()
		if !hit {
			continue
		}
		if n := k.done.Add(1); n%3 == 2 {
			select {
			case err := <-k.back:
				if err != nil {
					k.ended <- err
					return
				}
				k.brokerN++
				b := rand.IntN(k.brokers)
				if err := k.cluster.KillErr(b); err != nil {
					k.ended <- err
					return
				}
				go func() {
					time.Sleep(rand.N(3 * time.Second))
					k.back <- k.cluster.RestartErr(b)
				}()
			default: // one at a time: two of three must be there
			}
		}
	}
	k.ended <- <-k.back
}

// until waits for so many kills.
func (k *killer) until(t *testing.T, kills int) {
	t.Helper()
	for k.done.Load() < int64(kills) {
		select {
		case err := <-k.ended:
			t.Fatal(err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// load sends records until it is stopped, or there are none left. stop returns how many were sent.
func (s *site) load(t *testing.T, records []feed.Record, rate float64) (stop func() int) {
	var enough atomic.Bool
	sent, done := 0, make(chan error, 1)
	stream := func(yield func(feed.Record) bool) {
		for _, r := range records {
			if enough.Load() || !yield(r) {
				return
			}
			sent++
		}
	}
	o := s.sending()
	o.Rate = rate
	go func() {
		counts, err := send.Run(t.Context(), o, stream)
		if err == nil && counts.Total() != int64(sent) {
			err = fmt.Errorf("%d of %d records arrived", counts.Total(), sent)
		}
		done <- err
	}()
	return func() int {
		t.Helper()
		if enough.Load() {
			return sent
		}
		enough.Store(true)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		return sent
	}
}

// chaos returns what make chaos ends with.
func chaos(t *testing.T, plan script) string {
	t.Helper()
	binary := build(t)
	cluster := kafkatest.Start(t, plan.brokers)
	house := newEngine(t, binary)
	s := siteBetween(t, realKafka(t, cluster), house.house(), "states.checkpoint=5s")
	records := simulated(t, 7, plan.days, plan.visits)
	begin := time.Now()
	stop := s.load(t, records, plan.rate)

	var all []*keeper
	start := func() *keeper {
		k := s.keep(binary, t.TempDir())
		all = append(all, k)
		return k
	}
	defer func() {
		for _, k := range all {
			k.stop(t)
		}
	}()
	k := &killer{script: plan, cluster: cluster, back: make(chan error, 1), ended: make(chan error, 1)}
	k.add(start())
	go k.run()

	k.until(t, plan.kills/6)
	k.add(start(), start())
	k.until(t, plan.kills/3)

	k.careful.Store(true)
	house.kill(t)
	time.Sleep(plan.away)
	house.back(t)
	house.signal(t, syscall.SIGSTOP)
	time.Sleep(plan.frozen)
	house.signal(t, syscall.SIGCONT)
	k.careful.Store(false)

	house.set(t, weary)
	time.Sleep(plan.slow)
	until(t, 3*time.Minute, "an insert meets the slow ClickHouse", func() bool { return house.inserts.Load() > 0 })
	inserts, cuts := house.inserts.Load(), house.cuts.Load()
	house.set(t, well)
	during := s.balance(t, binary)

	k.until(t, plan.kills*5/6)
	for _, left := range k.take(2) {
		left.stop(t)
	}
	k.until(t, plan.kills)
	if err := <-k.ended; err != nil {
		t.Fatal(err)
	}
	underLoad := time.Since(begin)
	sent := stop()
	for _, left := range k.take(1) {
		left.kill()
		left.stop(t)
	}
	kills, again, lanes := 0, 0, 0
	var dirs []string
	for _, i := range all {
		kills, again, lanes = kills+i.killed, again+i.again, lanes+len(i.lanes)
		for _, wrong := range i.wrong {
			t.Errorf("an instance ended as it should not: %s", wrong)
		}
		for _, why := range i.lanes {
			t.Log(why)
		}
		dirs = append(dirs, strings.TrimPrefix(i.command[5], "data_dir="))
	}
	s.finish(t, dirs...)

	lost, doubled := s.expect(t, oracle.Of(oracle.Default, decoded(t, records[:sent])))
	l, d := s.expectEvents(t, sent)
	lr, dr := s.expectRouted(t)
	after := s.balance(t, binary)
	lost += l + lr + int(during.Missing+after.Missing)
	doubled += d + dr + int(during.Doubled+after.Doubled)
	if after.Delivered != int64(sent) {
		t.Errorf("verify: Kafka has %d records, %d were sent", after.Delivered, sent)
	}
	if sent == len(records) {
		t.Logf("the load ended before the chaos did: %d records were too few", sent)
	}
	type line struct {
		what  string
		times int
		span  time.Duration
		about string
	}
	receipt := func(v verify.Topic) string {
		return fmt.Sprintf("%d compared, %d missing, %d doubled, %d stray, %d altered", v.Delivered, v.Missing, v.Doubled, v.Stray, v.Altered)
	}
	fmt.Printf("%-42s %8s %8s\n", "what was done", "times", "seconds")
	for _, l := range []line{
		{"records sent", sent, underLoad, fmt.Sprintf("%d brokers", plan.brokers)},
		{"instances killed (kill -9)", kills, 0, fmt.Sprintf("1 to 3 to 1 of them; lanes began anew %d times", lanes)},
		{"brokers killed (kill -9)", k.brokerN, 0, fmt.Sprintf("transactions whose markers Kafka gave up: %d", cluster.GaveUp())},
		{"ClickHouse killed (kill -9), away", 1, plan.away, fmt.Sprintf("instances that could not start meanwhile: %d", again)},
		{"ClickHouse stopped (SIGSTOP)", 1, plan.frozen, ""},
		{"ClickHouse slow", int(inserts), plan.slow, fmt.Sprintf("times: inserts; %d of them timed out", cuts)},
		{"verify under load", 1, 0, receipt(during)},
		{"verify afterwards", 1, 0, receipt(after)},
	} {
		fmt.Printf("%-42s %8d %8.0f  %s\n", l.what, l.times, l.span.Seconds(), l.about)
	}
	if inserts == 0 || kills < plan.kills || k.brokerN == 0 {
		t.Error("something of it was not done: the test shows too little")
	}
	return fmt.Sprintf("kills=%d lost=%d doubled=%d", kills+k.brokerN, lost, doubled)
}
