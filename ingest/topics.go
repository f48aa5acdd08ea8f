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
)

// changelogConfig: compacted in small segments, because a restore reads what compaction has not reached yet as well.
var changelogConfig = map[string]*string{
	"cleanup.policy":            kadm.StringPtr("compact"),
	"segment.bytes":             kadm.StringPtr("67108864"),
	"min.cleanable.dirty.ratio": kadm.StringPtr("0.2"),
}

// largestBatch is what our own topics must take as one batch of records: the largest event with what routing adds, or the largest
// dead letter, whose key may be as long as its value.
func (c *Config) largestBatch() int32 {
	return int32(max(c.MaxEvent, 2*c.DeadLetterSize, 1<<20) + 64<<10)
}

// logConfig: what a broker does with topics by default may be compaction, which takes no ticks, because they have no key.
var logConfig = map[string]*string{"cleanup.policy": kadm.StringPtr("delete")}

// partitionCounts are the numbers of partitions of all topics that the engine touches.
type partitionCounts map[string]int32

// prepare creates our own topics where they are missing, and checks that all topics fit together. It asks again where a broker ended
// the connection at once: that is what one does which is just being stopped, but the client takes it for a mistake of TLS or SASL.
func prepare(ctx context.Context, cfg *Config) (counts partitionCounts, err error) {
	for range 3 {
		counts, err = prepareOnce(ctx, cfg)
		if _, ended := errors.AsType[*kgo.ErrFirstReadEOF](err); !ended {
			return counts, err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, err
}

func prepareOnce(ctx context.Context, cfg *Config) (partitionCounts, error) {
	// Or what the client was told of topics is believed for 5 s, also of those that are created meanwhile.
	fresh := kgo.MetadataMinAge(100 * time.Millisecond)
	client, err := kgo.NewClient(append(slices.Clip(cfg.Kafka), fresh)...)
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	if err := client.Ping(ctx); err != nil {
		return nil, fmt.Errorf("cannot reach Kafka: %w; is it running, and is kafka.brokers right? `afterclick check` tells more", err)
	}
	admin := kadm.NewClient(client)
	t := &cfg.Topics
	var sources []string
	for _, s := range cfg.Sources {
		sources = append(sources, s.Topic)
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
		return nil, fmt.Errorf("Kafka has no topic %s: create it, or name yours in the config under sources", strings.Join(missing, ", "))
	}
	largest := strconv.Itoa(int(cfg.largestBatch()))
	create := func(topic string, partitions int32, config map[string]*string) error {
		if counts[topic] > 0 {
			return makeRoom(ctx, admin, topic, cfg)
		}
		config = maps.Clone(config)
		config[largestKey] = &largest
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
	clicks := cfg.clicks()
	if clicks == t.Clicks {
		if err := create(clicks, cfg.Partitions, logConfig); err != nil {
			return nil, err
		}
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
			return nil, fmt.Errorf("topic %s has %d partitions, but %s with the states made from it has %d: keys have moved between partitions. `afterclick rebuild` makes tables and states for the new number; or give the topic its old one",
				pair[0], counts[pair[0]], pair[1], counts[pair[1]])
		}
	}
	return counts, nil
}

const largestKey = "max.message.bytes"

// makeRoom sees to it that a topic of ours takes our largest batches: one that it refused would stop its partition for good.
func makeRoom(ctx context.Context, admin *kadm.Client, topic string, cfg *Config) error {
	need := int(cfg.largestBatch())
	described, err := admin.DescribeTopicConfigs(ctx, topic)
	var has *string
	if err == nil {
		var d kadm.ResourceConfig
		d, err = described.On(topic, nil)
		err = errors.Join(err, d.Err)
		for _, c := range d.Configs {
			if c.Key == largestKey {
				has = c.Value
			}
		}
	}
	if err != nil || has == nil {
		cfg.Log.Warn("cannot see how large the records of a topic may be; it must take ours", "topic", topic, "key", largestKey, "needed", need, "error", err)
		return nil
	}
	if n, err := strconv.Atoi(*has); err != nil || n >= need {
		return nil
	}
	value := strconv.Itoa(need)
	altered, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: largestKey, Value: &value}}, topic)
	if err == nil {
		var r kadm.AlterConfigsResponse
		r, err = altered.On(topic, nil)
		err = errors.Join(err, r.Err)
	}
	if err != nil {
		return fmt.Errorf("topic %s takes records of %s bytes, the largest events need %s: set %s of the topic to that, or lower max_event: %w", topic, *has, value, largestKey, err)
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
