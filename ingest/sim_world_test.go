package ingest

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/ingest/sim"
	"github.com/afterclick/afterclick/processors/journey"
	sessions "github.com/afterclick/afterclick/processors/session"
	"github.com/afterclick/afterclick/processors/trial"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

// simWorld is a few instances with their lanes, Kafka, ClickHouse and a shop, under one scheduler: each step resumes one process, or
// lets something happen to the world. Which, and what goes wrong, is drawn from the seed.
type simWorld struct {
	seed   uint64
	r      *rand.Rand // the schedule
	dice   *sim.Dice  // the faults
	kafka  *sim.Kafka
	house  *sim.ClickHouse
	groups map[string]*sim.Group
	// sources as they are opened; whole are the same, never away
	sources, whole []OpenSource
	counts         partitionCounts
	cfg            Config
	visits         sessions.Config
	orders         journey.Config
	now            time.Time
	// all sources of time lie in the past: imported history
	history bool
	// late: the horizon is so short that events come too late
	late      bool
	stream    []sim.Arrival
	written   []*sim.Arrival // not routed yet, as far as is known
	instances []*simInstance
	underway  []func() // inserts that will land
	zombies   []*simLane
	aborted   []shownSession // by epochs that were never committed
	taken     map[sim.Partition]takenFrom
	steps     int
	plant     plant
	metrics   Metrics
	tell      bool
	story     []string
	failed    error // the world itself noticed something that must not be
}

type takenFrom struct {
	lane *simLane
	mid  bool
}

// simInstance is a process of ours; its lanes die together.
type simInstance struct {
	name    string
	skew    time.Duration // of its wall clock
	disk    *simDisk
	slots   []*simSlot
	stalled int // steps
	down    int // steps until it starts again
}

// simSlot is the place of a lane: its name outlives it.
type simSlot struct {
	instance *simInstance
	part     string
	name     string
	life     *simLane
	lives    int
	pause    int // steps until it starts again
}

// plant is a bug that a test puts into the world.
type plant struct {
	effects func(*simLane, *effects)
	machine func(*simWorld, Machine) Machine
	silent  bool // a store that lost states to a full disk does not say so
}

var noPlant = plant{effects: func(*simLane, *effects) {}, machine: func(_ *simWorld, m Machine) Machine { return m }}

// simOptions shrink a run that failed: fewer events, faults that do not happen.
type simOptions struct {
	events int // at most, 0: as drawn
	off    []sim.Fault
	plant  plant
	tell   bool
}

