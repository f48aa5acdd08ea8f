package ingest

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/afterclick/afterclick/deploy/local"
)

// written calls do after a client's first record was acknowledged, before its producer hears of it.
type written struct {
	once sync.Once
	do   func()
}

func (w *written) OnProduceRecordUnbuffered(*kgo.Record, error) { w.once.Do(w.do) }

// Another restore of the partition writes its barrier, and compaction removes ours before we have read it.
func TestRestoreWhoseBarrierIsCompacted(t *testing.T) {
	compact := "compact"
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.BrokerConfigs(local.KafkaConfigs()), kfake.SeedTopics(1, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	cfg := DefaultConfig()
	cfg.Log = slog.New(slog.DiscardHandler)
	kafka := []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}
	other, err := kgo.NewClient(kafka...)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := kadm.NewClient(other).CreateTopic(t.Context(), 1, 1, map[string]*string{"cleanup.policy": &compact}, "state"); err != nil {
		t.Fatal(err)
	}
	offsets := kadm.Offsets{}
	offsets.AddOffset("in", 0, 0, -1)
	if err := kadm.NewClient(other).CommitAllOffsets(t.Context(), "g", offsets); err != nil {
		t.Fatal(err)
	}
	compacted := make(chan struct{})
	cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		cluster.SleepControl(func() { <-compacted })
		return nil, nil, false
	})
	hook := &written{do: func() {
		defer close(compacted)
		for range 2 { // the last batch of a log is not compacted
			other.ProduceSync(context.Background(), &kgo.Record{Topic: "state", Key: []byte(barrierKey), Value: []byte("other")})
		}
		cluster.Compact()
	}}
	cfg.Kafka = append(kafka, kgo.WithHooks(hook))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r := &restorer{cfg: &cfg, group: "g", topics: keyedTopics{input: "in", changelog: "state"}, metrics: &Metrics{}, log: cfg.Log}
	if _, err := r.restore(ctx, 0); err != nil {
		t.Fatal(err)
	}
}

// Whoever waits for a restore sees how far it is.
func TestRestoreTellsProgress(t *testing.T) {
	s := newLocalShop(t)
	s.feed(10_000, 9000)
	cfg := s.config("a")
	cfg.StateDir, cfg.StateMemory, cfg.EpochRecords = "", 0, 1000
	e, stop := s.start(cfg)
	s.caughtUp(e)
	stop()
	var said bytes.Buffer
	cfg.Kafka = append(cfg.Kafka, kgo.FetchMaxPartitionBytes(1<<10)) // an epoch at a time
	cfg.Log, cfg.tellEvery = slog.New(slog.NewTextHandler(&said, nil)), time.Nanosecond
	r := &restorer{cfg: &cfg, group: "afterclick.sessions", topics: keyedTopics{input: "afterclick.clicks", changelog: "afterclick.sessions.state"},
		metrics: &Metrics{}, log: cfg.Log, sources: []string{"clickstream"}}
	p, err := r.restore(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	p.store.Close()
	var percents []int
	for line := range strings.Lines(said.String()) {
		var percent, left, states string
		for word := range strings.FieldsSeq(line) {
			key, value, _ := strings.Cut(word, "=")
			switch key {
			case "percent":
				percent = value
			case "left":
				left = value
			case "states":
				states = value
			}
		}
		if !strings.Contains(line, "msg=restoring") {
			continue
		}
		n, err := strconv.Atoi(percent)
		if _, bad := time.ParseDuration(left); err != nil || bad != nil || states == "" || n < 0 || n > 100 {
			t.Errorf("a line that says nothing: %s", line)
		}
		percents = append(percents, n)
	}
	if len(percents) < 2 || !slices.IsSorted(percents) || percents[0] > 90 {
		t.Errorf("it was %v percent:\n%s", percents, said.String())
	}
	if !strings.Contains(said.String(), "msg=restored") {
		t.Errorf("it does not say that it is done:\n%s", said.String())
	}
}
