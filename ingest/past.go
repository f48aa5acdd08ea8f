package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
)

// Past is what the source topics held before their logs begin. The tables of another generation have it still.
type Past struct {
	Parts []PastPart
	// Read returns what was accepted (PastEvent) or refused (the record as it came) of a part, in the order of offsets, from one on, some at
	// a time, but all of an offset; none: there is no more before the part's end. Of a topic that SESSION reads itself it returns the
	// records, with the visitor as their key. It may be called for several parts at once. The records are the caller's.
	Read func(ctx context.Context, part PastPart, from int64) ([]*kgo.Record, error)
	// Wait returns when whoever reads what is written here is not far behind.
	Wait func(ctx context.Context) error
	// Done is told of so many more records that are committed, those of former runs first. It may be called by several at once.
	Done func(records int)
}

// PastPart is a source partition whose records before End Kafka has no longer. The first that somebody else has is at Begin.
type PastPart struct {
	Topic      string
	Partition  int32
	Begin, End int64
}

// RunPast has the past processed by the tasks that read the source topics, as if their logs still had it: the same tasks, the same
// offsets, and in transactions with the offsets of their groups, so that it goes on where it was stopped. It returns when all of it is
// committed; then the groups begin where the logs do. No instance may run these parts meanwhile.
//
// The partitions of all topics are merged by their source times: one that ran ahead would let others' states grow, or have them forgotten
// before what belongs to them has come.
func (e *Engine) RunPast(ctx context.Context, past Past) error {
	counts, err := prepare(ctx, &e.cfg)
	if err != nil {
		return err
	}
	e.counts = counts
	var routed, direct []PastPart
	for _, p := range past.Parts {
		if p.Topic == e.cfg.direct() {
			direct = append(direct, p)
		} else {
			routed = append(routed, p)
		}
	}
	g := &gate{}
	group, ctx := errgroup.WithContext(ctx)
	for _, one := range []struct {
		part  string
		parts []PastPart
		run   func(context.Context, *pastSource) error
	}{{PartRoutes, routed, e.routePast}, {PartSessions, direct, e.applyPast}} {
		if len(one.parts) == 0 {
			continue
		}
		s := &pastSource{cfg: &e.cfg, group: e.group(one.part), name: e.group(one.part) + ".past", parts: one.parts, past: &past, gate: g, id: g.join()}
		group.Go(func() error { return s.keepRunning(ctx, one.run) })
	}
	return group.Wait()
}

// PastEvent is an event that was accepted, as Past.Read gives it for a topic that is routed: body is canonical JSON. The events of one
// record follow each other.
func PastEvent(place flow.Place, kind event.Topic, at time.Time, body []byte) *kgo.Record {
	o := origin{place: place, kind: kind, time: event.TimeOf(at), state: originRecord}
	return &kgo.Record{Topic: place.Topic, Partition: place.Partition, Offset: place.Offset, Timestamp: at, Value: body,
		Headers: []kgo.RecordHeader{{Key: originHeader, Value: o.append(nil)}}}
}

// PastPlace tells where a click was. Its address is not in the past any more.
func PastPlace(r *kgo.Record, country, region string) {
	if country != "" {
		r.Headers = append(r.Headers, placeHeaderOf(country, region))
	}
}

// pastRouter is ROUTE over the past: events that were decoded once, and records that were refused.
type pastRouter struct {
	*router
	decoder *decode.Decoder
}

func (e *Engine) routePast(ctx context.Context, s *pastSource) error {
	t := &pastRouter{newRouter(&e.cfg, &e.Metrics, e.sources, e.counts), &decode.Decoder{MaxBytes: e.cfg.MaxEvent}}
	t.ended = func(string, int32) bool { return false } // what comes after it is in the log
	for _, p := range s.parts {
		t.assigned(p.Topic, p.Partition, time.Now())
	}
	return s.run(ctx, e, t)
}

// take does with an event what the router does with a record that says it. That it is an event and keeps the rules is asked again: they
// may be others now.
func (t *pastRouter) take(r *kgo.Record, e *epoch) error {
	h := header(r, originHeader)
	if h == nil {
		return t.router.take(r, e) // refused, and maybe not any more
	}
	o, err := parseOrigin(h, func(b []byte) string { return r.Topic })
	if err != nil {
		return err
	}
	s := t.sources[r.Topic]
	p := s.parts[r.Partition]
	p.pending.next, p.pending.read, p.pending.time = r.Offset+1, true, max(p.pending.time, o.time)
	t.metrics.Read.Add(1)
	ev, err := t.decoder.Decode(o.kind, r.Value)
	if err == nil {
		err = ev.Validate(t.cfg.Rules, o.time)
	}
	if err != nil {
		t.metrics.Refused.Add(1)
		l := newLetters(e, t.cfg)
		l.add(letter{place: o.place, time: o.time, body: r.Value, why: err})
		return nil
	}
	o.partitions = s.partitions
	to, key := s.target(t.cfg, o.kind), ev.Key()
	out := e.record(to.topic, partitionOf(key, to.partitions), bytesOf(key), r.Value)
	out.Headers = []kgo.RecordHeader{{Key: originHeader, Value: o.append(e.arena.take(96)[:0])}}
	if place := header(r, placeHeader); place != nil {
		out.Headers = append(out.Headers, kgo.RecordHeader{Key: placeHeader, Value: place})
	}
	t.metrics.Routed.Add(1)
	return nil
}

