package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
)

// blockOf is a block of a source partition, of the events that stand at one place in their records.
type blockOf struct {
	topic     string
	partition int32
	block     int64
	part      uint32
}

// bits is a set of events.
type bits map[blockOf]*[table.LedgerBlock / 64]uint64

func (b bits) add(p flow.Place) {
	key := blockOf{p.Topic, p.Partition, p.Offset / table.LedgerBlock, p.Part}
	block := b[key]
	if block == nil {
		block = new([table.LedgerBlock / 64]uint64)
		b[key] = block
	}
	block[p.Offset%table.LedgerBlock/64] |= 1 << (p.Offset % 64)
}

func (b bits) has(p *part, offset int64, part uint32) bool {
	block := b[blockOf{p.topic, p.id, offset / table.LedgerBlock, part}]
	return block != nil && block[offset%table.LedgerBlock/64]&(1<<(offset%64)) != 0
}

// hopName says where what is not read yet stands.
func hopName(p *part, source bool) string {
	switch {
	case !p.routed():
		return "source → machine"
	case source:
		return "source → router"
	}
	return "router → machine"
}

// names interns topic names.
func names() func([]byte) string {
	known := map[string]string{}
	return func(b []byte) string {
		if s, ok := known[string(b)]; ok {
			return s
		}
		s := string(b)
		known[s] = s
		return s
	}
}

// source returns the source partition of a place, or nil if it is none of ours.
func (v *verifier) source(place flow.Place) *part {
	return v.snap.index[flow.Place{Topic: place.Topic, Partition: place.Partition}]
}

// hop reads a partition of a machine's topic. It notes what the machine has not committed, and holds the router to its order: a source
// partition has one router at a time, which reads it in order, and a key has one partition here. So what comes of one source
// partition must rise; what does not was routed again.
func (v *verifier) hop(ctx context.Context, p *part) error {
	type source struct {
		part   *part
		last   flow.Place
		ranges ranges
	}
	sources := map[string][]*source{} // by topic and partition
	find := func(place flow.Place) *source {
		list := sources[place.Topic]
		for int(place.Partition) >= len(list) {
			list = append(list, nil)
		}
		sources[place.Topic] = list
		s := list[place.Partition]
		if s == nil {
			s = &source{part: v.source(place), last: flow.Place{Offset: -1}}
			s.ranges.part = s.part
			list[place.Partition] = s
		}
		return s
	}
	intern := names()
	strangers := 0
	err := v.read(ctx, p, p.from, p.end, func(r *kgo.Record) error {
		place, ok, err := ingest.Routed(r, intern)
		switch {
		case err != nil || ok && (place.Partition < 0 || place.Partition > 1<<16 || place.Offset < 0):
			strangers++
			return nil
		case !ok:
			return nil
		}
		s := find(place)
		if s.part == nil || place.Offset < s.part.from {
			return nil // of a topic that is not ours any more, or from before the time that was asked for
		}
		if place.Offset < s.last.Offset || place.Offset == s.last.Offset && place.Part <= s.last.Part {
			s.ranges.found(Doubled, place.Offset, hopName(s.part, true), fmt.Sprintf("routed again to %s/%d, offset %d", p.topic, p.id, r.Offset))
		}
		if place.Offset >= s.last.Offset {
			s.last = place
		}
		if r.Offset >= p.read {
			v.mu.Lock()
			v.waiting.add(place)
			v.mu.Unlock()
		}
		return nil
	}, func(int64) {})
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if strangers > 0 {
		v.report.note("%s/%d: %d records do not say where they came from; only the router should write there", p.topic, p.id, strangers)
	}
	for _, list := range sources {
		for _, s := range list {
			if s == nil || s.part == nil {
				continue
			}
			s.ranges.closeAll()
			v.report.Omitted += s.ranges.omitted
			for _, f := range s.ranges.closed {
				v.report.topic(f.Topic).Doubled += f.Events
				v.report.Findings = append(v.report.Findings, f)
			}
		}
	}
	return nil
}

// trace is how far the events of a missing range came.
type trace struct {
	finding *Finding
	routed  int64
	first   string // where the first of them was routed to
	refused int64
	reason  string
}

