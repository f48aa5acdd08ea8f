package pipeline_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/send"
	"github.com/afterclick/afterclick/deploy/feed/shop"
	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/deploy/pipeline"
	"github.com/afterclick/afterclick/ingest/decode"
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
	// They wait more than they work, so more of them than there are cores can run at once.
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// site is a Kafka and a ClickHouse with the settings of an instance that runs between them.
type site struct {
	settings []string
	kafka    []kgo.Opt
	conn     clickhouse.Conn
	database string
}

// newSite has a Kafka of its own and a database of its own.
func newSite(t *testing.T, settings ...string) *site {
	t.Helper()
	return siteOn(t, localtest.Kafka(t, "clickstream", "orders", "deliveries", "reviews"), settings...)
}

func siteOn(t *testing.T, brokers []string, settings ...string) *site {
	t.Helper()
	conn, options := localtest.ClickHouse(t)
	if _, err := migrate.Up(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	s := &site{kafka: []kgo.Opt{kgo.SeedBrokers(brokers...)}, conn: conn, database: options.Auth.Database}
	s.settings = append([]string{
		"kafka.brokers=" + strings.Join(brokers, ","),
		"clickhouse.address=" + localtest.URL(t), "clickhouse.database=" + s.database,
		"topics.partitions=3", "epoch.interval=200ms", "hold=1s",
	}, settings...)
	return s
}

func (s *site) config(t *testing.T, dir string) *config.Config {
	t.Helper()
	c, err := config.Load("", nil, append(s.settings, "data_dir="+dir))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// finish runs an instance in this process until everything is in the tables.
func (s *site) finish(t *testing.T, dir string) {
	t.Helper()
	i := s.start(t, dir)
	i.settle(t)
	i.stop(t)
}

func (s *site) send(t *testing.T, records []feed.Record) {
	t.Helper()
	if _, err := send.Run(t.Context(), send.Options{Kafka: s.kafka}, slices.Values(records)); err != nil {
		t.Fatal(err)
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

// simulated is some days of a small shop, kept in memory.
func simulated(t *testing.T, seed uint64, days, visits int) []feed.Record {
	t.Helper()
	c := shop.Demo(seed, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	c.Days, c.Visits, c.Products = days, visits, 60
	sh, err := shop.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var all []feed.Record
	for r := range sh.Records() {
		r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
		all = append(all, r)
	}
	return all
}

func decoded(t *testing.T, records []feed.Record) []*event.Event {
	t.Helper()
	var all []*event.Event
	for _, r := range records {
		var d decode.Decoder // of its own, because the events are kept
		e, err := d.Decode(r.Topic, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// expect puts what the oracle says into a database of its own, computes the cells of it, and compares every column of every row
// and cell there, both ways, in the engine.
func (s *site) expect(t *testing.T, want oracle.Tables) {
	t.Helper()
	conn, options := localtest.ClickHouse(t)
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
		"funnel":     " REPLACE (round(order_seconds, 6) AS order_seconds)",
		"reputation": " REPLACE (round(stars, 6) AS stars, round(reach, 6) AS reach)",
		"delivery": " REPLACE (round(days_late, 6) AS days_late, round(days_early, 6) AS days_early, " +
			"round(warehouse_seconds, 6) AS warehouse_seconds, round(carrier_seconds, 6) AS carrier_seconds)",
	}
	for _, view := range []string{"sessions", "identities", "journeys", "reviews", "funnel", "delivery", "reputation"} {
		s.same(t, view, fmt.Sprintf("SELECT *%s FROM %s.%s", sums[view], s.database, view),
			fmt.Sprintf("SELECT *%s FROM %s.%s", sums[view], options.Auth.Database, view))
	}
}

// shuffle moves every record by up to so much time, keeping what the source time says: another order of arrival.
func shuffle(records []feed.Record, by time.Duration, seed uint64) []feed.Record {
	r := rand.New(rand.NewPCG(seed, 7))
	type moved struct {
		feed.Record
		at int64
	}
	all := make([]moved, len(records))
	for i, rec := range records {
		all[i] = moved{rec, int64(rec.Arrival) + r.Int64N(by.Milliseconds())}
	}
	slices.SortStableFunc(all, func(a, b moved) int { return int(a.at - b.at) })
	out := make([]feed.Record, len(all))
	for i, m := range all {
		out[i] = m.Record
	}
	return out
}

func TestTablesEqualTheOracle(t *testing.T) {
	t.Parallel()
	records := simulated(t, 3, 12, 150)
	want := oracle.Of(oracle.Default, decoded(t, records))
	twice := slices.Clone(records)
	twice = append(twice, records...)
	slices.SortStableFunc(twice, func(a, b feed.Record) int { return int(a.Arrival - b.Arrival) })
	for _, c := range []struct {
		name     string
		records  []feed.Record
		settings []string
	}{
		{"in order", records, nil},
		{"keyed by visitor", records, []string{"keyed_by=visitor"}},
		{"in another order, in small epochs", shuffle(records, 6*time.Hour, 1), []string{"epoch.records=777", "epoch.interval=50ms"}},
		{"each event twice", twice, []string{"keyed_by=visitor", "lanes.session=1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c.settings...)
			s.send(t, c.records)
			s.finish(t, t.TempDir())
			s.expect(t, want)
			if n := s.ask(t, "SELECT toString(count()) FROM events"); n != fmt.Sprint(len(c.records)) {
				t.Errorf("%s events are stored, %d were sent", n, len(c.records))
			}
			if n := s.ask(t, "SELECT toString(count()) FROM dead_letters"); n != "0" {
				t.Errorf("%s dead letters, for example %s", n, s.ask(t, "SELECT any(detail) FROM dead_letters"))
			}
		})
	}
}

// Instances that are killed while they work, again and again, change nothing.
func TestKillsChangeNothing(t *testing.T) {
	t.Parallel()
	records := simulated(t, 4, 12, 150)
	want := oracle.Of(oracle.Default, decoded(t, records))
	s := newSite(t, "keyed_by=visitor")
	dir := t.TempDir()
	go func() {
		for chunk := range slices.Chunk(records, len(records)/20+1) {
			if t.Context().Err() != nil {
				return
			}
			if _, err := send.Run(t.Context(), send.Options{Kafka: s.kafka}, slices.Values(chunk)); err != nil {
				t.Error(err)
			}
			time.Sleep(300 * time.Millisecond)
		}
	}()
	kills := 0
	for end := time.Now().Add(12 * time.Second); time.Now().Before(end); kills++ {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(append(s.settings, "data_dir="+dir), "\n"))
		var out bytes.Buffer
		cmd.Stderr = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(1200+rand.IntN(800)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatalf("the instance ended by itself: %s", out.String())
		}
		cmd.Wait()
	}
	s.finish(t, dir)
	s.expect(t, want)
	t.Logf("%d kills", kills)
}