func newSimWorld(seed uint64, o simOptions) *simWorld {
	w := &simWorld{seed: seed, r: rand.New(rand.NewPCG(seed, 1)), dice: sim.NewDice(seed, 2, o.off), kafka: sim.NewKafka(),
		house: sim.NewClickHouse(), groups: map[string]*sim.Group{}, counts: partitionCounts{}, cfg: DefaultConfig(), visits: sessions.Default, orders: journey.Default,
		now: sim.Begin, plant: o.plant, tell: o.tell, taken: map[sim.Partition]takenFrom{}}
	w.visits.Lookups, w.orders.Lookups = trial.Shop, trial.Shop
	if w.plant.effects == nil {
		w.plant.effects = noPlant.effects
	}
	if w.plant.machine == nil {
		w.plant.machine = noPlant.machine
	}
	shape := rand.New(rand.NewPCG(seed, 3))
	c := &w.cfg
	c.Log = slog.New(slog.DiscardHandler)
	c.KeyedByVisitor = shape.IntN(4) == 0
	c.Epoch = time.Duration(100+shape.IntN(900)) * time.Millisecond
	c.EpochRecords = 1 + shape.IntN(60)
	c.Hold = []time.Duration{time.Second, 5 * time.Second, time.Minute, time.Hour}[shape.IntN(4)]
	w.history = shape.IntN(4) == 0
	w.late = shape.IntN(4) == 0
	delays := []time.Duration{0, 0, 0, time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour}
	if w.late {
		w.visits.MaxLength, w.visits.Horizon = 4*time.Hour, 2*time.Hour
		delays = append(delays, 8*time.Hour)
	}
	s := sim.Shape{Events: 10 + shape.IntN(90), Delays: delays, KeyedByVisitor: c.KeyedByVisitor, Topics: map[event.Topic]string{}, Partitions: map[event.Topic]int32{}}
	if w.history {
		s.TimeHeader = TimeHeader
		w.now = w.now.AddDate(1, 0, 0)
	}
	if o.events > 0 {
		s.Events = min(s.Events, o.events)
	}
	t := &c.Topics
	for _, kind := range event.SourceTopics {
		s.Topics[kind], s.Partitions[kind] = kind.String(), int32(1+shape.IntN(2))
		w.create(kind.String(), s.Partitions[kind])
	}
	w.create(t.Clicks, int32(1+shape.IntN(3)))
	w.create(t.Journeys, int32(1+shape.IntN(3)))
	w.create(t.DeadLetters, 1)
	clicks := c.clicks()
	w.create(t.SessionStates, w.counts[clicks])
	w.create(t.JourneyStates, w.counts[t.Journeys])
	s.Batched = map[event.Topic]bool{}
	formats := rand.New(rand.NewPCG(seed, 5))
	for i, kind := range event.SourceTopics {
		if s.Batched[kind] = formats.IntN(4) == 0 && !(c.KeyedByVisitor && kind == event.Clickstream); s.Batched[kind] {
			c.Sources[i].Format = "batch+json"
		}
	}
	var err error
	if w.sources, err = c.OpenSources(); err != nil {
		panic(err)
	}
	w.flaky(formats)
	w.stream = sim.Stream(rand.New(rand.NewPCG(seed, 4)), s)
	w.groups[PartRoutes] = w.kafka.Group(PartRoutes, c.routed()...)
	w.groups[PartSessions] = w.kafka.Group(PartSessions, clicks)
	w.groups[PartJourneys] = w.kafka.Group(PartJourneys, t.Journeys)
	for i := range 1 + shape.IntN(3) {
		in := &simInstance{name: fmt.Sprint("i", i), disk: newSimDisk()}
		for _, part := range Parts {
			for lane := range 1 + shape.IntN(2) {
				in.slots = append(in.slots, &simSlot{instance: in, part: part, name: fmt.Sprintf("%s.%s-%d", part, in.name, lane)})
			}
		}
		w.instances = append(w.instances, in)
	}
	w.storyf("%d instances, %d records, epochs of %v and %d records, held %v; keyed by visitor %v, history %v, late %v; partitions %v", len(w.instances),
		len(w.stream), c.Epoch, c.EpochRecords, c.Hold, c.KeyedByVisitor, w.history, w.late, w.counts)
	for _, in := range w.instances {
		for _, slot := range in.slots {
			w.start(slot)
		}
	}
	return w
}

func (w *simWorld) create(topic string, partitions int32) {
	w.kafka.Create(topic, partitions)
	w.counts[topic] = partitions
}

// flaky makes the sources that are not canonical need something that is away at times.
func (w *simWorld) flaky(r *rand.Rand) {
	w.whole = slices.Clone(w.sources)
	for i, s := range w.sources {
		if s.Direct() || r.IntN(2) == 0 {
			continue
		}
		var o decode.Options
		for _, c := range w.cfg.Sources {
			if c.Topic == s.Topic {
				o = c.Options
			}
		}
		whole := w.whole[i]
		w.sources[i].Source = decode.Custom(o, func() decode.Format { return &awayAtTimes{w, whole.Format()} })
	}
}

// awayAtTimes is a format that cannot read now and then.
type awayAtTimes struct {
	w *simWorld
	decode.Format
}

func (f *awayAtTimes) Decode(r *decode.Record, out *decode.Events) error {
	if f.w.dice.Hit(sim.FormatAway, 20) {
		f.w.dice.Count(sim.FormatAway)
		return errors.New("the registry is away")
	}
	return f.Format.Decode(r, out)
}

func (w *simWorld) topicsOf(part string) keyedTopics {
	t := &w.cfg.Topics
	if part == PartJourneys {
		return keyedTopics{input: t.Journeys, changelog: t.JourneyStates}
	}
	topics := keyedTopics{input: w.cfg.clicks(), changelog: t.SessionStates, messages: t.Journeys, messagePartitions: w.counts[t.Journeys]}
	if w.cfg.KeyedByVisitor {
		topics.direct = event.Clickstream
	}
	return topics
}

func (w *simWorld) machine(part string) Machine {
	var m Machine
	var err error
	if part == PartSessions {
		m, err = sessions.New(w.visits)
	} else {
		m, err = journey.New(w.orders)
	}
	if err != nil {
		panic(err)
	}
	return m
}

func (w *simWorld) storyf(format string, args ...any) {
	if w.tell {
		w.story = append(w.story, fmt.Sprintf("%5d %s ", w.steps, w.now.Sub(sim.Begin).Round(time.Millisecond))+fmt.Sprintf(format, args...))
	}
}

// mostSteps is far more than any run needs.
const mostSteps = 50_000

