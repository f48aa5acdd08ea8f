package pipeline_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/send"
	"github.com/afterclick/afterclick/deploy/local/kafkatest"
	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/deploy/pipeline"
	"github.com/afterclick/afterclick/processors/oracle"
	"github.com/afterclick/afterclick/schemas/cell"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/table"
	"github.com/afterclick/afterclick/schemas/writer"
)

// childEnv makes the test binary be an instance of the pipeline that can be killed; it holds the settings, a line each.
const childEnv = "AFTERCLICK_TEST_INSTANCE"

func TestMain(m *testing.M) {
	if settings := os.Getenv(childEnv); settings != "" {
		c, err := config.Load("", nil, strings.Split(settings, "\n"))
		if err == nil {
			var p *pipeline.Pipeline
			if p, err = pipeline.New(context.Background(), c, nil, slog.Default()); err == nil {
				err = p.Run(context.Background())
			}
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if settings := os.Getenv(rebuildEnv); settings != "" {
		c, err := config.Load("", nil, strings.Split(settings, "\n"))
		if err == nil {
			err = runRebuild(c, os.Stderr)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		flag.Set("test.parallel", "4") // those that run side by side mostly wait: for brokers to start, for groups to miss a member
	}
	code := m.Run()
	if summary != "" {
		fmt.Println(summary)
	}
	os.Exit(code)
}

// summary is what a long run ends with, after all that the tests say.
var summary string

// kafka is a Kafka that a site stands on: how the test's own clients connect, and what an instance must be told.
type kafka struct {
	client   []kgo.Opt
	settings []string
}

func brokers(list []string) kafka {
	return kafka{[]kgo.Opt{kgo.SeedBrokers(list...)}, []string{"kafka.brokers=" + strings.Join(list, ",")}}
}

const user, password = "afterclick", "a-password"

// realKafka is one that kafkatest started: plain, with TLS, or with SCRAM(user, password).
func realKafka(t *testing.T, c *kafkatest.Cluster) kafka {
	t.Helper()
	k := brokers(c.Brokers())
	k.client = c.Client()
	if ca := c.CAFile(); ca != "" {
		k.settings = append(k.settings, "kafka.tls.enabled=true", "kafka.tls.ca_file="+ca)
	}
	if c.User() != "" {
		file := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		k.settings = append(k.settings, "kafka.sasl.mechanism=scram-sha-512", "kafka.sasl.user="+c.User(), "kafka.sasl.password_file="+file)
	}
	return k
}

// house is a ClickHouse that a site stands on.
type house struct {
	address string // for instances
	// fresh makes an empty database.
	fresh func(testing.TB) (clickhouse.Conn, clickhouse.Options)
}

// localHouse is this process's.
func localHouse(t *testing.T) house { return house{localtest.URL(t), localtest.ClickHouse} }

// site is a Kafka and a ClickHouse with the settings of an instance that runs between them.
type site struct {
	settings []string
	prefix   string // of our topics and groups
	topics   func(event.Topic) string
	kafka    []kgo.Opt
	house    house
	conn     clickhouse.Conn
	database string
}

// newSite has a Kafka of its own and a database of its own.
func newSite(t *testing.T, settings ...string) *site {
	t.Helper()
	return siteOn(t, localtest.Kafka(t, "clickstream", "orders", "deliveries", "reviews"), settings...)
}

// siteOn stands alone on a Kafka that has the shop's topics.
func siteOn(t *testing.T, list []string, settings ...string) *site {
	t.Helper()
	return makeSite(t, brokers(list), localHouse(t), "afterclick", event.Topic.String, settings)
}

var shared atomic.Int64

// siteBeside may share its Kafka with others: names of its own, and the shop's topics are made, four partitions each.
func siteBeside(t *testing.T, k kafka, settings ...string) *site {
	t.Helper()
	return siteBetween(t, k, localHouse(t), settings...)
}

func siteBetween(t *testing.T, k kafka, h house, settings ...string) *site {
	t.Helper()
	prefix := fmt.Sprintf("site%d", shared.Add(1))
	topics := func(kind event.Topic) string { return prefix + "-" + kind.String() }
	var sources []string
	for _, kind := range event.SourceTopics {
		sources = append(sources, fmt.Sprintf("{topic: %s, holds: %s}", topics(kind), kind))
	}
	settings = append(settings, "sources=["+strings.Join(sources, ", ")+"]")
	s := makeSite(t, k, h, prefix, topics, settings)
	if err := send.CreateTopics(t.Context(), s.sending(), localtest.Partitions, -1); err != nil {
		t.Fatal(err)
	}
	return s
}

func makeSite(t *testing.T, k kafka, h house, prefix string, topics func(event.Topic) string, settings []string) *site {
	t.Helper()
	conn, options := h.fresh(t)
	if _, err := migrate.Up(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	s := &site{prefix: prefix, topics: topics, kafka: k.client, house: h, conn: conn, database: options.Auth.Database}
	s.settings = slices.Concat(k.settings, []string{
		"kafka.prefix=" + prefix, "clickhouse.address=" + h.address, "clickhouse.database=" + s.database,
		"topics.partitions=3", "epoch.interval=200ms", "hold=1s",
	}, settings)
	return s
}

func (s *site) config(t *testing.T, dir string) *config.Config {
	t.Helper()
	c, err := config.Load("", nil, append(slices.Clone(s.settings), "data_dir="+dir))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *site) sending() send.Options { return send.Options{Kafka: s.kafka, Topics: s.topics} }

// finish runs instances in this process, one on each folder, until everything is in the tables.
func (s *site) finish(t *testing.T, dirs ...string) {
	t.Helper()
	var all []*instance
	for _, dir := range dirs {
		all = append(all, s.start(t, dir))
	}
	for _, i := range all {
		i.settle(t)
	}
	for _, i := range all {
		i.stop(t)
	}
}

// child is an instance in a process of its own.
type child struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
}

func (c *child) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(b)
}

func (c *child) output() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.String()
}

func (s *site) child(t *testing.T, dir string) *child {
	t.Helper()
	return s.childOf(t, childEnv, dir)
}

// childOf is this test binary doing what a variable of its environment tells.
func (s *site) childOf(t *testing.T, env, dir string, settings ...string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), env+"="+strings.Join(slices.Concat(s.settings, []string{"data_dir=" + dir}, settings), "\n"))
	c.cmd.Stderr = c
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.cmd.Process.Kill(); c.cmd.Wait() })
	return c
}

