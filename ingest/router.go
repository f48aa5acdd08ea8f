package ingest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
)

// router is ROUTE, the stateless task: decode, validate, set aside what is bad, and write the record as it came, but for an IP address,
// to the topic of the machine that owns its key, with its origin. It also tells every partition of those topics how far its sources are, and when
// one is idle, because the machines' clocks are made of that.
type router struct {
	cfg     *Config
	metrics *Metrics
	decoder *decode.Decoder
	locator Locator
	sources map[string]*source // by topic name
	// ended tells which of the partitions have been read to their end; it may ask Kafka.
	ended func(topic string, partition int32) bool
}

func newRouter(cfg *Config, metrics *Metrics, counts partitionCounts) *router {
	t := &router{cfg: cfg, metrics: metrics, decoder: &decode.Decoder{MaxBytes: cfg.MaxEvent}, locator: cfg.locator(), sources: map[string]*source{}}
	for _, kind := range event.SourceTopics {
		target := cfg.Topics.Journeys
		if kind == event.Clickstream {
			target = cfg.Topics.Clicks
		}
		topic := cfg.Topics.Source(kind)
		t.sources[topic] = &source{kind: kind, target: target, partitions: counts[topic], targets: counts[target], parts: map[int32]*sourcePartition{}}
	}
	return t
}

// source is a source topic of the router.
type source struct {
	kind       event.Topic
	target     string
	partitions int32 // of the source
	targets    int32 // partitions of the target
	parts      map[int32]*sourcePartition
}

type sourcePartition struct {
	next     int64
	time     event.Time
	lastRead time.Time // wall clock
	lastTick time.Time
	ticked   event.Time // what the last committed tick or record may have said
	idle     bool

	pending sourceTick // of the epoch being made, taken over when it commits
}

type sourceTick struct {
	next int64
	time event.Time
	tick bool
	idle bool
	read bool
}

const (
	// tickEvery is how often a source's time is told to partitions that get none of its records.
	tickEvery = 5 * time.Second
	// idleAfter is how long nothing must come from a source partition that was read to its end until it stops holding back clocks.
	idleAfter = 5 * time.Second
)

func (t *router) assigned(topic string, partition int32, now time.Time) {
	t.sources[topic].parts[partition] = &sourcePartition{lastRead: now}
}

func (t *router) revoked(topic string, partition int32) { delete(t.sources[topic].parts, partition) }

func (t *router) take(r *kgo.Record, e *epoch) error {
	s := t.sources[r.Topic]
	p := s.parts[r.Partition]
	if p == nil {
		e.stale = true
		return nil
	}
	at, err := sourceTime(r)
	p.pending.next = r.Offset + 1
	if r.Attrs.IsControl() {
		return nil
	}
	p.pending.read = true
	t.metrics.Read.Add(1)
	place := flow.Place{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
	value, ip := decode.WithoutIP(r.Value) // before all else: what is refused is quoted
	var ev *event.Event
	if err == nil {
		err = checkSourceTime(at, e.read)
	}
	if err == nil {
		p.pending.time = max(p.pending.time, at)
		if ev, err = t.decoder.Decode(s.kind, value); err == nil {
			err = ev.Validate(t.cfg.Rules, at)
		}
	}
	if err != nil {
		t.metrics.Refused.Add(1)
		refuse(e, t.cfg.Topics.DeadLetters, t.cfg.DeadLetterSize, place, at, r, err)
		return nil
	}
	o := origin{place: place, kind: s.kind, partitions: s.partitions, time: at, state: originRecord}
	key := ev.Key()
	out := e.record(s.target, partitionOf(key, s.targets), bytesOf(key), value)
	out.Headers = []kgo.RecordHeader{{Key: originHeader, Value: o.append(e.arena.take(96)[:0])}}
	if ip != "" && s.kind == event.Clickstream {
		if place, ok := placeOf(t.locator, ip); ok {
			out.Headers = append(out.Headers, place)
		}
	}
	t.metrics.Routed.Add(1)
	return nil
}

// finish adds the ticks: to every partition of the target, because each partition has its own clock.
//
// That a source is busy is told only with records that were read: then Kafka asks for the lane's place in the group. A lane that has lost
// its place and does not know would otherwise say it after the new owner has said that the source is idle, and the clocks would wait.
func (t *router) finish(e *epoch) error {
	polled := t.polled()
	for _, name := range slices.Sorted(maps.Keys(t.sources)) { // in an order that does not depend on chance
		s := t.sources[name]
		for _, id := range slices.Sorted(maps.Keys(s.parts)) {
			p := s.parts[id]
			d := &p.pending
			latest := max(p.time, d.time)
			switch {
			case d.read:
				d.tick = latest > p.ticked && e.now.Sub(p.lastTick) >= tickEvery || p.idle
			case !p.idle && e.now.Sub(p.lastRead) >= idleAfter && t.ended(name, id):
				d.tick, d.idle = true, true
			case polled && !p.idle && latest > p.ticked && e.now.Sub(p.lastTick) >= tickEvery:
				d.tick = true
			}
			if !d.tick {
				continue
			}
			o := origin{place: flow.Place{Topic: name, Partition: id, Offset: max(p.next, d.next)}, kind: s.kind,
				partitions: s.partitions, time: latest, state: originTick}
			if d.idle {
				o.state = originIdle
			}
			value := o.append(nil)
			for target := range s.targets {
				e.record(s.target, target, nil, nil).Headers = []kgo.RecordHeader{{Key: originHeader, Value: value}}
			}
		}
	}
	return nil
}

// polled says whether this epoch has read anything, markers included.
func (t *router) polled() bool {
	for _, s := range t.sources {
		for _, p := range s.parts {
			if p.pending.next > 0 {
				return true
			}
		}
	}
	return false
}

func (t *router) committed(now time.Time) {
	for _, s := range t.sources {
		for _, p := range s.parts {
			d := &p.pending
			p.time = max(p.time, d.time)
			p.next = max(p.next, d.next)
			if d.read {
				p.lastRead, p.idle = now, false
			}
			if d.tick {
				p.lastTick, p.ticked, p.idle = now, p.time, d.idle
			}
			*d = sourceTick{}
		}
	}
}

func (t *router) dropped() {
	for _, s := range t.sources {
		for _, p := range s.parts {
			p.pending = sourceTick{}
		}
	}
}

// settled says that nothing is left to be written without new input.
func (t *router) settled() bool {
	for _, s := range t.sources {
		for _, p := range s.parts {
			if !p.idle {
				return false
			}
		}
	}
	return true
}

// checkSourceTime refuses a source time that would drag the clocks into the future for good.
func checkSourceTime(at event.Time, now time.Time) error {
	if at.Time().After(now.Add(24 * time.Hour)) {
		return &event.Refusal{Reason: event.TimeAhead, Field: "source time",
			Detail: fmt.Sprintf("the record's own timestamp %s is more than a day ahead of now: check the producer's clock", at)}
	}
	return nil
}
