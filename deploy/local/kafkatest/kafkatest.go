// Package kafkatest gives tests a real Apache Kafka: one broker or several, each a JVM of its own on loopback, that can be killed
// and started again. It needs Java and Maven; localtest.Kafka is quicker and needs neither, but is not Kafka.
package kafkatest

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"golang.org/x/sync/errgroup"
)

// Cluster is a Kafka of this test. Its methods fail the test when they cannot do what they say, so they belong to the test's own
// goroutine; what ends in Err may be called by any, one at a time for each broker.
type Cluster struct {
	t       testing.TB
	dir     string
	brokers []*broker
	tls     *authority // nil: plain
	login   *login     // nil: nobody has to log in
	set     map[string]string
}

// Option changes what Start starts.
type Option func(*Cluster)

// Set gives a setting of server.properties to all brokers.
func Set(key, value string) Option { return func(c *Cluster) { c.set[key] = value } }

// TLS lets clients in by TLS alone. The brokers' certificates are made for this cluster, see CAFile.
func TLS() Option { return func(c *Cluster) { c.tls = &authority{} } }

// SCRAM lets clients in by TLS and SCRAM-SHA-512 alone.
func SCRAM(user, password string) Option {
	return func(c *Cluster) { c.tls, c.login = &authority{}, &login{user, password} }
}

type login struct{ user, password string }

var clusters atomic.Int64

// Start starts so many brokers and ends them with the test. Internal topics, and topics that do not say otherwise, have three
// replicas where there are three brokers, two of which must be in sync. Topics are not created by asking for them. Where Java or
// Maven is missing the test is skipped; with CI=true in the environment it fails.
func Start(t testing.TB, brokers int, options ...Option) *Cluster {
	t.Helper()
	java, jars := need(t)
	root := filepath.Join(os.TempDir(), "afterclick-kafkatest")
	sweep(root)
	c := &Cluster{t: t, dir: filepath.Join(root, strconv.Itoa(os.Getpid()), strconv.FormatInt(clusters.Add(1), 10)), set: map[string]string{}}
	for _, o := range options {
		o(c)
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		t.Fatalf("start Kafka: %v", err)
	}
	t.Cleanup(func() {
		for _, b := range c.brokers {
			b.kill()
			if t.Failed() && b.process != nil {
				t.Logf("log of broker %d ends:\n%s", b.id, b.tail())
			}
		}
		os.RemoveAll(c.dir)
		os.Remove(filepath.Dir(c.dir)) // if that was the last of this process
	})
	if c.tls != nil {
		if err := c.tls.make(c.dir); err != nil {
			t.Fatalf("make certificates for Kafka: %v", err)
		}
	}
	begin := time.Now()
	for id := 1; id <= brokers; id++ {
		b := &broker{id: id, dir: filepath.Join(c.dir, strconv.Itoa(id)), java: java, jars: jars}
		c.brokers = append(c.brokers, b)
		for _, port := range []*int{&b.port, &b.peerPort, &b.controllerPort} {
			if *port = c.freePort(); *port == 0 {
				t.Fatal("start Kafka: no port on loopback is free")
			}
		}
	}
	if err := c.format(); err != nil {
		t.Fatalf("format Kafka's storage: %v", err)
	}
	for i := range c.brokers {
		if err := c.brokers[i].start(); err != nil {
			t.Fatalf("start Kafka: %v", err)
		}
	}
	for i := range c.brokers {
		if err := c.ready(i); err != nil {
			t.Fatalf("start Kafka: %v", err)
		}
	}
	t.Logf("Apache Kafka %s, %d brokers, ready after %s", version, brokers, time.Since(begin).Round(100*time.Millisecond))
	return c
}

