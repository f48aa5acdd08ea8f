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
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		flag.Set("test.parallel", "8") // those that run side by side mostly wait: for brokers to start, for groups to miss a member
	}
	os.Exit(m.Run())
}

// kafka is a Kafka that a site stands on: how the test's own clients connect, and what an instance must be told.
type kafka struct {
	client   []kgo.Opt
	settings []string
}

func brokers(list []string) kafka {
	return kafka{[]kgo.Opt{kgo.SeedBrokers(list...)}, []string{"kafka.brokers=" + strings.Join(list, ",")}}
}

const user, password = "afterclick", "a-password"

// realKafka is one that kafkatest started: plain, or with SCRAM(user, password).
func realKafka(t *testing.T, c *kafkatest.Cluster) kafka {
	t.Helper()
	k := brokers(c.Brokers())
	k.client = c.Client()
	if ca := c.CAFile(); ca != "" {
		file := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		k.settings = append(k.settings, "kafka.tls.enabled=true", "kafka.tls.ca_file="+ca,
			"kafka.sasl.mechanism=scram-sha-512", "kafka.sasl.user="+user, "kafka.sasl.password_file="+file)
	}
	return k
}

// site is a Kafka and a ClickHouse with the settings of an instance that runs between them. Several may stand on one Kafka.
type site struct {
	settings []string
	prefix   string
	kafka    []kgo.Opt
	conn     clickhouse.Conn
	database string
}

var sites atomic.Int64

// newSite makes the shop's topics, four partitions each, and the tables.
func newSite(t *testing.T, k kafka, settings ...string) *site {
	t.Helper()
	conn, options := localtest.ClickHouse(t)
	if _, err := migrate.Up(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	s := &site{kafka: k.client, conn: conn, database: options.Auth.Database, prefix: fmt.Sprintf("site%d", sites.Add(1))}
	if err := send.CreateTopics(t.Context(), s.sending(), localtest.Partitions, -1); err != nil {
		t.Fatal(err)
	}
	s.settings = slices.Concat(k.settings, []string{
		"kafka.prefix=" + s.prefix, "clickhouse.address=" + localtest.URL(t), "clickhouse.database=" + s.database,
		"topics.partitions=3", "epoch.interval=200ms", "hold=1s",
	}, settings)
	for _, kind := range event.SourceTopics {
		s.settings = append(s.settings, "topics."+kind.String()+"="+s.topic(kind))
	}
	return s
}

// topic is the name of one of the shop's topics.
func (s *site) topic(kind event.Topic) string { return s.prefix + "-" + kind.String() }

func (s *site) sending() send.Options { return send.Options{Kafka: s.kafka, Topics: s.topic} }

// start runs an instance in this process. The returned function tells it to stop and waits for that.
func (s *site) start(t *testing.T, dir string) (p *pipeline.Pipeline, stop func()) {
	t.Helper()
	c, err := config.Load("", nil, append(slices.Clone(s.settings), "data_dir="+dir))
	if err != nil {
		t.Fatal(err)
	}
	p, err = pipeline.New(t.Context(), c, nil, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return p, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("an instance ended with: %v", err)
		}
		p.Close()
	}
}

// finish runs instances in this process, one on each folder, until everything is in the tables.
func (s *site) finish(t *testing.T, dirs ...string) {
	t.Helper()
	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var all []*pipeline.Pipeline
	for _, dir := range dirs {
		p, stop := s.start(t, dir)
		defer stop()
		all = append(all, p)
	}
	for quiet := 0; quiet < len(all); {
		p := all[quiet]
		ok, err := p.Done(ctx)
		switch {
		case ctx.Err() != nil:
			lag, _ := p.Engine.Lag(t.Context())
			t.Fatalf("not done in time: lag %d, %v", lag, err)
		case err != nil:
			t.Logf("cannot tell whether all is done: %v", err)
			fallthrough
		case !ok:
			quiet = 0
			time.Sleep(100 * time.Millisecond)
		default:
			quiet++
		}
	}
	t.Logf("finished in %s", time.Since(begin).Round(100*time.Millisecond))
}

// child is an instance in a process of its own.
type child struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

func (s *site) child(t *testing.T, dir string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(append(slices.Clone(s.settings), "data_dir="+dir), "\n"))
	c.cmd.Stderr = &c.out
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
		t.Fatalf("the instance ended by itself: %s", c.out.String())
	}
	if c.cmd.Wait(); c.cmd.ProcessState.Exited() {
		t.Fatalf("the instance ended by itself: %s", c.out.String())
	}
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
	for end := time.Now().Add(time.Minute); s.count(t, "events") < events; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d events are in the tables after a minute, not %d", s.count(t, "events"), events)
		}
	}
}

// expect puts what the oracle says into a database of its own, and compares every column of every row there, both ways, in the engine.
// It returns how many rows are missing, and how many are there that should not be.
func (s *site) expect(t *testing.T, want oracle.Tables) (lost, doubled int) {
	t.Helper()
	_, options := localtest.ClickHouse(t)
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
	oracleDB := options.Auth.Database
	for view, n := range map[string]int{"sessions": len(want.Sessions), "identities": len(want.Identities), "journeys": len(want.Journeys), "reviews": len(want.Reviews)} {
		if n == 0 {
			t.Errorf("the oracle has no %s: the test shows nothing", view)
		}
		if got := s.count(t, view); got != n {
			t.Errorf("%s: %d rows, the oracle has %d", view, got, n)
		}
		for _, side := range []struct {
			name, query string
			rows        *int
		}{
			{"only in the tables", fmt.Sprintf("SELECT * FROM %s.%s EXCEPT SELECT * FROM %s.%s", s.database, view, oracleDB, view), &doubled},
			{"only in the oracle", fmt.Sprintf("SELECT * FROM %s.%s EXCEPT SELECT * FROM %s.%s", oracleDB, view, s.database, view), &lost},
		} {
			n := s.count(t, "("+side.query+")")
			*side.rows += n
			if n != 0 {
				t.Errorf("%s: %d rows %s, for example %s", view, n, side.name, s.ask(t, "SELECT formatRow('JSONEachRow', *) FROM ("+side.query+") ORDER BY ALL LIMIT 1"))
			}
		}
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
