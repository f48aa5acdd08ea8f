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

// router is ROUTE, the stateless task: decode, validate, set aside what is bad, and write each event to the topic of the machine that
// owns its key, as canonical JSON (the record as it came but for IP addresses, if it is that) with its origin. It also tells every partition of those topics how far its sources are, and when
// one is idle, because the machines' clocks are made of that.
type router struct {
	cfg     *Config
	metrics *Metrics
	locator Locator
	sources map[string]*source // by topic name
	record  decode.Record      // at hand; here, because a reader takes a pointer
	// ended tells which of the partitions have been read to their end; it may ask Kafka.
	ended func(topic string, partition int32) bool
}

func newRouter(cfg *Config, metrics *Metrics, sources []OpenSource, counts partitionCounts) *router {
	t := &router{cfg: cfg, metrics: metrics, locator: cfg.locator(), sources: map[string]*source{}}
	for _, o := range sources {
		if len(o.Targets) == 0 {
			continue
		}
		s := &source{holds: o.Holds()[0], reader: o.Reader(cfg.MaxEvent), direct: o.Direct(), partitions: counts[o.Topic], parts: map[int32]*sourcePartition{}}
		for _, topic := range o.Targets {
			s.targets = append(s.targets, target{topic, counts[topic]})
		}
		t.sources[o.Topic] = s
	}
	return t
}

// source is a source topic of the router.
type source struct {
	holds      event.Topic // mainly
	reader     *decode.Reader
	direct     bool // its records are routed as they are
	partitions int32
	targets    []target
	parts      map[int32]*sourcePartition
}

// target is a machine's topic.
type target struct {
	topic      string
	partitions int32
}

// target returns where events of a kind go.
func (s *source) target(cfg *Config, kind event.Topic) *target {
	if len(s.targets) > 1 {
		topic := cfg.target(kind)
		for i := range s.targets {
			if s.targets[i].topic == topic {
				return &s.targets[i]
			}
		}
	}
	return &s.targets[0]
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
	at, err := SourceTime(r)
	p.pending.next = r.Offset + 1
	if r.Attrs.IsControl() {
		return nil
	}
	place := flow.Place{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
	if err == nil {
		err = checkSourceTime(at, e.read)
	}
	if err != nil {
		p.pending.read = true
		t.metrics.Read.Add(1)
		t.metrics.Refused.Add(1)
		l := newLetters(e, t.cfg)
		l.add(letter{place: place, time: at, key: r.Key, body: r.Value, why: err})
		return nil
	}
	t.record = decode.Record{Key: r.Key, Value: r.Value, Headers: r.Headers, Time: at}
	parts, err := s.reader.Read(&t.record, t.cfg.Rules)
	if err != nil {
		return &notNow{r.Topic, err}
	}
	p.pending.read, p.pending.time = true, max(p.pending.time, at)
	t.metrics.Read.Add(1)
	l := newLetters(e, t.cfg)
	for i := range parts {
		part := &parts[i]
		if place.Part = uint32(i); part.Refusal != nil {
			t.metrics.Refused.Add(1)
			l.add(letter{place: place, time: at, key: r.Key, body: part.Raw, why: part.Refusal, copy: !s.direct})
			continue
		}
		o := origin{place: place, kind: part.Kind, partitions: s.partitions, time: at, state: originRecord}
		to := s.target(t.cfg, part.Kind)
		key, body := bytesOf(part.Key), part.Body
		if !s.direct { // the reader's memory
			key, body = e.arena.copy(key), e.arena.copy(body)
		}
		out := e.record(to.topic, partitionOf(part.Key, to.partitions), key, body)
		out.Headers = []kgo.RecordHeader{{Key: originHeader, Value: o.append(e.arena.take(96)[:0])}}
		if part.IP != "" {
			if place, ok := placeOf(t.locator, part.IP); ok {
				out.Headers = append(out.Headers, place)
			}
		}
		t.metrics.Routed.Add(1)
	}
	return nil
}

// finish adds the ticks: to every partition of the targets, because each partition has its own clock.
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
			o := origin{place: flow.Place{Topic: name, Partition: id, Offset: max(p.next, d.next)}, kind: s.holds,
				partitions: s.partitions, time: latest, state: originTick}
			if d.idle {
				o.state = originIdle
			}
			value := o.append(nil)
			for _, to := range s.targets {
				for partition := range to.partitions {
					e.record(to.topic, partition, nil, nil).Headers = []kgo.RecordHeader{{Key: originHeader, Value: value}}
				}
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
