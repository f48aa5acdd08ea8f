package ingest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest/sim"
	"github.com/afterclick/afterclick/schemas/table"
)

// simLane is one life of a lane: the real loop and the real task, as a coroutine that the world resumes step by step. Every effect
// gives way at every point where another process could act in between.
type simLane struct {
	w        *simWorld
	slot     *simSlot
	life     int
	task     task
	keyed    *keyed  // or
	router   *router // one of both
	lane     *lane
	member   *sim.Member
	producer *sim.Producer
	restores map[int32]*simRestore
	cancel   context.CancelFunc
	resume   func() (string, bool)
	yield    func(string) bool
	at       string // the step that comes next
	wake     time.Time
	dead     bool // died: whatever it still does, the world does not see
	ended    bool
	err      error

	leased context.CancelCauseFunc
	polled bool           // in this epoch
	shown  []shownSession // that this epoch inserted
	// diskless are partitions whose local store was given up.
	diskless map[int32]bool
}

// step gives way; what names what comes next. An error says that the process died meanwhile.
func (p *simLane) step(what string) error {
	if !p.dead {
		p.at = what
		if !p.yield(what) {
			p.dead = true
		}
	}
	if p.dead {
		return errDied
	}
	return nil
}

func (p *simLane) sleep(d time.Duration) { p.wake = p.w.now.Add(d) }

func (p *simLane) story(format string, args ...any) {
	if p.w.tell {
		p.w.storyf("%s: %s", p.name(), fmt.Sprintf(format, args...))
	}
}

func (p *simLane) name() string { return fmt.Sprintf("%s#%d", p.slot.name, p.life) }

// zombie: another has taken its place, or the group has forgotten it, and it does not know.
func (p *simLane) zombie() bool { return p.slot.life != p || !p.member.Known() }

func (w *simWorld) start(s *simSlot) {
	s.lives++
	p := &simLane{w: w, slot: s, life: s.lives, restores: map[int32]*simRestore{}, diskless: map[int32]bool{}}
	s.life = p
	p.producer = w.kafka.Produce(s.name)
	p.member = w.groups[s.part].Join(s.name)
	p.member.Lost = func() {
		if p.leased != nil {
			p.leased(errStale)
		}
	}
	switch s.part {
	case PartRoutes:
		p.router = newRouter(&w.cfg, &w.metrics, w.sources, w.counts)
		p.router.ended = func(topic string, partition int32) bool {
			return w.groups[PartRoutes].Lag(sim.Partition{Topic: topic, ID: partition}) == 0
		}
		p.task = p.router
	default:
		p.keyed = newKeyed(&w.cfg, &w.metrics, w.topicsOf(s.part), w.plant.machine(w, w.machine(s.part)))
		p.task = p.keyed
	}
	skew := s.instance.skew // a clock that jumps does so for who starts later: within a life, Go's times are monotonic
	do := effects{
		poll: p.poll, insert: p.insert, commit: p.commit, abort: p.abort, reassign: p.reassign, lease: p.lease,
		now: func() time.Time { return w.now.Add(skew) },
		within: func(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
			return ctx, func() {}
		},
		rest: func(_ context.Context, d time.Duration) {
			p.sleep(d)
			p.step("rest") // whoever died meanwhile finds out with its next step
		},
	}
	w.plant.effects(p, &do)
	p.lane = &lane{name: s.name, task: p.task, do: do, every: w.cfg.Epoch, most: w.cfg.EpochRecords, grace: time.Hour, metrics: &w.metrics,
		log: w.cfg.Log, quiet: &atomic.Bool{}, well: func() {}, waits: func(error) {}}
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.Background())
	p.resume, _ = iter.Pull(func(yield func(string) bool) {
		p.yield = yield
		defer func() { p.ended = true }() // by a panic, too
		p.err = p.lane.run(ctx)
	})
	p.story("starts")
}

// end lets a process run out that is dead or told to stop.
func (p *simLane) die() {
	p.dead = true
	for !p.ended {
		p.resume()
	}
	p.cancel()
	p.w.aborted = append(p.w.aborted, p.shown...)
}

func (p *simLane) poll(ctx context.Context, most int) ([]*kgo.Record, error) {
	if err := p.step("poll"); err != nil {
		return nil, err
	}
	w := p.w
	// A member that the group has forgotten reads on until a heartbeat tells it.
	if !p.member.Known() && (w.dice.Calm || w.r.IntN(3) == 0) && !p.member.Rejoin() {
		return nil, fmt.Errorf("fenced: %w", sim.ErrGeneration)
	}
	p.fillDisk()
	if w.dice.Hit(sim.FetchEmpty, 30) {
		w.dice.Count(sim.FetchEmpty)
		p.sleep(time.Duration(w.r.IntN(1500)) * time.Millisecond)
		return nil, nil
	}
	if most > 1 && w.dice.Hit(sim.FetchFew, 10) {
		w.dice.Count(sim.FetchFew)
		most = 1 + w.r.IntN(min(most, 3))
	}
	records := p.member.Poll(w.r.IntN, most)
	if len(records) == 0 {
		p.sleep(time.Duration(50+w.r.IntN(500)) * time.Millisecond)
		return nil, nil
	}
	p.polled = true
	if w.tell {
		for _, r := range records {
			p.story("reads %s/%d@%d %s", r.Topic, r.Partition, r.Offset, brief(r))
		}
	}
	return records, nil
}

