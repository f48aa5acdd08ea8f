package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest"
	"github.com/afterclick/afterclick/schemas/flow"
)

// snapshot is what Kafka said at the start.
type snapshot struct {
	at      time.Time
	sources []*part              // of the shop's topics
	routed  []*part              // of the machines' topics that the router fills
	index   map[flow.Place]*part // sources by topic and partition
}

// part is a partition to be read again.
type part struct {
	topic string
	id    int32
	group string // that reads it
	// from is where comparing begins, read what the group has committed, end how far the log was. from ≤ read ≤ end.
	from, read, end int64
	// source says how its records are read, and where the router passes them to; nil of a topic of ours.
	source    *ingest.OpenSource
	compacted bool
	// deleted: what was before from is not in Kafka any more.
	deleted bool
}

// routed says that the router reads the partition, not a machine.
func (p *part) routed() bool { return p.source != nil && len(p.source.Targets) > 0 }

// clockSkew is how much earlier than its source a routed record may be stamped.
const clockSkew = 10 * time.Minute

// look takes the snapshot. The order of the questions matters, see the package.
func (v *verifier) look(ctx context.Context) (*snapshot, error) {
	e := &v.cfg.Engine
	client, err := kgo.NewClient(e.Kafka...)
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	s := &snapshot{at: time.Now(), index: map[flow.Place]*part{}}
	targets := map[string]string{} // machine's topic → its group
	sources, err := e.OpenSources()
	if err != nil {
		return nil, err
	}
	for i := range sources {
		o := &sources[i]
		group := e.Group(ingest.PartRoutes)
		if len(o.Targets) == 0 {
			group = e.Group(ingest.PartSessions)
		}
		for _, target := range o.Targets {
			targets[target] = e.Group(ingest.PartJourneys)
			if target == e.Topics.Clicks {
				targets[target] = e.Group(ingest.PartSessions)
			}
		}
		parts, err := v.parts(ctx, admin, o.Topic, group, v.cfg.Since)
		if err != nil {
			return nil, err
		}
		if len(parts) == 0 {
			return nil, fmt.Errorf("Kafka has no topic %s: see sources in the configuration", o.Topic)
		}
		for _, p := range parts {
			p.source = o
			s.index[flow.Place{Topic: p.topic, Partition: p.id}] = p
		}
		s.sources = append(s.sources, parts...)
	}
	since := v.cfg.Since
	if !since.IsZero() {
		since = since.Add(-clockSkew)
	}
	for target, group := range targets {
		parts, err := v.parts(ctx, admin, target, group, since)
		if err != nil {
			return nil, err
		}
		s.routed = append(s.routed, parts...)
	}
	if err := policies(ctx, admin, s.sources); err != nil {
		v.report.note("whether topics are compacted could not be found out (%v): rows without a record are taken for differences", err)
	}
	read, there := int64(0), int64(0)
	for _, p := range s.sources {
		read, there = read+p.read-p.from, there+p.end-p.from
	}
	if read == 0 && there > 0 {
		return nil, fmt.Errorf("%w: %s, %s and %s stand at the start of %d offsets; is the pipeline running, and kafka.prefix right?", ErrNothingRead,
			e.Group(ingest.PartRoutes), e.Group(ingest.PartSessions), e.Group(ingest.PartJourneys), there)
	}
	return s, nil
}

// parts asks for the partitions of a topic: what the group has committed first, then how far the log is.
func (v *verifier) parts(ctx context.Context, admin *kadm.Client, topic, group string, since time.Time) (parts []*part, err error) {
	committed, err := admin.FetchOffsetsForTopics(ctx, group, topic)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) && !errors.Is(err, kerr.UnknownTopicOrPartition) { // it has not begun to read
		return nil, fmt.Errorf("read the offsets of group %s: %w", group, err)
	}
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("list the start offsets of %s: %w", topic, err)
	}
	from := starts
	if !since.IsZero() {
		if from, err = admin.ListOffsetsAfterMilli(ctx, since.UnixMilli(), topic); err != nil {
			return nil, fmt.Errorf("find where %s begins in %s: %w", since.Format(time.RFC3339), topic, err)
		}
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("list the end offsets of %s: %w", topic, err)
	}
	var failed error
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(topic, end.Partition)
		begin, _ := from.Lookup(topic, end.Partition)
		if errors.Is(end.Err, kerr.UnknownTopicOrPartition) {
			return
		}
		if err := errors.Join(end.Err, start.Err, begin.Err); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s/%d: %w", topic, end.Partition, err))
			return
		}
		p := &part{topic: topic, id: end.Partition, group: group, end: end.Offset}
		p.from = min(max(start.Offset, begin.Offset), p.end)
		p.deleted = start.Offset > 0 && p.from == start.Offset
		p.read = p.from
		if c, ok := committed.Lookup(topic, end.Partition); ok && c.Err == nil {
			p.read = min(max(p.from, c.At), p.end)
		}
		parts = append(parts, p)
	})
	return parts, failed
}

// policies finds out which topics are compacted.
func policies(ctx context.Context, admin *kadm.Client, parts []*part) error {
	byTopic := map[string][]*part{}
	var topics []string
	for _, p := range parts {
		if byTopic[p.topic] == nil {
			topics = append(topics, p.topic)
		}
		byTopic[p.topic] = append(byTopic[p.topic], p)
	}
	configs, err := admin.DescribeTopicConfigs(ctx, topics...)
	if err != nil {
		return err
	}
	for _, c := range configs {
		if c.Err != nil {
			return c.Err
		}
		for _, kv := range c.Configs {
			if kv.Key == "cleanup.policy" && strings.Contains(kv.MaybeValue(), "compact") {
				for _, p := range byTopic[c.Name] {
					p.compacted = true
				}
			}
		}
	}
	return nil
}