// kill is kill -9.
func (c *child) kill(t *testing.T) {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatalf("the instance ended by itself: %s", c.output())
	}
	if c.cmd.Wait(); c.cmd.ProcessState.Exited() {
		t.Fatalf("the instance ended by itself: %s", c.output())
	}
}

func connect(t *testing.T, options clickhouse.Options) clickhouse.Conn {
	t.Helper()
	conn, err := clickhouse.Open(&options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (s *site) send(t *testing.T, records []feed.Record) {
	t.Helper()
	if _, err := send.Run(t.Context(), s.sending(), slices.Values(records)); err != nil {
		t.Fatal(err)
	}
}

// sendSlowly sends over so much time. The returned function waits for the end.
func (s *site) sendSlowly(t *testing.T, records []feed.Record, over time.Duration) (wait func()) {
	const parts = 50
	stream := func(yield func(feed.Record) bool) {
		for chunk := range slices.Chunk(records, len(records)/parts+1) {
			for _, r := range chunk {
				if !yield(r) {
					return
				}
			}
			select {
			case <-time.After(over / parts):
			case <-t.Context().Done():
			}
		}
	}
	done := make(chan error, 1)
	go func() {
		_, err := send.Run(t.Context(), s.sending(), stream)
		done <- err
	}()
	return func() {
		t.Helper()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func (s *site) ask(t *testing.T, query string, args ...any) string {
	t.Helper()
	var answer string
	if err := s.conn.QueryRow(t.Context(), query, args...).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

func (s *site) count(t *testing.T, from string) (n int) {
	t.Helper()
	fmt.Sscan(s.ask(t, "SELECT toString(count()) FROM "+from), &n)
	return n
}

// wait waits until so many events are in the tables.
func (s *site) wait(t *testing.T, events int) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); s.count(t, "events") < events; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d events are in the tables after three minutes, not %d", s.count(t, "events"), events)
		}
	}
}

// expect puts what the oracle says into a database of its own, computes the cells of it, and compares every column of every row
// and cell there, both ways, in the engine. It returns how many rows are missing, and how many are there that should not be.
func (s *site) expect(t *testing.T, want oracle.Tables) (lost, doubled int) {
	t.Helper()
	return s.expectOf(t, want, "sessions", "identities", "journeys", "reviews", "funnel_with_bots", "delivery", "reputation")
}

// expectOf is expect of some views.
func (s *site) expectOf(t *testing.T, want oracle.Tables, views ...string) (lost, doubled int) {
	t.Helper()
	conn, options := s.house.fresh(t)
	if _, err := migrate.Up(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	w, err := writer.Open(writer.Config{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	b := table.NewBatch()
	for i := range want.Sessions {
		b.Sessions.Append(&want.Sessions[i])
	}
	for i := range want.Identities {
		b.Identities.Append(&want.Identities[i])
	}
	for i := range want.Journeys {
		b.Journeys.Append(&want.Journeys[i])
	}
	for i := range want.Reviews {
		b.Reviews.Append(&want.Reviews[i])
	}
	if err := w.Insert(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	cells := cell.Refresher{Conn: conn}
	for pending := 1; pending > 0; {
		if _, err := cells.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if pending, err = cells.Pending(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// What is summed in another order may differ in its last digits.
	sums := map[string]string{
		"funnel_with_bots": " REPLACE (round(order_seconds, 6) AS order_seconds)",
		"reputation":       " REPLACE (round(stars, 6) AS stars, round(reach, 6) AS reach)",
		"delivery": " REPLACE (round(days_late, 6) AS days_late, round(days_early, 6) AS days_early, " +
			"round(warehouse_seconds, 6) AS warehouse_seconds, round(carrier_seconds, 6) AS carrier_seconds)",
	}
	for _, view := range views {
		missing, extra := s.same(t, view, fmt.Sprintf("SELECT *%s FROM %s.%s", sums[view], s.database, view),
			fmt.Sprintf("SELECT *%s FROM %s.%s", sums[view], options.Auth.Database, view))
		lost, doubled = lost+missing, doubled+extra
	}
	return lost, doubled
}

// expectEvents: of so many records that were sent, each is in the tables once, and none was refused.
func (s *site) expectEvents(t *testing.T, sent int) (lost, doubled int) {
	t.Helper()
	places := s.count(t, "(SELECT DISTINCT topic, partition, offset FROM events)")
	if rows := s.count(t, "events"); rows != sent || places != sent {
		t.Errorf("%d rows of %d places are events, %d were sent", rows, places, sent)
		lost, doubled = max(0, sent-places), max(0, rows-sent)
	}
	if n := s.count(t, "dead_letters"); n != 0 {
		t.Errorf("%d dead letters, for example %s", n, s.ask(t, "SELECT any(detail) FROM dead_letters"))
	}
	return lost, doubled
}