// properties are the settings of a broker. It is a controller too, as small clusters are.
func (c *Cluster) properties(b *broker) map[string]string {
	var voters []string
	for _, v := range c.brokers {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", v.id, v.controllerPort))
	}
	replicas := min(3, len(c.brokers))
	inSync := strconv.Itoa(min(2, replicas))
	protocol := "PLAINTEXT"
	switch {
	case c.login != nil:
		protocol = "SASL_SSL"
	case c.tls != nil:
		protocol = "SSL"
	}
	p := map[string]string{
		"process.roles":                  "broker,controller",
		"node.id":                        strconv.Itoa(b.id),
		"controller.quorum.voters":       strings.Join(voters, ","),
		"controller.listener.names":      "CONTROLLER",
		"inter.broker.listener.name":     "BROKER",
		"listeners":                      fmt.Sprintf("CLIENT://127.0.0.1:%d,BROKER://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d", b.port, b.peerPort, b.controllerPort),
		"advertised.listeners":           fmt.Sprintf("CLIENT://127.0.0.1:%d,BROKER://127.0.0.1:%d", b.port, b.peerPort),
		"listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,CLIENT:" + protocol,
		"log.dirs":                       filepath.Join(b.dir, "data"),

		"auto.create.topics.enable":                "false",
		"default.replication.factor":               strconv.Itoa(replicas),
		"min.insync.replicas":                      inSync,
		"offsets.topic.replication.factor":         strconv.Itoa(replicas),
		"offsets.topic.num.partitions":             "4", // each is files that a start has to open
		"transaction.state.log.replication.factor": strconv.Itoa(replicas),
		"transaction.state.log.min.isr":            inSync,
		"transaction.state.log.num.partitions":     "4",
		"group.initial.rebalance.delay.ms":         "500",

		// A broker that was killed is missed for so long, and cannot come back before.
		"broker.session.timeout.ms":      "4000",
		"broker.heartbeat.interval.ms":   "500",
		"num.network.threads":            "2",
		"num.io.threads":                 "4",
		"log.cleaner.dedupe.buffer.size": "16777216",
		"log.index.size.max.bytes":       "1048576", // or each partition has 10 MB of empty index
	}
	if c.tls != nil {
		p["listener.name.client.ssl.keystore.type"] = "PEM"
		p["listener.name.client.ssl.keystore.location"] = c.tls.server
	}
	if c.login != nil {
		p["sasl.enabled.mechanisms"] = "SCRAM-SHA-512"
		p["listener.name.client.scram-sha-512.sasl.jaas.config"] = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	}
	maps.Copy(p, c.set)
	return p
}

// Brokers are the addresses that clients connect to, broker i at i.
func (c *Cluster) Brokers() []string {
	var all []string
	for _, b := range c.brokers {
		all = append(all, fmt.Sprintf("127.0.0.1:%d", b.port))
	}
	return all
}

// CAFile is the authority that signed the brokers' certificates, in PEM; empty without TLS.
func (c *Cluster) CAFile() string {
	if c.tls == nil {
		return ""
	}
	return c.tls.ca
}

// User is who may log in; empty where nobody has to.
func (c *Cluster) User() string {
	if c.login == nil {
		return ""
	}
	return c.login.user
}

// Client is how a client of the test connects.
func (c *Cluster) Client() []kgo.Opt {
	options := []kgo.Opt{kgo.SeedBrokers(c.Brokers()...)}
	if c.tls != nil {
		options = append(options, kgo.DialTLSConfig(&tls.Config{RootCAs: c.tls.pool, MinVersion: tls.VersionTLS12}))
	}
	if c.login != nil {
		options = append(options, kgo.SASL(scram.Auth{User: c.login.user, Pass: c.login.password}.AsSha512Mechanism()))
	}
	return options
}

// CreateTopics creates topics with the brokers' default replication. A topic has so many partitions, or as many as it says itself:
// "orders:1".
func (c *Cluster) CreateTopics(partitions int, topics ...string) {
	c.t.Helper()
	c.CreateTopicsWith(nil, partitions, topics...)
}

