package ingest

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afterclick/afterclick/ingest/sim"
	"github.com/afterclick/afterclick/schemas/table"
)

var (
	simSeeds   = flag.Int("sim.seeds", 0, "seeds to simulate; 0: as many as a test may take")
	simMinutes = flag.Float64("sim.minutes", 0, "simulate for so long instead")
	simFrom    = flag.Uint64("sim.from", 1, "the first seed")
	simSeed    = flag.Uint64("sim.seed", 0, "replay one seed and tell its story")
	simEvents  = flag.Int("sim.events", 0, "with -sim.seed: at most so many events")
	simOff     = flag.String("sim.off", "", "with -sim.seed: faults that do not happen, by number, with commas")
)

// simDefault is how many seeds a test runs.
var simDefault = 2000

// simSummary is what a long run ends with.
var simSummary string

func TestMain(m *testing.M) {
	code := m.Run()
	if simSummary != "" {
		fmt.Println(simSummary)
	}
	os.Exit(code)
}

// simulate runs one seed to its end and says what is wrong then.
func simulate(seed uint64, o simOptions) (w *simWorld, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	w = newSimWorld(seed, o)
	defer w.close()
	if err := w.run(); err != nil {
		return w, err
	}
	return w, w.check()
}

func (w *simWorld) close() {
	for _, in := range w.instances {
		for _, s := range in.slots {
			if s.life != nil {
				s.life.die()
			}
		}
	}
	for _, z := range w.zombies {
		z.die()
	}
}

// shrink looks for a smaller run that still fails: fewer events, then fewer kinds of faults.
func shrink(seed uint64, o simOptions) simOptions {
	fails := func(o simOptions) bool {
		_, err := simulate(seed, o)
		return err != nil
	}
	for _, n := range []int{2, 3, 5, 8, 12, 20, 30, 45, 65} {
		smaller := o
		if smaller.events = n; fails(smaller) {
			o = smaller
			break
		}
	}
	for _, f := range sim.AllFaults {
		fewer := o
		fewer.off = append(slices.Clone(o.off), f)
		if fails(fewer) {
			o = fewer
		}
	}
	return o
}

// tellFailure is the story of a seed that failed, as short as it could be made.
func tellFailure(seed uint64, o simOptions) string {
	_, first := simulate(seed, o)
	o = shrink(seed, o)
	o.tell = true
	w, err := simulate(seed, o)
	if err == nil {
		return fmt.Sprintf("seed %d failed, and does not when it is run again: the simulation is not deterministic: %v", seed, first)
	}
	story := w.story
	const most = 150
	if n := len(story); n > most {
		story = append([]string{story[0], fmt.Sprintf("      … %d lines …", n-most)}, story[n-most:]...)
	}
	var off []string
	for i, f := range sim.AllFaults {
		if slices.Contains(o.off, f) {
			off = append(off, fmt.Sprint(i))
		}
	}
	return fmt.Sprintf("%s\n\nseed %d: %v\nreplay: go test ./ingest -run 'TestSimulation$' -sim.seed=%d -sim.events=%d -sim.off=%s\n",
		strings.Join(story, "\n"), seed, err, seed, o.events, strings.Join(off, ","))
}

// simTotals are what many seeds gave.
type simTotals struct {
	seeds  int
	faults sim.Faults
	failed []uint64
	// What the events of the final tables are.
	accepted, duplicate, late, refused int
}

func (t *simTotals) count(w *simWorld) {
	t.refused += len(w.house.Rows("dead_letters"))
	for _, v := range w.house.Values("events", "status") {
		switch statuses[v[0]] {
		case table.Accepted:
			t.accepted++
		case table.Duplicate:
			t.duplicate++
		case table.Late:
			t.late++
		}
	}
}

// simulateMany runs seeds on all processors until there are no more, or more is false, or some have failed.
func simulateMany(from uint64, more func(done int) bool, o simOptions) simTotals {
	total := simTotals{faults: sim.Faults{}}
	var mu sync.Mutex
	var next atomic.Uint64
	next.Store(from)
	var work sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for {
				seed := next.Add(1) - 1
				mu.Lock()
				stop := !more(int(seed-from)) || len(total.failed) >= 3
				mu.Unlock()
				if stop {
					return
				}
				w, err := simulate(seed, o)
				mu.Lock()
				total.seeds++
				if w != nil {
					total.faults.Add(w.dice.Counts)
					total.count(w)
				}
				if err != nil {
					total.failed = append(total.failed, seed)
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	slices.Sort(total.failed)
	return total
}

// A seed is one run, or nobody could look into a failure.
func TestSimulationIsDeterministic(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		a, errA := simulate(seed, simOptions{tell: true})
		b, errB := simulate(seed, simOptions{tell: true})
		if fmt.Sprint(errA) != fmt.Sprint(errB) || !slices.Equal(a.story, b.story) {
			t.Errorf("seed %d: two stories, %d and %d lines, %v and %v", seed, len(a.story), len(b.story), errA, errB)
		}
	}
}

// TestSimulation: whatever goes wrong, the tables equal the oracle's. See the file's flags for longer runs.
func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		o := simOptions{events: *simEvents, tell: true}
		for n := range strings.SplitSeq(*simOff, ",") {
			var i int
			if _, err := fmt.Sscan(n, &i); err == nil && i < len(sim.AllFaults) {
				o.off = append(o.off, sim.AllFaults[i])
			}
		}
		w, err := simulate(*simSeed, o)
		fmt.Println(strings.Join(w.story, "\n"))
		if err != nil {
			t.Fatalf("seed %d: %v", *simSeed, err)
		}
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	seeds, long := simDefault, *simSeeds > 0 || *simMinutes > 0
	if testing.Short() {
		seeds = min(seeds, 200)
	}
	if *simSeeds > 0 {
		seeds = *simSeeds
	}
	begin := time.Now()
	told := begin
	total := simulateMany(*simFrom, func(done int) bool {
		if now := time.Now(); long && now.Sub(told) > 5*time.Second {
			told = now
			fmt.Fprintf(os.Stderr, "%d seeds, %.0f/s\n", done, float64(done)/now.Sub(begin).Seconds())
		}
		if *simMinutes > 0 {
			return time.Since(begin).Minutes() < *simMinutes
		}
		return done < seeds
	}, simOptions{})
	for _, seed := range total.failed {
		t.Error(tellFailure(seed, simOptions{}))
	}
	summary := fmt.Sprintf("%s%d records: %d accepted, %d duplicates, %d late, %d refused\nseeds=%d differences=%d faults=%d seconds=%.0f", total.faults.Table(),
		total.accepted+total.duplicate+total.late+total.refused, total.accepted, total.duplicate, total.late, total.refused,
		total.seeds, len(total.failed), total.faults.Total(), time.Since(begin).Seconds())
	if long {
		simSummary = summary
	} else {
		t.Log("\n" + summary)
	}
	for _, f := range sim.AllFaults {
		if total.faults[f] == 0 && total.seeds >= simDefault && simDefault >= 2000 && len(total.failed) == 0 {
			t.Errorf("this never happened: %s", f)
		}
	}
}
