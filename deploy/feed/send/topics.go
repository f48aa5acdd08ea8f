package send

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/event"
)

// CreateTopics creates the source topics where they are missing. A replication of -1 takes the broker's default. Topics that
// exist are left as they are.
func CreateTopics(ctx context.Context, o Options, partitions int32, replication int16) error {
	client, err := kgo.NewClient(o.Kafka...)
	if err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	topics := o.Topics
	if topics == nil {
		topics = event.Topic.String
	}
	var names []string
	for _, t := range event.SourceTopics {
		if name := topics(t); name != "" {
			names = append(names, name)
		}
	}
	created, err := kadm.NewClient(client).CreateTopics(ctx, partitions, replication, nil, names...)
	if err != nil {
		return fmt.Errorf("create the source topics: %w", err)
	}
	for _, t := range created.Sorted() {
		if t.Err != nil && !errors.Is(t.Err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w %s", t.Topic, t.Err, t.ErrMessage)
		}
	}
	return nil
}
