package command

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/deploy/feed/shop"
)

// know puts what a simulated shop knows besides its events where a shop would have it, and tells c: products and customers in compacted
// topics, rates in a file of dir. What is there already is said again.
func know(ctx context.Context, c *config.Config, dir string, s *shop.Shop) error {
	c.Enrich.Products.Topic, c.Enrich.Customers.Topic, c.Enrich.Rates.File = "products", "customers", filepath.Join(dir, "rates.csv")
	rates, err := os.Create(c.Enrich.Rates.File)
	if err != nil {
		return err
	}
	if err := errors.Join(s.Rates(rates), rates.Close()); err != nil {
		return err
	}
	e, err := c.Engine()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(e.Kafka...)
	if err != nil {
		return err
	}
	defer client.Close()
	for topic, facts := range map[string]iter.Seq[shop.Fact]{c.Enrich.Products.Topic: s.Products(), c.Enrich.Customers.Topic: s.Customers()} {
		compact := map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}
		created, err := kadm.NewClient(client).CreateTopic(ctx, demoPartitions, 1, compact, topic)
		if err == nil {
			err = created.Err
		}
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", topic, err)
		}
		var failed error // of the first record that was not written
		for f := range facts {
			client.Produce(ctx, &kgo.Record{Topic: topic, Key: []byte(f.Key), Value: []byte(f.Value)}, func(_ *kgo.Record, err error) {
				if failed == nil {
					failed = err // the client calls back one at a time
				}
			})
		}
		if err := errors.Join(client.Flush(ctx), failed); err != nil {
			return fmt.Errorf("write topic %s: %w", topic, err)
		}
	}
	return nil
}