func brief(r *kgo.Record) string {
	if r.Attrs.IsControl() {
		return "(marker)"
	}
	if r.Value == nil {
		return string(header(r, originHeader))
	}
	if len(r.Value) > 160 {
		return string(r.Value[:160])
	}
	return string(r.Value)
}

// insert is the writer: block by block, in any order, until all are there.
func (p *simLane) insert(ctx context.Context, rows *table.Batch) error {
	for {
		done, err := p.insertOnce(ctx, rows)
		if done && !p.polled {
			p.shown = nil // rows that were held back: their epoch is committed
		}
		if done || err != nil {
			return err
		}
	}
}

// insertOnce tries each block once, beginning with those that are missing. false: some are missing, as far as it knows.
func (p *simLane) insertOnce(ctx context.Context, rows *table.Batch) (bool, error) {
	w := p.w
	blocks := rows.Blocks()
	order := w.r.Perm(len(blocks))
	all := true
	for n, i := range order {
		err := p.step("insert")
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			if n > 0 {
				w.dice.Count(sim.HalfBatch)
			}
			return false, fmt.Errorf("insert into %s: %w", blocks[i].Schema().Name, err)
		}
		fails := w.dice.Hit(sim.InsertNotDone, 40)
		if fails {
			w.dice.Count(sim.InsertNotDone)
			p.story("insert into %s times out, not done", blocks[i].Schema().Name)
			p.sleep(time.Second)
			all = false
			continue
		}
		if w.dice.Hit(sim.InsertLate, 60) {
			w.dice.Count(sim.InsertLate)
			p.story("insert into %s times out, and will land later", blocks[i].Schema().Name)
			w.underway = append(w.underway, w.house.Send(blocks[i]))
			p.sleep(time.Second)
			all = false
			continue
		}
		if p.zombie() {
			w.dice.Count(sim.ZombieInserted)
		}
		w.house.Insert(blocks[i])
		p.story("inserted %d rows into %s", blocks[i].Rows(), blocks[i].Schema().Name)
		if blocks[i].Schema().Name == table.Sessions.Name {
			p.shown = append(p.shown, shownSessions(blocks[i])...)
		}
		if w.dice.Hit(sim.InsertDone, 40) {
			w.dice.Count(sim.InsertDone)
			p.story("... but the answer timed out")
			p.sleep(time.Second)
			all = false
		}
	}
	return all, nil
}

// commit is what franz-go's session does at the end of an epoch, with everything that may happen in between.
func (p *simLane) commit(ctx context.Context, records []*kgo.Record) (bool, error) {
	w := p.w
	if err := p.step("begin"); err != nil {
		return false, err
	}
	if p.zombie() {
		w.dice.Count(sim.ZombieCommitted)
	}
	for i, r := range records {
		if i > 0 && w.r.IntN(4) == 0 {
			if err := p.step("write"); err != nil {
				return false, err
			}
		}
		var err error
		if r.Offset, err = p.producer.Write(r); err != nil {
			return false, errors.Join(err, p.end(ctx, false))
		}
	}
	if p.member.Revoked() || w.dice.Hit(sim.Aborted, 30) {
		if !p.member.Revoked() {
			w.dice.Count(sim.Aborted)
		}
		p.story("aborts its transaction")
		return false, p.end(ctx, false)
	}
	offsets := p.member.Offsets()
	if err := p.step("offsets"); err != nil {
		return false, err
	}
	if p.polled { // without, the real client asks for no place in the group either
		err := p.producer.Offsets(p.member, offsets)
		if errors.Is(err, sim.ErrGeneration) {
			p.story("aborts its transaction: %v", err)
			return false, p.end(ctx, false)
		}
		if err != nil {
			return false, err
		}
	}
	if err := p.step("heartbeat"); err != nil {
		return false, err
	}
	if p.member.Revoked() {
		p.story("aborts its transaction")
		return false, p.end(ctx, false)
	}
	if err := p.step("end"); err != nil {
		return false, err
	}
	if w.dice.Hit(sim.AnswerLostNot, 60) {
		w.dice.Count(sim.AnswerLostNot)
		p.story("gets no answer to its commit, it did not take place")
		return false, errors.New("no answer")
	}
	if err := p.producer.End(true); err != nil {
		p.story("cannot commit: %v", err)
		return false, err
	}
	p.shown = nil
	if w.dice.Hit(sim.AnswerLostDone, 60) {
		w.dice.Count(sim.AnswerLostDone)
		p.story("gets no answer to its commit, it took place")
		return false, errors.New("no answer")
	}
	if w.tell {
		p.story("committed %d records and %v", len(records), offsets)
	}
	p.next(false)
	return true, nil
}