// locate finds out on which hop what is missing was lost.
func (v *verifier) locate(ctx context.Context) error {
	byPart := map[*part][]*trace{}
	for i := range v.report.Findings {
		f := &v.report.Findings[i]
		if f.Kind == Missing {
			p := v.source(flow.Place{Topic: f.Topic, Partition: f.Partition})
			byPart[p] = append(byPart[p], &trace{finding: f})
		}
	}
	for _, list := range byPart {
		slices.SortFunc(list, func(a, b *trace) int { return int(min(max(a.finding.From-b.finding.From, -1), 1)) })
	}
	// of returns the trace of an event, if it is missing.
	of := func(place flow.Place) *trace {
		if p := v.source(place); p == nil || !v.missing.has(p, place.Offset, place.Part) {
			return nil
		}
		list := byPart[v.source(place)]
		i, found := slices.BinarySearchFunc(list, place.Offset, func(t *trace, offset int64) int {
			switch {
			case t.finding.To < offset:
				return -1
			case t.finding.From > offset:
				return 1
			}
			return 0
		})
		if !found {
			return nil
		}
		return list[i]
	}
	letters, err := v.letters(ctx)
	if err != nil {
		return err
	}
	var shortened atomic.Bool // part of what was routed is not in Kafka any more
	for _, p := range v.snap.routed {
		v.total.Add(p.read - p.from)
		if p.deleted {
			shortened.Store(true)
		}
	}
	for _, p := range letters {
		v.total.Add(p.end - p.from)
	}
	err = v.each(ctx, v.snap.routed, func(ctx context.Context, p *part) error {
		intern := names()
		return v.read(ctx, p, p.from, p.read, func(r *kgo.Record) error {
			place, ok, err := ingest.Routed(r, intern)
			if err != nil || !ok {
				return nil
			}
			v.mu.Lock()
			defer v.mu.Unlock()
			if t := of(place); t != nil {
				if t.routed++; t.first == "" {
					t.first = fmt.Sprintf("%s/%d offset %d", r.Topic, r.Partition, r.Offset)
				}
			}
			return nil
		}, func(int64) { shortened.Store(true) })
	})
	if err != nil {
		return err
	}
	err = v.each(ctx, letters, func(ctx context.Context, p *part) error {
		return v.read(ctx, p, p.from, p.end, func(r *kgo.Record) error {
			place, reason, err := ingest.Refused(r)
			if err != nil {
				return nil
			}
			v.mu.Lock()
			defer v.mu.Unlock()
			if t := of(place); t != nil {
				t.refused, t.reason = t.refused+1, reason
			}
			return nil
		}, func(int64) {})
	})
	if err != nil {
		return err
	}
	for p, list := range byPart {
		for _, t := range list {
			t.tell(p, shortened.Load())
		}
	}
	return nil
}

// letters are the partitions of the dead-letter topic.
func (v *verifier) letters(ctx context.Context) ([]*part, error) {
	client, err := kgo.NewClient(v.cfg.Engine.Kafka...)
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	return v.parts(ctx, kadm.NewClient(client), v.cfg.Engine.Topics.DeadLetters, v.cfg.Engine.Group(ingest.PartRoutes), v.cfg.Since)
}

// tell puts a trace in words.
func (t *trace) tell(p *part, shortened bool) {
	f := t.finding
	var ways []string
	count := func(n int64) string {
		if n == f.Events {
			return ""
		}
		return fmt.Sprintf("%d of them ", n)
	}
	if t.refused > 0 {
		f.Hop = "router → table"
		if !p.routed() {
			f.Hop = "machine → table"
		}
		ways = append(ways, fmt.Sprintf("%sset aside (%s), but dead_letters does not have it", count(t.refused), t.reason))
	}
	if t.routed > 0 {
		f.Hop = "machine → table"
		ways = append(ways, fmt.Sprintf("%srouted, at %s, and committed by the machine, but in no table", count(t.routed), t.first))
	}
	if rest := f.Events - t.routed - t.refused; rest > 0 {
		switch {
		case !p.routed():
			f.Hop = "machine → table"
			ways = append(ways, fmt.Sprintf("%scommitted by group %s, but in no table", count(rest), p.group))
		case shortened:
			f.Hop = "source → table"
			ways = append(ways, fmt.Sprintf("%scommitted by group %s; Kafka has deleted a part of %s, so whether it was routed cannot be told", count(rest), p.group, strings.Join(p.source.Targets, " and ")))
		default:
			f.Hop = "source → router"
			ways = append(ways, fmt.Sprintf("%scommitted by group %s, but neither routed nor set aside", count(rest), p.group))
		}
	}
	f.Detail = strings.Join(ways, "; ")
}