// run goes on until all is quiet.
func (w *simWorld) run() error {
	calmAfter := 200 + w.r.IntN(1500)
	for w.steps = 0; ; w.steps++ {
		if w.failed != nil {
			return w.failed
		}
		if w.steps == mostSteps {
			return fmt.Errorf("no end after %d steps: %s", mostSteps, w.waiting())
		}
		if len(w.stream) == 0 && !w.dice.Calm && w.steps > calmAfter {
			w.dice.Calm = true
			w.storyf("calm")
		}
		if w.dice.Calm && w.steps%16 == 0 && w.done() {
			return nil
		}
		w.happen()
		w.process()
	}
}

// done: all was read, written and told.
func (w *simWorld) done() bool {
	for _, in := range w.instances {
		for _, s := range in.slots {
			if s.life == nil || s.life.ended || !s.life.lane.quiet.Load() || len(s.life.restores) > 0 || len(s.life.member.News) > 0 {
				return false
			}
		}
	}
	for _, g := range w.groups {
		if g.Behind() > 0 || !g.Owned() {
			return false
		}
	}
	return len(w.zombies) == 0
}

func (w *simWorld) waiting() string {
	var b strings.Builder
	for part, g := range w.groups {
		fmt.Fprintf(&b, "%s is behind by %d, owned %v; ", part, g.Behind(), g.Owned())
	}
	for _, in := range w.instances {
		for _, s := range in.slots {
			if s.life != nil {
				fmt.Fprintf(&b, "%s at %q, quiet %v, %v; ", s.life.name(), s.life.at, s.life.lane.quiet.Load(), s.life.err)
			}
		}
	}
	return b.String()
}

// process resumes one process that is not waiting.
func (w *simWorld) process() {
	w.now = w.now.Add(time.Duration(w.r.IntN(20)) * time.Millisecond)
	var ready []*simLane
	var soonest time.Time
	consider := func(p *simLane) {
		if p == nil || p.ended {
			return
		}
		if p.wake.After(w.now) {
			if soonest.IsZero() || p.wake.Before(soonest) {
				soonest = p.wake
			}
			return
		}
		ready = append(ready, p)
	}
	for _, in := range w.instances {
		if in.stalled > 0 {
			in.stalled--
			continue
		}
		for _, s := range in.slots {
			consider(s.life)
		}
	}
	for _, p := range w.zombies {
		consider(p)
	}
	if len(ready) == 0 {
		if !soonest.IsZero() {
			w.now = soonest
		}
		return
	}
	p := ready[w.r.IntN(len(ready))]
	p.resume()
	if p.ended {
		w.ended(p)
	}
}

// ended: a lane stopped with an error, and is started again after a while, by the instance that it belongs to.
func (w *simWorld) ended(p *simLane) {
	p.story("ends: %v", p.err)
	p.cancel()
	w.aborted = append(w.aborted, p.shown...)
	for i, z := range w.zombies {
		if z == p {
			w.zombies = append(w.zombies[:i], w.zombies[i+1:]...)
			return
		}
	}
	if damage := unexpected(p.err); damage != nil {
		w.failed = fmt.Errorf("%s: %w", p.name(), damage)
	}
	p.slot.life, p.slot.pause = nil, 1+w.r.IntN(50)
}

// unexpected errors are those that no fault of this world explains.
func unexpected(err error) error {
	if err == nil {
		return nil
	}
	for _, expected := range []string{"no answer", sim.ErrFenced.Error(), sim.ErrGeneration.Error(), errDied.Error(), errFull.Error()} {
		if strings.Contains(err.Error(), expected) {
			return nil
		}
	}
	return err
}

// rows turns typed rows into the world's tables.
func rows(fill func(*table.Batch)) *sim.ClickHouse {
	b, c := table.NewBatch(), sim.NewClickHouse()
	fill(b)
	for _, block := range b.Blocks() {
		c.Insert(block)
	}
	return c
}

// shownSession is a session that a block shows; start and end in milliseconds.
type shownSession struct {
	visitor    string
	start, end int64
}

func (s shownSession) String() string { return fmt.Sprint(s.visitor, " ", s.start) }

func shownSessions(b table.Block) (all []shownSession) {
	column := func(name string) any {
		for i, f := range b.Schema().Columns {
			if f.Name == name {
				return b.Slice(i)
			}
		}
		panic("sessions have no " + name)
	}
	visitors, starts, ends, gone := column("visitor").([]string), column("start").([]int64), column("end").([]int64), column("is_deleted").([]uint8)
	for i := range visitors {
		if gone[i] == 0 {
			all = append(all, shownSession{visitors[i], starts[i], ends[i]})
		}
	}
	return all
}
