package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Ends are offsets by topic and partition.
type Ends map[string]map[int32]int64

// Pass waits until all that the source topics deliver now has been processed by all parts, whatever comes meanwhile. It returns where
// the source topics ended then. Rows that are held back may take Hold longer.
func (e *Engine) Pass(ctx context.Context) (sources Ends, err error) {
	client, err := kgo.NewClient(e.cfg.Kafka...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	sources = Ends{}
	for _, s := range e.cfg.Sources {
		// What a transaction that is still open has written nobody delivers.
		if sources[s.Topic], err = endsOf(ctx, admin.ListCommittedOffsets, s.Topic); err != nil {
			return nil, err
		}
	}
	// In the order of the flow: what a part has written before it passed stands before the end that is asked for next.
	for _, part := range Parts {
		group := e.group(part)
		for _, topic := range e.groups[group] {
			ends, ok := sources[topic]
			if !ok {
				if ends, err = endsOf(ctx, admin.ListEndOffsets, topic); err != nil {
					return nil, err
				}
			}
			if err := passed(ctx, admin, group, topic, ends); err != nil {
				return nil, err
			}
		}
	}
	return sources, nil
}

func endsOf(ctx context.Context, list func(context.Context, ...string) (kadm.ListedOffsets, error), topic string) (map[int32]int64, error) {
	listed, err := list(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list the offsets of %s: %w", topic, err)
	}
	ends := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends, nil
}

// passed waits until a group has committed these offsets.
func passed(ctx context.Context, admin *kadm.Client, group, topic string, ends map[int32]int64) error {
	for {
		starts, err := endsOf(ctx, admin.ListStartOffsets, topic)
		if err != nil {
			return err
		}
		committed, err := admin.FetchOffsetsForTopics(ctx, group, topic)
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return fmt.Errorf("read the offsets of group %s: %w", group, err)
		}
		behind := false
		for partition, end := range ends {
			at := starts[partition] // before that there is nothing any more
			if c, ok := committed.Lookup(topic, partition); ok && c.Err == nil {
				at = max(at, c.At)
			}
			behind = behind || at < end
		}
		if !behind {
			return nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Members are the stable names of the members of all groups of a configuration, without those of one instance.
func (c *Config) Members(ctx context.Context, without string) (names []string, err error) {
	client, err := kgo.NewClient(c.Kafka...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var groups []string
	for _, part := range Parts {
		groups = append(groups, c.Group(part))
	}
	described, err := kadm.NewClient(client).DescribeGroups(ctx, groups...)
	if err != nil {
		return nil, fmt.Errorf("look who is in our groups: %w", err)
	}
	for _, g := range described {
		if g.Err != nil && !errors.Is(g.Err, kerr.GroupIDNotFound) {
			return nil, fmt.Errorf("look who is in group %s: %w", g.Group, g.Err)
		}
		for _, m := range g.Members {
			name := m.MemberID
			if m.InstanceID != nil {
				name = *m.InstanceID
			}
			if without == "" || !slices.Contains(c.names(g.Group, without), name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// names are those that the lanes of an instance may have in a group.
func (c *Config) names(group, instance string) (names []string) {
	for i := range max(c.RouteLanes, c.SessionLanes, c.JourneyLanes) {
		names = append(names, laneName(group, instance, i))
	}
	return names
}

// laneName is a lane's name in its group, and its transactional id.
func laneName(group, instance string, i int) string {
	return fmt.Sprintf("%s.%s-%d", group, instance, i)
}
