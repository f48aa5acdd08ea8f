package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/event"
)

// changelogConfig: compacted in small segments, because a restore reads what compaction has not reached yet as well.
var changelogConfig = map[string]*string{
	"cleanup.policy":            kadm.StringPtr("compact"),
	"segment.bytes":             kadm.StringPtr("67108864"),
	"min.cleanable.dirty.ratio": kadm.StringPtr("0.2"),
}

// logConfig: what a broker does with topics by default may be compaction, which takes no ticks, because they have no key.
var logConfig = map[string]*string{"cleanup.policy": kadm.StringPtr("delete")}

const maxMessageBytes = "max.message.bytes"

// partitionCounts are the numbers of partitions of all topics that the engine touches.
type partitionCounts map[string]int32

// prepare creates our own topics where they are missing, and checks that all topics fit together.
func prepare(ctx context.Context, cfg *Config) (partitionCounts, error) {
	// Or what the client was told of topics is believed for 5 s, also of those that are created meanwhile.
	fresh := kgo.MetadataMinAge(100 * time.Millisecond)
	client, err := kgo.NewClient(append(slices.Clip(cfg.Kafka), fresh)...)
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	t := &cfg.Topics
	var sources []string
	for _, kind := range event.SourceTopics {
		sources = append(sources, t.Source(kind))
	}
	var counts partitionCounts
	var missing []string
	for try := range 4 { // not every broker knows of a new topic at once
		if try > 0 {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if counts, err = count(ctx, admin, append(sources, t.Clicks, t.Journeys, t.DeadLetters, t.SessionStates, t.JourneyStates)...); err != nil {
			return nil, err
		}
		missing = slices.DeleteFunc(slices.Clone(sources), func(s string) bool { return counts[s] > 0 })
		if len(missing) == 0 {
			break
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("Kafka has no topic %s: create it, or name yours in the config under topics", strings.Join(missing, ", "))
	}
	create := func(topic string, partitions int32, config map[string]*string) error {
		if counts[topic] > 0 {
			return admit(ctx, admin, topic, cfg.maxBatch())
		}
		config = maps.Clone(config)
		config[maxMessageBytes] = kadm.StringPtr(strconv.Itoa(int(cfg.maxBatch())))
		r, err := admin.CreateTopic(ctx, partitions, cfg.Replication, config, topic)
		if err == nil {
			err = r.Err
		}
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", topic, err)
		}
		again, err := count(ctx, admin, topic)
		if err != nil {
			return err
		}
		counts[topic] = max(again[topic], partitions)
		return nil
	}
	clicks := t.Clicks
	if cfg.KeyedByVisitor {
		clicks = t.Clickstream
	} else if err := create(t.Clicks, cfg.Partitions, logConfig); err != nil {
		return nil, err
	}
	if err := create(t.Journeys, cfg.Partitions, logConfig); err != nil {
		return nil, err
	}
	if err := create(t.DeadLetters, 1, logConfig); err != nil {
		return nil, err
	}
	for _, pair := range [][2]string{{clicks, t.SessionStates}, {t.Journeys, t.JourneyStates}} {
		if err := create(pair[1], counts[pair[0]], changelogConfig); err != nil {
			return nil, err
		}
		if counts[pair[0]] != counts[pair[1]] {
			return nil, fmt.Errorf("topic %s has %d partitions, but %s with the states made from it has %d: keys have moved between partitions. Start with a new prefix (and a new generation of the tables), or give the topic its old number of partitions",
				pair[0], counts[pair[0]], pair[1], counts[pair[1]])
		}
	}
	return counts, nil
}

// admit lets batches of so many bytes into a topic of ours that exists already: max_event may have been less when it was made.
func admit(ctx context.Context, admin *kadm.Client, topic string, most int32) error {
	configs, err := admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return fmt.Errorf("look up the settings of topic %s: %w", topic, err)
	}
	for _, r := range configs {
		for _, c := range r.Configs {
			now, err := strconv.Atoi(c.MaybeValue())
			if c.Key != maxMessageBytes || err != nil || now >= int(most) {
				continue
			}
			set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: maxMessageBytes, Value: kadm.StringPtr(strconv.Itoa(int(most)))}}
			answers, err := admin.AlterTopicConfigs(ctx, set, topic)
			for _, a := range answers {
				err = errors.Join(err, a.Err)
			}
			if err != nil {
				return fmt.Errorf("topic %s takes batches of at most %d bytes, max_event needs %d: %s cannot be raised: %w", topic, now, most, maxMessageBytes, err)
			}
		}
	}
	return nil
}

func count(ctx context.Context, admin *kadm.Client, topics ...string) (partitionCounts, error) {
	slices.Sort(topics)
	details, err := admin.ListTopics(ctx, slices.Compact(topics)...)
	if err != nil {
		return nil, fmt.Errorf("list Kafka's topics: %w", err)
	}
	counts := partitionCounts{}
	for _, d := range details {
		if d.Err != nil && !errors.Is(d.Err, kerr.UnknownTopicOrPartition) {
			return nil, fmt.Errorf("look up topic %s: %w", d.Topic, d.Err)
		}
		counts[d.Topic] = int32(len(d.Partitions))
	}
	return counts, nil
}
