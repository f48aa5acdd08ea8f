package ingest

import (
	"slices"
	"time"

	"github.com/afterclick/afterclick/ingest/sim"
)

// happen is what may happen to the world between two steps of its processes.
func (w *simWorld) happen() {
	w.housekeep()
	for i := 0; i < len(w.underway); i++ {
		if w.r.IntN(60) == 0 || w.dice.Calm {
			w.underway[i]()
			w.storyf("an insert lands that had timed out")
			w.underway = slices.Delete(w.underway, i, i+1)
			i--
		}
	}
	if len(w.stream) > 0 && w.r.IntN(12) == 0 {
		w.shop()
	}
	d := w.dice
	if d.Hit(sim.TakenAway, 120) {
		w.takeAway()
	}
	if d.Hit(sim.Stalled, 900) {
		w.stall()
	}
	if d.Hit(sim.Doubled, 900) {
		w.double()
	}
	if d.IntN(250) == 0 && !d.Calm {
		w.kill()
	}
	if d.Hit(sim.Stopped, 900) {
		w.stop()
	}
	if d.Hit(sim.TimedOut, 400) {
		w.timeOut()
	}
	if d.Hit(sim.Compacted, 60) {
		w.compact()
	}
	if d.Hit(sim.ClockJumped, 400) {
		in := w.instances[w.r.IntN(len(w.instances))]
		in.skew = []time.Duration{0, -2 * time.Hour, -3 * time.Second, 10 * time.Second, 50 * time.Hour}[w.r.IntN(5)]
		d.Count(sim.ClockJumped)
		w.storyf("the clock of %s jumps to %v off", in.name, in.skew)
	}
}

// housekeep is what Kafka and the operators do in any case.
func (w *simWorld) housekeep() {
	for _, part := range Parts {
		g := w.groups[part]
		if g.Owned() || w.r.IntN(10) > 0 {
			continue
		}
		g.Assign(w.r.IntN)
		for at, from := range w.taken {
			switch now := w.owner(at); {
			case now == nil:
				continue
			case now == from.lane:
				w.dice.Count(sim.GivenBack)
			default:
				w.dice.Count(sim.HandedOver)
			}
			delete(w.taken, at)
		}
	}
	for _, in := range w.instances {
		if in.down > 0 {
			in.down--
			continue
		}
		if in.stalled > 0 {
			if w.dice.Calm {
				in.stalled = 0
			}
			continue
		}
		for _, s := range in.slots {
			if s.life != nil {
				continue
			}
			if s.pause--; s.pause <= 0 {
				w.start(s)
			}
		}
	}
	if w.dice.Calm {
		for _, z := range w.zombies { // nobody lives for ever
			if w.r.IntN(200) == 0 {
				z.die()
				w.zombies = slices.DeleteFunc(w.zombies, func(o *simLane) bool { return o == z })
				break
			}
		}
	}
}

func (w *simWorld) owner(at sim.Partition) *simLane {
	for _, in := range w.instances {
		for _, s := range in.slots {
			if s.life != nil && s.life.member.Has(at) {
				return s.life
			}
		}
	}
	return nil
}

// mostBehind is how far the oldest record that was not routed may be behind the one that is written: then nothing that comes within
// its delay is late.
const mostBehind = 6 * time.Hour

// shop writes some more records. Its time is the world's, unless it is history.
func (w *simWorld) shop() {
	for range 1 + w.r.IntN(5) {
		if len(w.stream) == 0 {
			return
		}
		next := w.stream[0]
		if w.behind(next.At) {
			return
		}
		if !w.history {
			if next.At.After(w.now) {
				w.now = next.At
			}
		}
		next.Record.Offset = w.kafka.Append(next.Record)
		w.written = append(w.written, &next)
		w.stream = w.stream[1:]
		w.storyf("the shop writes %s/%d@%d of %s: %s", next.Record.Topic, next.Record.Partition, next.Record.Offset,
			next.Record.Timestamp.UTC().Format("01-02T15:04:05"), brief(next.Record))
	}
}

func (w *simWorld) behind(at time.Time) bool {
	w.written = slices.DeleteFunc(w.written, func(a *sim.Arrival) bool {
		g := w.groups[PartRoutes]
		if a.Record.Topic == w.cfg.clicks() {
			g = w.groups[PartSessions]
		}
		offset, _, _ := g.Committed(sim.Partition{Topic: a.Record.Topic, ID: a.Record.Partition})
		return offset > a.Record.Offset
	})
	return len(w.written) > 0 && at.Sub(w.written[0].At) > mostBehind
}