// applyPast is SESSION over the past of a clickstream that it reads directly.
func (e *Engine) applyPast(ctx context.Context, s *pastSource) error {
	topics := e.sessionTopics()
	t := newKeyed(&e.cfg, &e.Metrics, topics, e.cfg.NewSession())
	r := e.restorer(s.group, topics)
	defer func() {
		t.gauges.report(gauges{}, &e.Metrics)
		for _, p := range t.parts {
			p.store.Close()
		}
	}()
	for _, p := range s.parts {
		restored, err := r.restore(ctx, p.Partition)
		if err != nil {
			return fmt.Errorf("restore %s/%d: %w", topics.changelog, p.Partition, err)
		}
		t.parts[p.Partition] = restored
	}
	return s.run(ctx, e, t)
}

// pastSource is a lane's end of the past: what a session is with Kafka.
type pastSource struct {
	cfg   *Config
	group string // whose offsets tell how far it is
	name  string // transactional id
	parts []PastPart
	past  *Past
	gate  *gate
	id    int // at the gate

	life    context.Context // of the lane
	client  *kgo.Client
	topics  map[string]kadm.TopicID
	cursors []*pastCursor
	polled  int // records since the last commit
	failed  int // attempts in a row that came no further
}

// pastCursor is how far a part was read.
type pastCursor struct {
	PastPart
	records   []*kgo.Record
	next      int64      // the next offset to be processed
	committed int64      // ... when what was processed is committed
	at        event.Time // the highest source time that was processed, or is the next: it never goes back
	ended     bool
}

const maxPastFailures = 5

