package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// KafkaConfigs are the broker settings that the in-process Kafka needs, in tests and in the demo alike.
func KafkaConfigs() map[string]string {
	return map[string]string{
		// kfake's compaction loses a key's last committed value when it runs while a transaction is open that aborts
		// afterwards. So it never runs by the clock; StartKafka runs it once, before any client.
		"log.cleaner.backoff.ms": "9000000000000",
		// A demo that was closed for a month goes on where it stopped: nothing expires but what a topic asks for.
		"log.retention.ms":               "-1",
		"offsets.retention.minutes":      "2147483647",
		"transactional.id.expiration.ms": "2147483647",
		"transaction.max.timeout.ms":     "300000",
	}
}

// Topic is a topic that must exist.
type Topic struct {
	Name       string
	Partitions int32
	Configs    map[string]string // such as cleanup.policy: compact
}

// KafkaConfig says how to run the in-process Kafka.
type KafkaConfig struct {
	Dir     string // where its data lives; "" keeps it in memory
	Address string // loopback host:port to listen on; "" takes a free port
	Topics  []Topic
}

// Kafka is an in-process Kafka broker. Topics are not created by asking for them.
//
// What it acknowledged survives the end of the process, however it ends: every batch is written to its file before
// the answer. It does not survive a loss of power, as the files are not synced (neither are Kafka's by default).
type Kafka struct {
	Address string

	cluster *kfake.Cluster
	intents *intents
}

// StartKafka opens the data in the folder and starts to listen.
func StartKafka(ctx context.Context, c KafkaConfig) (*Kafka, error) {
	listener, err := listenLoopback(c.Address)
	if err != nil {
		return nil, fmt.Errorf("start Kafka: %w", err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	number, _ := strconv.Atoi(port)
	gate := &gate{Listener: listener, open: make(chan struct{})}
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.Ports(number),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return gate, nil }),
		kfake.BrokerConfigs(KafkaConfigs()),
		kfake.ClusterID("afterclick-local"),
		kfake.WithLogger(kafkaLog{}),
	}
	k := &Kafka{Address: listener.Addr().String()}
	compact := false
	if c.Dir != "" {
		if err := os.MkdirAll(c.Dir, 0o755); err != nil {
			listener.Close()
			return nil, fmt.Errorf("make the Kafka folder: %w", err)
		}
		if k.intents, err = openIntents(c.Dir); err != nil {
			listener.Close()
			return nil, fmt.Errorf("start Kafka: %w", err)
		}
		options = append(options, kfake.DataDir(c.Dir))
		compact = !transactionsOpen(c.Dir)
	}
	if k.cluster, err = kfake.NewCluster(options...); err != nil {
		listener.Close()
		return nil, fmt.Errorf("start Kafka: %w", err)
	}
	k.intents.watch(k.cluster)
	if compact {
		k.cluster.Compact()
	}
	close(gate.open)
	if err := k.createTopics(ctx, c.Topics); err != nil {
		k.Close()
		return nil, fmt.Errorf("start Kafka: %w", err)
	}
	return k, nil
}

// Brokers are the addresses for clients.
func (k *Kafka) Brokers() []string { return []string{k.Address} }

// Close writes everything to disk and stops. Clients should be closed before.
func (k *Kafka) Close() error {
	k.cluster.Close()
	k.intents.close()
	return nil
}

func (k *Kafka) createTopics(ctx context.Context, topics []Topic) error {
	if len(topics) == 0 {
		return nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Address))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, topic := range topics {
		configs := map[string]*string{}
		for name, value := range maps.All(topic.Configs) {
			configs[name] = &value
		}
		_, err := admin.CreateTopic(ctx, topic.Partitions, 1, configs, topic.Name)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", topic.Name, err)
		}
	}
	return nil
}

// transactionsOpen says whether a transaction was open when Kafka was closed in order: it goes on after the start, so
// compaction must wait for another time. (After a crash open transactions are aborted while loading.)
func transactionsOpen(dir string) bool {
	raw, err := os.ReadFile(filepath.Join(dir, "session_state.json"))
	if err != nil {
		return false
	}
	var state struct {
		InProgressTxns []json.RawMessage `json:"inProgressTxns"`
	}
	return json.Unmarshal(raw, &state) != nil || len(state.InProgressTxns) > 0
}

// gate holds clients off until the start is complete.
type gate struct {
	net.Listener
	open chan struct{}
}

func (g *gate) Accept() (net.Conn, error) {
	conn, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	<-g.open
	return conn, nil
}

// kafkaLog passes what the broker has to complain about to slog.
type kafkaLog struct{}

func (kafkaLog) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		slog.Error("kafka: " + fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		if strings.Contains(format, "slow") {
			return // over 5 ms for a commit is no news on a busy laptop
		}
		slog.Warn("kafka: " + fmt.Sprintf(format, args...))
	}
}