// CreateTopicsWith is CreateTopics with settings of the topics.
func (c *Cluster) CreateTopicsWith(settings map[string]string, partitions int, topics ...string) {
	c.t.Helper()
	configs := map[string]*string{}
	for k, v := range settings {
		configs[k] = &v
	}
	err := c.admin(func(ctx context.Context, a *kadm.Client) error {
		for _, topic := range topics {
			n := partitions
			if name, number, ok := strings.Cut(topic, ":"); ok {
				var err error
				if n, err = strconv.Atoi(number); err != nil {
					return fmt.Errorf("topic %q: %w", topic, err)
				}
				topic = name
			}
			r, err := a.CreateTopic(ctx, int32(n), -1, configs, topic)
			if err = cmp.Or(err, r.Err); err != nil {
				return fmt.Errorf("create topic %s: %w %s", topic, err, r.ErrMessage)
			}
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// Kill is kill -9 of a broker. It returns when the process is gone.
func (c *Cluster) Kill(i int) {
	c.t.Helper()
	if err := c.KillErr(i); err != nil {
		c.t.Fatal(err)
	}
}

// KillErr is Kill for other goroutines.
func (c *Cluster) KillErr(i int) error {
	if !c.brokers[i].kill() {
		return fmt.Errorf("broker %d had already ended:\n%s", i, c.brokers[i].tail())
	}
	return nil
}

// Restart starts a broker that was killed, on the same data and port. It returns when the cluster has it back.
func (c *Cluster) Restart(i int) {
	c.t.Helper()
	if err := c.RestartErr(i); err != nil {
		c.t.Fatal(err)
	}
}

// RestartErr is Restart for other goroutines.
func (c *Cluster) RestartErr(i int) error {
	if err := c.brokers[i].start(); err != nil {
		return fmt.Errorf("restart broker %d: %w", i, err)
	}
	return c.ready(i)
}

// GaveUp is how often the brokers gave up the markers that end a transaction, and called it committed all the same. Apache Kafka does so
// (TransactionMarkerChannelManager, up to 4.3.1 at least) when a partition has no leader at that moment, which it takes for one that was
// deleted: where the only broker is killed amid the end of a transaction, and comes back. The transaction's offsets and records then
// part: some are committed, and some hang or are aborted with the next transaction.
func (c *Cluster) GaveUp() (times int) {
	for _, b := range c.brokers {
		if raw, err := os.ReadFile(b.log()); err == nil {
			times += strings.Count(string(raw), "these partitions are likely deleted already and hence can be skipped")
		}
	}
	return times
}

// startTimeout is generous: a machine that runs several test packages may be slow.
const startTimeout = 2 * time.Minute

// ready waits until broker i serves and knows that it is one of the cluster.
func (c *Cluster) ready(i int) error {
	b := c.brokers[i]
	client, err := kgo.NewClient(append(c.Client(), kgo.SeedBrokers(c.Brokers()[i]), kgo.RetryTimeout(2*time.Second))...)
	if err != nil {
		return err
	}
	defer client.Close()
	for end := time.Now().Add(startTimeout); ; {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		list, err := kadm.NewClient(client).ListBrokers(ctx)
		cancel()
		for _, l := range list {
			if err == nil && int(l.NodeID) == b.id {
				return nil
			}
		}
		if gone := b.gone(); gone || time.Now().After(end) {
			return fmt.Errorf("broker %d is not ready (ended: %v, last answer: %v):\n%s", i, gone, err, b.tail())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (c *Cluster) admin(do func(context.Context, *kadm.Client) error) error {
	client, err := kgo.NewClient(c.Client()...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return do(ctx, kadm.NewClient(client))
}

// format prepares the storage of all brokers with Kafka's own tool.
func (c *Cluster) format() error {
	var all errgroup.Group
	all.SetLimit(2)
	for _, b := range c.brokers {
		if err := b.write(c.properties(b)); err != nil {
			return err
		}
		args := []string{"format", "--cluster-id", "YWZ0ZXJjbGlja3Rlc3RzMQ", "--config", b.config()}
		if c.login != nil {
			args = append(args, "--add-scram", fmt.Sprintf("SCRAM-SHA-512=[name=%s,password=%s]", c.login.user, c.login.password))
		}
		all.Go(func() error { return b.tool("kafka.tools.StorageTool", args...) })
	}
	return all.Wait()
}

// sweep removes the folders of test processes that are gone.
func sweep(root string) {
	entries, _ := os.ReadDir(root)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			os.RemoveAll(filepath.Join(root, entry.Name()))
		}
	}
}