func (p *simLane) end(context.Context, bool) error {
	if err := p.step("abort"); err != nil {
		return err
	}
	err := p.producer.End(false)
	p.next(true)
	return err
}

// next begins another epoch.
func (p *simLane) next(back bool) {
	p.member.Settled(back)
	p.polled = false
	p.w.aborted = append(p.w.aborted, p.shown...)
	p.shown = nil
}

func (p *simLane) abort(ctx context.Context) error { return p.end(ctx, false) }

func (p *simLane) lease(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, p.leased = context.WithCancelCause(ctx)
	return ctx, func() { p.leased(nil) }
}

// simRestore is the reading of a changelog under way.
type simRestore struct {
	replay  *replay
	at      sim.Partition
	barrier int64
	next    int64
	checked bool
	offset  int64 // of the group, when the attempt before ended, -1
}

func (p *simLane) reassign(context.Context) error {
	if err := p.step("reassign"); err != nil {
		return err
	}
	news := p.member.News
	p.member.News = nil
	for _, n := range news {
		p.story("%v came: %v", n.Partition, !n.Gone)
		if p.router != nil {
			if n.Gone {
				p.router.revoked(n.Topic, n.ID)
			} else {
				p.router.assigned(n.Topic, n.ID, p.lane.do.now())
				p.member.Resume(n.Partition)
			}
			continue
		}
		delete(p.restores, n.ID)
		delete(p.keyed.parts, n.ID)
		delete(p.diskless, n.ID)
		if !n.Gone {
			p.restores[n.ID] = p.restore(n.ID)
		}
	}
	if p.keyed == nil {
		return nil
	}
	p.checkpoint()
	for id := range p.w.counts[p.keyed.topics.input] {
		r := p.restores[id]
		if r == nil {
			continue
		}
		part, err := p.restoreSome(r)
		if err != nil {
			return fmt.Errorf("restore %v: %w", r.at, err)
		}
		if part != nil {
			delete(p.restores, id)
			p.keyed.parts[id] = part
			p.member.Resume(sim.Partition{Topic: p.keyed.topics.input, ID: id})
			p.story("restored %v: %d states, position %d", r.at, part.store.Len(), part.position.Offset)
		}
	}
	p.keyed.restoring = len(p.restores)
	if len(p.keyed.parts) == 0 {
		p.sleep(50 * time.Millisecond)
	}
	return nil
}

// restore begins as the restorer does: with a barrier.
func (p *simLane) restore(id int32) *simRestore {
	w, topics := p.w, p.keyed.topics
	at := sim.Partition{Topic: topics.changelog, ID: id}
	store, held, from := p.open(at)
	return &simRestore{offset: -1, at: at, next: from, barrier: w.kafka.Append(&kgo.Record{Topic: at.Topic, Partition: id, Key: []byte(barrierKey), Value: []byte("b")}),
		replay: newReplay(topics, p.slot.part, id, store, from > 0, held, position{Version: positionVersion, Generation: w.cfg.Generation, Clock: w.clock(p.slot.part)})}
}

// restoreSome reads some more records; nil until all are read and the group's offset is stable.
func (p *simLane) restoreSome(r *simRestore) (*partition, error) {
	k := p.w.kafka
	if r.next <= r.barrier {
		var records []*kgo.Record
		records, r.next = k.Fetch(r.at, r.next, 1+p.w.r.IntN(40))
		for _, rec := range records {
			if rec.Attrs.IsControl() {
				continue // the restorer does not ask for markers
			}
			if err := r.replay.take(rec); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	input := sim.Partition{Topic: p.keyed.topics.input, ID: r.at.ID}
	if !r.checked {
		offset, ok, stable := p.w.groups[p.slot.part].Committed(input)
		if !stable {
			return nil, nil
		}
		err := r.replay.end(offset, ok)
		if errors.Is(err, errMoved) && offset != r.offset { // as the restorer does
			again := p.restore(r.at.ID)
			again.offset = offset
			p.restores[r.at.ID] = again
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		r.checked = true
	}
	begins, known := p.member.Ask(input)
	if !known || p.w.r.IntN(3) == 0 {
		return nil, nil
	}
	if begins != r.replay.pos.Offset { // as the session's agree
		return nil, fmt.Errorf("%w: %v", errMoved, sim.ErrGeneration)
	}
	return r.replay.partition(p.lane.do.now())
}
