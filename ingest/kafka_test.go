package ingest

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/local/kafkatest"
	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/schemas/table"
)

// shopTopics are the source topics of DefaultConfig.
var shopTopics = []string{"clickstream", "orders", "deliveries", "reviews"}

// As TestEngineAppliesEachRecordOnce on a real Kafka whose cleaner compacts the changelogs all the time, while inserts fail and lanes
// begin anew.
func TestKafkaEngineAppliesEachRecordOnce(t *testing.T) {
	c := kafkatest.Start(t, 1, kafkatest.Set("log.cleaner.backoff.ms", "100"), kafkatest.Set("log.roll.ms", "500"),
		kafkatest.Set("log.cleaner.delete.retention.ms", "500"))
	c.CreateTopics(4, shopTopics...)
	var inserts atomic.Int64 // of all lanes
	applyEachOnce(t, c.Client(), 20*time.Millisecond, func() error {
		if inserts.Add(1)%25 == 0 {
			return fmt.Errorf("the insert fails on purpose")
		}
		return nil
	})
	client, err := kgo.NewClient(append(c.Client(), kgo.ConsumeTopics("afterclick.sessions.state"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), "afterclick.sessions.state")
	if err != nil {
		t.Fatal(err)
	}
	written, left := int64(0), int64(0)
	ends.Each(func(o kadm.ListedOffset) { written += o.Offset })
	for ended := false; !ended; {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		fetches := client.PollFetches(ctx)
		ended = ctx.Err() != nil
		cancel()
		left += int64(fetches.NumRecords())
	}
	t.Logf("%d of %d records of the changelog are left", left, written)
	if left > written/2 {
		t.Error("the cleaner did not do much: the test shows little")
	}
}

// The largest event that is let in gets through, and one byte more is a dead letter; also where our topics were made for smaller ones.
func TestLargestEvent(t *testing.T) {
	t.Run("kfake", func(t *testing.T) { largestEvent(t, []kgo.Opt{kgo.SeedBrokers(localtest.Kafka(t)...)}) })
	t.Run("Kafka", func(t *testing.T) {
		c := kafkatest.Start(t, 1)
		c.CreateTopics(1, "afterclick.clicks", "afterclick.deadletters")
		largestEvent(t, c.Client())
	})
}

func largestEvent(t *testing.T, kafka []kgo.Opt) {
	const most = 1 << 20
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.ProducerBatchMaxBytes(2 << 20)}, kafka...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	large := "2097152"
	if _, err := kadm.NewClient(client).CreateTopics(t.Context(), 1, -1, map[string]*string{"max.message.bytes": &large}, shopTopics...); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{most, most + 1} {
		head := fmt.Sprintf(`{"id":"e%d","type":"page","time":%q,"source":"web","visitor":"v","noise":"`, size, time.Now().UTC().Format(time.RFC3339Nano))
		body := []byte(head)
		for len(body) < size-2 { // what no codec makes smaller
			body = append(body, rand.Text()...)
		}
		body = append(body[:size-2], `"}`...)
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "clickstream", Key: []byte("v"), Value: body}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	cfg := DefaultConfig()
	cfg.Kafka, cfg.Instance, cfg.Partitions, cfg.Epoch = kafka, "a", 1, 50*time.Millisecond
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	cfg.NewSession, cfg.NewJourney = func() Machine { return &tally{} }, func() Machine { return &tally{} }
	cfg.Insert = func(context.Context, *table.Batch) error { return nil }
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	for e.Metrics.Accepted.Load() == 0 || e.Metrics.Refused.Load() == 0 {
		if time.Sleep(50 * time.Millisecond); ctx.Err() != nil || e.Metrics.Restarts.Load() > 0 {
			t.Fatalf("it does not get through: routed %d accepted %d refused %d, %d lanes began anew", e.Metrics.Routed.Load(),
				e.Metrics.Accepted.Load(), e.Metrics.Refused.Load(), e.Metrics.Restarts.Load())
		}
	}
	for ok := false; !ok; ok, _ = e.CaughtUp(ctx) {
		if time.Sleep(100 * time.Millisecond); ctx.Err() != nil || e.Metrics.Restarts.Load() > 0 {
			t.Fatalf("it does not come to rest, %d lanes began anew", e.Metrics.Restarts.Load())
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := e.Metrics.Accepted.Load(); n != 1 {
		t.Errorf("%d events were accepted", n)
	}
}