func (w *simWorld) takeAway() {
	g := w.groups[Parts[w.r.IntN(len(Parts))]]
	at := g.Any(w.r.IntN)
	from := w.owner(at)
	if from == nil || from.slot.instance.stalled > 0 {
		return
	}
	w.dice.Count(sim.TakenAway)
	mid := from.polled && from.at != "reassign"
	if mid {
		w.dice.Count(sim.TakenMidEpoch)
	}
	g.Take(at)
	w.taken[at] = takenFrom{from, mid}
	w.storyf("the group takes %v from %s", at, from.name())
}

// stall lets an instance stand still until the group has forgotten it. It goes on later and knows nothing.
func (w *simWorld) stall() {
	in := w.instances[w.r.IntN(len(w.instances))]
	if in.stalled > 0 || in.down > 0 {
		return
	}
	in.stalled = 20 + w.r.IntN(600)
	w.dice.Count(sim.Stalled)
	w.storyf("%s stalls", in.name)
	for _, s := range in.slots {
		if s.life != nil {
			w.groups[s.part].Kick(s.life.member)
		}
	}
}

// double starts an instance once more while it is still running.
func (w *simWorld) double() {
	in := w.instances[w.r.IntN(len(w.instances))]
	if in.stalled > 0 || in.down > 0 || len(w.zombies) > 6 {
		return
	}
	w.dice.Count(sim.Doubled)
	w.storyf("%s is started a second time", in.name)
	for _, s := range in.slots {
		if s.life != nil {
			w.zombies = append(w.zombies, s.life)
			s.life = nil
		}
		w.start(s)
	}
}

// kill ends an instance at once. Sometimes the group notices before it is started again.
func (w *simWorld) kill() {
	in := w.instances[w.r.IntN(len(w.instances))]
	died := map[string]sim.Fault{"poll": sim.DiedGathering, "insert": sim.DiedInserting, "reassign": sim.DiedRestoring}
	for _, s := range in.slots {
		if s.life == nil {
			continue
		}
		f, ok := died[s.life.at]
		if !ok {
			f = sim.DiedCommitting
		}
		if slices.Contains(w.dice.Off, f) {
			return
		}
	}
	w.storyf("%s dies", in.name)
	in.down, in.stalled = w.r.IntN(100), 0
	for _, s := range in.slots {
		if s.life == nil {
			continue
		}
		f, ok := died[s.life.at]
		switch {
		case !ok:
			f = sim.DiedCommitting
		case f == sim.DiedRestoring && len(s.life.restores) == 0:
			f = sim.DiedGathering
		}
		w.dice.Count(f)
		s.life.die()
		if w.r.IntN(2) == 0 {
			w.groups[s.part].Kick(s.life.member)
		}
		s.life = nil
	}
}

// stop asks an instance to end: it finishes the epochs at hand.
func (w *simWorld) stop() {
	in := w.instances[w.r.IntN(len(w.instances))]
	if in.stalled > 0 || in.down > 0 {
		return
	}
	w.dice.Count(sim.Stopped)
	w.storyf("%s is told to stop", in.name)
	for _, s := range in.slots {
		if s.life != nil {
			s.life.cancel()
		}
	}
}

// timeOut ends an open transaction, as the broker does with one that takes too long.
func (w *simWorld) timeOut() {
	for _, in := range w.instances {
		for _, s := range in.slots {
			if w.kafka.Open(s.name) {
				w.kafka.TimeOut(s.name)
				w.dice.Count(sim.TimedOut)
				w.storyf("the transaction of %s times out", s.name)
				return
			}
		}
	}
}

func (w *simWorld) compact() {
	topic := []string{w.cfg.Topics.SessionStates, w.cfg.Topics.JourneyStates}[w.r.IntN(2)]
	at := sim.Partition{Topic: topic, ID: int32(w.r.IntN(int(w.counts[topic])))}
	end := w.kafka.End(at)
	if end == 0 {
		return
	}
	before := w.r.Int64N(end + 1)
	// A reader that began before deletions are dropped must be done by then: delete.retention.ms is a day.
	forget := int64(0)
	if !w.restoring(at) {
		forget = w.r.Int64N(before + 1)
	}
	w.forgets(at, forget)
	w.kafka.Compact(at, before, forget)
	w.dice.Count(sim.Compacted)
	w.storyf("%v is compacted up to %d", at, before)
}

func (w *simWorld) restoring(at sim.Partition) bool {
	lanes := slices.Clone(w.zombies)
	for _, in := range w.instances {
		for _, s := range in.slots {
			if s.life != nil {
				lanes = append(lanes, s.life)
			}
		}
	}
	for _, p := range lanes {
		for _, r := range p.restores {
			if r.at == at {
				return true
			}
		}
	}
	return false
}