// keepRunning begins anew after errors, unless it comes no further.
func (s *pastSource) keepRunning(ctx context.Context, run func(context.Context, *pastSource) error) error {
	defer s.gate.pass(s.id, math.MaxInt64)
	for {
		err := guard(func() error { return s.open(ctx) })
		if err == nil {
			err = guard(func() error { return run(ctx, s) })
		}
		if s.client != nil {
			s.client.Close()
		}
		if s.failed++; err == nil || ctx.Err() != nil || s.failed >= maxPastFailures {
			return err
		}
		s.cfg.Log.Warn("processing what only the tables have failed, trying again", "as", s.name, "error", err)
		select {
		case <-time.After(time.Duration(s.failed) * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// open fences what is left of a former self, and finds out how far that came.
func (s *pastSource) open(ctx context.Context) (err error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.TransactionalID(s.name),
		kgo.TransactionTimeout(s.cfg.TransactionTimeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(s.cfg.largestBatch()),
		kgo.MaxBufferedRecords(1 << 20),
	}, s.cfg.Kafka...)...)
	if err != nil {
		return err
	}
	first := s.client == nil
	s.client = client
	if _, _, err := s.client.ProducerID(ctx); err != nil {
		return fmt.Errorf("take transactional id %s: %w", s.name, err)
	}
	admin := kadm.NewClient(s.client)
	var names []string
	for _, p := range s.parts {
		names = append(names, p.Topic)
	}
	slices.Sort(names)
	details, err := admin.ListTopics(ctx, slices.Compact(names)...)
	if err != nil {
		return fmt.Errorf("look up topics: %w", err)
	}
	s.topics = map[string]kadm.TopicID{}
	for name, d := range details {
		s.topics[name] = d.ID
	}
	offsets, err := stableOffsets(ctx, admin, s.group)
	if err != nil {
		return err
	}
	s.cursors, s.polled = nil, 0
	for _, p := range s.parts {
		c := &pastCursor{PastPart: p, next: p.Begin, committed: p.Begin}
		if o, ok := offsets.Lookup(p.Topic, p.Partition); ok && o.Err == nil && o.At > p.Begin {
			c.next, c.committed = o.At, o.At
			if first { // about as many as there are offsets
				s.past.Done(int(min(o.At, p.End) - p.Begin))
			}
		}
		s.cursors = append(s.cursors, c)
	}
	return nil
}

// stableOffsets are a group's offsets once no transaction that might change them is open. A group that is not there has none.
func stableOffsets(ctx context.Context, admin *kadm.Client, group string) (kadm.OffsetResponses, error) {
	for {
		all, err := admin.FetchOffsets(kadm.RequireStable(ctx), group)
		if err == nil {
			err = all.Error()
		}
		switch {
		case err == nil:
			return all, nil
		case errors.Is(err, kerr.GroupIDNotFound):
			return nil, nil
		case !errors.Is(err, kerr.UnstableOffsetCommit):
			return nil, fmt.Errorf("read the offsets of group %s: %w", group, err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// run has a task process all of the past.
func (s *pastSource) run(ctx context.Context, e *Engine, t task) error {
	l := e.lane(s.name, t, &atomic.Bool{})
	l.do.poll, l.do.commit = s.poll, s.commit
	l.do.abort = func(context.Context) error { return nil }
	l.do.lease = func(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} }
	l.lastRead = time.Now()
	s.life = ctx
	ep := newEpoch()
	for !s.ended() {
		if err := l.epoch(ctx, ep); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// ended says whether all was read, and committed.
func (s *pastSource) ended() bool {
	for _, c := range s.cursors {
		if !c.ended || len(c.records) > 0 || c.next != c.committed {
			return false
		}
	}
	return true
}

// poll merges the parts. It never reads on while others are far behind.
func (s *pastSource) poll(ctx context.Context, most int) ([]*kgo.Record, error) {
	var all []*kgo.Record
	if err := s.past.Wait(s.life); err != nil {
		return nil, err
	}
	for len(all) < most && ctx.Err() == nil {
		// A question to the tables is not given up when the epoch ends: it might never be answered.
		least, second, err := s.first(s.life)
		if err != nil {
			return nil, err
		}
		if least == nil {
			break
		}
		if !s.gate.pass(s.id, least.at) {
			break
		}
		// As long as it stays behind the next one.
		for len(least.records) > 0 {
			r := least.records[0]
			if r.Offset < least.next { // another event of a record
			} else if least.at = max(least.at, event.TimeOf(r.Timestamp)); least.at > second || len(all) >= most {
				break
			}
			all, least.records, least.next = append(all, r), least.records[1:], r.Offset+1
		}
	}
	if len(all) == 0 { // at the end, or at the gate
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	s.polled += len(all)
	return all, nil
}

// first is the part whose next record is the oldest, nil at the end; second is the time of the one after it.
func (s *pastSource) first(ctx context.Context) (least *pastCursor, second event.Time, err error) {
	second = math.MaxInt64
	for _, c := range s.cursors {
		if len(c.records) == 0 && !c.ended {
			if c.records, err = s.past.Read(ctx, c.PastPart, c.next); err != nil {
				return nil, 0, fmt.Errorf("read %s/%d from offset %d on out of the tables: %w", c.Topic, c.Partition, c.next, err)
			}
			c.ended = len(c.records) == 0
		}
		if c.ended {
			continue
		}
		switch c.at = max(c.at, event.TimeOf(c.records[0].Timestamp)); {
		case least == nil || c.at < least.at:
			if least != nil {
				second = min(second, least.at)
			}
			least = c
		default:
			second = min(second, c.at)
		}
	}
	return least, second, nil
}

// commit writes the records, and how far the past was read, in one transaction.
func (s *pastSource) commit(ctx context.Context, records []*kgo.Record) (bool, error) {
	if err := s.client.BeginTransaction(); err != nil {
		return false, fmt.Errorf("begin a transaction: %w", err)
	}
	promise := kgo.AbortingFirstErrPromise(s.client)
	for _, r := range records {
		s.client.Produce(ctx, r, promise.Promise())
	}
	err := promise.Err()
	if err == nil {
		err = s.commitOffsets(ctx)
	}
	if err != nil {
		return false, errors.Join(fmt.Errorf("produce: %w", err), s.client.EndTransaction(ctx, kgo.TryAbort))
	}
	if err := s.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return false, fmt.Errorf("end a transaction: %w", err)
	}
	for _, c := range s.cursors {
		c.committed = c.next
	}
	if s.polled > 0 {
		s.past.Done(s.polled)
		s.failed = 0
	}
	s.polled = 0
	return true, nil
}

// gate keeps lanes together in source time: none gets ahead of another by more than its slack.
type gate struct {
	mu sync.Mutex
	at []event.Time
}

const gateSlack = event.Time(24 * 60 * 60 * 1000)

// join returns the number of a new lane. All must have joined before the first passes.
func (g *gate) join() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at = append(g.at, 0)
	return len(g.at) - 1
}

// pass says whether a lane may go on to a time.
func (g *gate) pass(id int, at event.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at[id] = at
	return at <= slices.Min(g.at)+gateSlack || at == math.MaxInt64
}

// Leave ends the membership of an engine's lanes, so that others get its partitions at once and not after the session timeout. Run must have
// returned.
func (e *Engine) Leave(ctx context.Context) error {
	client, err := kgo.NewClient(e.cfg.Kafka...)
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	for _, group := range slices.Sorted(maps.Keys(e.members)) {
		left, err := admin.LeaveGroup(ctx, kadm.LeaveGroup(group).InstanceIDs(e.members[group]...).Reason("the tables have a new generation"))
		if err == nil {
			left.EachError(func(l kadm.LeaveGroupResponse) {
				if !errors.Is(l.Err, kerr.UnknownMemberID) {
					err = errors.Join(err, l.Err)
				}
			})
		}
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return fmt.Errorf("leave group %s: %w", group, err)
		}
	}
	return nil
}
