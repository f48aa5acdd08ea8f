package verify_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/send"
	"github.com/afterclick/afterclick/deploy/feed/shop"
	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/deploy/pipeline"
	"github.com/afterclick/afterclick/ingest/verify"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/migrate"
)

// site is a Kafka and a ClickHouse with an instance's settings.
type site struct {
	settings []string
	kafka    []kgo.Opt
	conn     clickhouse.Conn
	dir      string
}

func newSite(t testing.TB, settings ...string) *site {
	t.Helper()
	brokers := localtest.Kafka(t, "clickstream", "orders", "deliveries", "reviews")
	conn, options := localtest.ClickHouse(t)
	if _, err := migrate.Up(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	return &site{kafka: []kgo.Opt{kgo.SeedBrokers(brokers...)}, conn: conn, dir: t.TempDir(),
		settings: append([]string{
			"kafka.brokers=" + strings.Join(brokers, ","), "clickhouse.address=" + localtest.URL(t), "clickhouse.database=" + options.Auth.Database,
			"topics.partitions=3", "epoch.interval=100ms", "hold=1s", "dead_letter.size=1kB",
		}, settings...)}
}

func (s *site) config(t testing.TB) *config.Config {
	t.Helper()
	c, err := config.Load("", nil, append(s.settings, "data_dir="+s.dir))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// start runs parts of the pipeline until the returned function is called.
func (s *site) start(t testing.TB, parts ...string) (*pipeline.Pipeline, func()) {
	t.Helper()
	p, err := pipeline.New(t.Context(), s.config(t), parts, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return p, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		p.Close()
	}
}

// finish runs the pipeline, or parts of it, until they have read everything.
func (s *site) finish(t testing.TB, parts ...string) {
	t.Helper()
	p, stop := s.start(t, parts...)
	defer stop()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		ok, err := p.Engine.CaughtUp(t.Context())
		switch {
		case err != nil:
			t.Fatal(err)
		case ok:
			return
		case time.Now().After(end):
			t.Fatal("not caught up in time")
		}
	}
}

func (s *site) send(t testing.TB, records []feed.Record) {
	t.Helper()
	if _, err := send.Run(t.Context(), send.Options{Kafka: s.kafka}, slices.Values(records)); err != nil {
		t.Fatal(err)
	}
}

func (s *site) client(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(append([]kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner())}, s.kafka...), opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// produce writes values to partition 0 of a topic in one transaction, which is committed or aborted.
func (s *site) produce(t testing.TB, topic string, commit kgo.TransactionEndTry, values ...string) (first int64) {
	t.Helper()
	client := s.client(t, kgo.TransactionalID("shop"))
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for i, value := range values {
		r := &kgo.Record{Topic: topic, Value: []byte(value)}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = r.Offset
		}
	}
	if err := client.EndTransaction(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
	return first
}

func (s *site) verify(t testing.TB, change func(*verify.Config)) *verify.Report {
	t.Helper()
	e, err := s.config(t).Engine()
	if err != nil {
		t.Fatal(err)
	}
	c := verify.Config{Engine: e, ClickHouse: s.conn, Settle: 100 * time.Millisecond}
	if change != nil {
		change(&c)
	}
	r, err := verify.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range r.Topics {
		if topic.Delivered != topic.Accepted+topic.Duplicate+topic.Late+topic.Refused+topic.UnderWay+topic.Missing {
			t.Errorf("the balance does not add up: %+v", topic)
		}
	}
	return r
}

func (s *site) exec(t testing.TB, statement string) {
	t.Helper()
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"mutations_sync": 2}))
	if err := s.conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (s *site) number(t testing.TB, query string) (n int64) {
	t.Helper()
	if err := s.conn.QueryRow(t.Context(), "SELECT toInt64(("+query+"))").Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// simulated is some days of a small shop, kept in memory.
func simulated(t testing.TB, days, visits int) []feed.Record {
	t.Helper()
	c := shop.Demo(5, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
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

func sum(r *verify.Report) (all verify.Topic) {
	for _, t := range r.Topics {
		all.Records += t.Records
		all.Delivered += t.Delivered
		all.Accepted += t.Accepted
		all.Duplicate += t.Duplicate
		all.Late += t.Late
		all.Refused += t.Refused
		all.UnderWay += t.UnderWay
		all.Missing += t.Missing
		all.Waiting += t.Waiting
	}
	return all
}

func says(r *verify.Report) (lines []string) {
	for _, f := range r.Findings {
		lines = append(lines, f.String())
	}
	return lines
}

// TestClean: duplicates, dead letters of all sizes, markers and aborted records of transactions are no differences.
func TestClean(t *testing.T) {
	for name, settings := range map[string][]string{"routed": nil, "keyed by visitor": {"keyed_by=visitor"}} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, settings...)
			records := simulated(t, 4, 100)
			s.send(t, records)
			s.send(t, records[:50])
			s.produce(t, "orders", kgo.TryAbort, "never was", "nor this")
			s.produce(t, "orders", kgo.TryCommit, "no JSON", `{"id":"x"}`, "", strings.Repeat("y", 5000), strings.Repeat("z", 1<<19))
			s.produce(t, "clickstream", kgo.TryAbort, "nor this")
			s.produce(t, "reviews", kgo.TryCommit, "bad")
			s.finish(t)
			r := s.verify(t, nil)
			all := sum(r)
			if !r.Clean || len(r.Findings) > 0 || len(r.Notes) > 0 {
				t.Errorf("%q %q", says(r), r.Notes)
			}
			if want := int64(len(records) + 50 + 6); all.Delivered != want || all.Refused != 6 || all.Duplicate+all.Late < 50 || all.Accepted < int64(len(records)*9/10) {
				t.Errorf("%d were sent: %+v", want, all)
			}
			// The ledger counts the same.
			if s.number(t, "SELECT sum(events) FROM ledger") != all.Delivered || s.number(t, "SELECT sum(duplicate) FROM ledger") != all.Duplicate ||
				s.number(t, "SELECT sum(refused) FROM ledger") != 6 || s.number(t, "SELECT sum(holes) FROM ledger WHERE topic = 'orders' AND partition = 0") != 3 {
				t.Errorf("the ledger says %d read, %d duplicates", s.number(t, "SELECT sum(events) FROM ledger"), s.number(t, "SELECT sum(duplicate) FROM ledger"))
			}
			// What retention deletes is told and no loss; and one can leave out what is old.
			if _, err := kadm.NewClient(s.client(t)).DeleteRecords(t.Context(), kadm.Offsets{"orders": {0: {Topic: "orders", At: 7}}}); err != nil {
				t.Fatal(err)
			}
			gone := s.number(t, "SELECT countIf(offset < 7) FROM (SELECT topic, partition, offset FROM events UNION ALL SELECT topic, partition, offset FROM dead_letters) WHERE topic = 'orders' AND partition = 0")
			if r := s.verify(t, nil); !r.Clean || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "orders/0: Kafka has deleted the offsets before 7") || sum(r).Delivered != all.Delivered-gone {
				t.Errorf("after deletion: %+v", r)
			}
			if r := s.verify(t, func(c *verify.Config) { c.Since = time.Now().Add(time.Hour) }); !r.Clean || sum(r).Delivered != 0 || sum(r).Waiting != 0 {
				t.Errorf("since later: %+v", r)
			}
		})
	}
}

// TestLive verifies again and again while an instance works under load, and is stopped and started.
func TestLive(t *testing.T) {
	for name, settings := range map[string][]string{"routed": nil, "keyed by visitor": {"keyed_by=visitor", "lanes.session=1"}} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, settings...)
			records := simulated(t, 20, 300)
			ctx, cancel := context.WithCancel(t.Context())
			fed := make(chan struct{})
			go func() {
				defer close(fed)
				for ctx.Err() == nil { // again and again: the second time they are duplicates
					for chunk := range slices.Chunk(records, 500) {
						if _, err := send.Run(ctx, send.Options{Kafka: s.kafka}, slices.Values(chunk)); err != nil && ctx.Err() == nil {
							t.Error(err)
						}
						if ctx.Err() != nil {
							return
						}
						time.Sleep(30 * time.Millisecond)
					}
				}
			}()
			_, stop := s.start(t)
			runs, moving := 0, 0
			for end := time.Now().Add(8 * time.Second); runs < 4 || time.Now().Before(end); runs++ {
				e, err := s.config(t).Engine()
				if err != nil {
					t.Fatal(err)
				}
				r, err := verify.Run(t.Context(), verify.Config{Engine: e, ClickHouse: s.conn, Settle: time.Nanosecond}) // one server has no lag
				if err != nil {
					if runs > 5 || !strings.Contains(err.Error(), verify.ErrNothingRead.Error()) {
						t.Fatal(err)
					}
					time.Sleep(100 * time.Millisecond)
					continue
				}
				if all := sum(r); all.UnderWay+all.Waiting > 0 {
					moving++
				}
				if !r.Clean {
					t.Fatalf("run %d: %q", runs, says(r))
				}
				if runs == 2 {
					stop()
					_, stop = s.start(t)
				}
			}
			cancel()
			<-fed
			stop()
			t.Logf("%d runs, %d while records were on their way", runs, moving)
			if moving == 0 {
				t.Error("nothing was on its way in any run: the test shows nothing")
			}
		})
	}
}

// TestUnderWay: what waits is told by hop, and is no difference.
func TestUnderWay(t *testing.T) {
	s := newSite(t)
	records := simulated(t, 2, 60)
	s.send(t, records)
	e, err := s.config(t).Engine()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify.Run(t.Context(), verify.Config{Engine: e, ClickHouse: s.conn}); err == nil || !strings.Contains(err.Error(), "have read nothing yet") {
		t.Errorf("before anything was read: %v", err)
	}
	s.finish(t, "routes")
	s.send(t, records[:40])
	r := s.verify(t, nil)
	all := sum(r)
	if !r.Clean || all.UnderWay != int64(len(records)) || all.Delivered != all.UnderWay || all.Waiting != 40 {
		t.Errorf("%d routed, 40 waiting: %+v", len(records), all)
	}
	for _, f := range r.Findings {
		if f.Kind == verify.UnderWay && (f.Hop != "router → machine" || f.From != 0 || f.Events != f.To+1) ||
			f.Kind == verify.Waiting && f.Hop != "source → router" || f.Kind.Difference() {
			t.Error(f)
		}
	}
	s.finish(t)
	if r := s.verify(t, nil); !r.Clean || sum(r).UnderWay+sum(r).Waiting > 0 || sum(r).Delivered != int64(len(records)+40) {
		t.Errorf("at the end: %+v", r)
	}
}

// TestDamage plants one damage after the other. Each must be found, named by its offsets, and nothing else.
func TestDamage(t *testing.T) {
	s := newSite(t)
	s.send(t, simulated(t, 6, 120))
	hole := s.produce(t, "deliveries", kgo.TryAbort, "never was")
	bad := s.produce(t, "reviews", kgo.TryCommit, "no JSON")
	// A router that skips: its group begins behind what is there.
	var skipped kadm.Offsets
	skipped.Add(kadm.Offset{Topic: "orders", Partition: 2, At: 4, LeaderEpoch: -1})
	if err := kadm.NewClient(s.client(t)).CommitAllOffsets(t.Context(), "afterclick.routes", skipped); err != nil {
		t.Fatal(err)
	}
	s.finish(t)
	var before []string
	expect := func(name string, want ...string) {
		t.Helper()
		r := s.verify(t, nil)
		got := says(r)
		fresh := slices.DeleteFunc(slices.Clone(got), func(line string) bool { return slices.Contains(before, line) })
		before = got
		if r.Clean || len(fresh) != len(want) {
			t.Fatalf("%s: found %q, want %q", name, fresh, want)
		}
		for i := range want {
			if ok := strings.HasPrefix(fresh[i], want[i]); !ok {
				if cut, rest, two := strings.Cut(want[i], " … "); !two || !strings.HasPrefix(fresh[i], cut) || !strings.HasSuffix(fresh[i], rest) {
					t.Errorf("%s: found %q, want %q", name, fresh[i], want[i])
				}
			}
		}
	}
	expect("skipped by the router", "missing  orders/2 offsets 0–3, source → router: committed by group afterclick.routes, but neither routed nor set aside")
	s.exec(t, "ALTER TABLE stored_events DELETE WHERE topic = 'clickstream' AND partition = 1 AND (offset BETWEEN 17 AND 20 OR offset = 30)")
	expect("rows deleted", "missing  clickstream/1 offsets 17–20, machine → table: routed, at afterclick.clicks/ … and committed by the machine, but in no table",
		"missing  clickstream/1 offset 30, machine → table")
	s.exec(t, fmt.Sprintf("ALTER TABLE stored_dead_letters DELETE WHERE topic = 'reviews' AND offset = %d", bad))
	expect("dead letter deleted", fmt.Sprintf("missing  reviews/0 offset %d, router → table: set aside (bad_json), but dead_letters does not have it", bad))
	s.exec(t, "INSERT INTO stored_events SELECT * REPLACE(toInt64(999999) AS offset) FROM (SELECT * FROM stored_events FINAL WHERE topic = 'clickstream' AND partition = 2 AND offset = 5)")
	expect("a row beyond the end", "stray  clickstream/2 offset 999999: the topic ends at")
	s.exec(t, fmt.Sprintf("INSERT INTO stored_events SELECT * REPLACE(toInt64(%d) AS offset) FROM (SELECT * FROM stored_events FINAL WHERE topic = 'deliveries' AND partition = 0 AND offset = 1)", hole))
	expect("a row in a hole", fmt.Sprintf("stray  deliveries/0 offset %d: events has it, but Kafka delivers no such record", hole))
	s.exec(t, "INSERT INTO stored_events SELECT * REPLACE(time + INTERVAL 3 DAY AS time) FROM (SELECT * FROM stored_events FINAL WHERE topic = 'clickstream' AND partition = 3 AND offset IN (8, 9))")
	expect("rows on another day", "doubled  clickstream/3 offsets 8–9: events has it under several days")
	s.exec(t, "INSERT INTO stored_dead_letters (source_time, topic, partition, offset, hash) SELECT source_time, topic, partition, offset, xxHash64(body) FROM (SELECT * FROM stored_events FINAL WHERE topic = 'orders' AND partition = 1 AND offset = 2)")
	expect("accepted and refused", "doubled  orders/1 offset 2: both events and dead_letters have it")
	s.exec(t, "ALTER TABLE stored_events UPDATE body = replaceOne(body, '\"', '!') WHERE topic = 'clickstream' AND partition = 0 AND offset = 11")
	expect("a body altered", "altered  clickstream/0 offset 11: the body in events is not what Kafka delivers")
	s.exec(t, "INSERT INTO stored_events SELECT * REPLACE('{}' AS body, toUInt64(0) AS revision) FROM (SELECT * FROM stored_events FINAL WHERE topic = 'clickstream' AND partition = 0 AND offset = 13)")
	expect("an older version with another body", "altered  clickstream/0 offset 13: the body in events is not what Kafka delivers")

	// Routed twice: what the router wrote once is written again.
	reader := s.client(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"afterclick.journeys": {0: kgo.NewOffset().AtStart()}}))
	var again *kgo.Record
	for again == nil {
		for _, r := range reader.PollFetches(t.Context()).Records() {
			if i := slices.IndexFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == "afterclick-origin" }); i >= 0 && strings.HasPrefix(string(r.Headers[i].Value), "deliveries ") && bytes.HasSuffix(r.Headers[i].Value, []byte(" r")) {
				again = &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers}
				break
			}
		}
	}
	if err := s.client(t).ProduceSync(t.Context(), again).FirstErr(); err != nil {
		t.Fatal(err)
	}
	expect("routed again", "doubled  deliveries/ … , source → router: routed again to afterclick.journeys/0, offset "+fmt.Sprint(again.Offset))

	// A compacted topic delivers less than there was: rows without a record are told, and no difference.
	_, err := kadm.NewClient(s.client(t)).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: "cleanup.policy", Value: kadm.StringPtr("compact")}}, "deliveries")
	if err != nil {
		t.Fatal(err)
	}
	if r := s.verify(t, nil); len(r.Findings) != len(before)-1 || !slices.Contains(r.Notes, "deliveries/0: 1 rows are of records that Kafka has compacted away") {
		t.Errorf("compacted: %q %q", says(r), r.Notes)
	}

	r := s.verify(t, nil)
	var missing, doubled, stray, altered int64
	for _, topic := range r.Topics {
		missing, doubled, stray, altered = missing+topic.Missing, doubled+topic.Doubled, stray+topic.Stray, altered+topic.Altered
	}
	if missing != 4+5+1 || doubled != 2+1+1 || stray != 1 || altered != 2 {
		t.Errorf("%d missing, %d doubled, %d stray, %d altered", missing, doubled, stray, altered)
	}
}

// TestManyBlocks: more than one question to ClickHouse per partition, with damage on both sides of a block's edge.
func TestManyBlocks(t *testing.T) {
	s := newSite(t, "keyed_by=visitor")
	const n = 300_000
	client := s.client(t)
	at := time.Now().UTC().Truncate(time.Millisecond)
	for i := range n {
		r := &kgo.Record{Topic: "clickstream", Partition: 0, Key: fmt.Appendf(nil, "v%d", i%5000),
			Value: fmt.Appendf(nil, `{"id":"e%d","type":"page","time":"%s","source":"web","visitor":"v%d","url":"https://shop.example/p/%d"}`, i, at.Format(time.RFC3339), i%5000, i)}
		client.Produce(t.Context(), r, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.finish(t)
	if r := s.verify(t, nil); !r.Clean || sum(r).Accepted+sum(r).Duplicate != n {
		t.Fatalf("%+v", r)
	}
	s.exec(t, "ALTER TABLE stored_events DELETE WHERE offset BETWEEN 65530 AND 65540 OR offset BETWEEN 262140 AND 262150 OR offset >= 299999 OR offset = 0")
	got := says(s.verify(t, nil))
	want := []string{"clickstream/0 offset 0,", "clickstream/0 offsets 65530–65540,", "clickstream/0 offsets 262140–262150,", "clickstream/0 offset 299999,"}
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i, w := range want {
		if !strings.HasPrefix(got[i], "missing  "+w) || !strings.HasSuffix(got[i], "committed by group afterclick.sessions, but in no table") {
			t.Errorf("%q, want %q", got[i], w)
		}
	}
	if n := s.number(t, "SELECT count() FROM ledger"); n != 5 {
		t.Errorf("the ledger has %d blocks", n)
	}
}

// BenchmarkVerify reads a million clicks again, keyed by visitor, and compares them.
func BenchmarkVerify(b *testing.B) {
	s := newSite(b, "keyed_by=visitor", "epoch.interval=1s")
	records := simulated(b, 10, 1000)
	records = slices.DeleteFunc(records, func(r feed.Record) bool { return r.Topic != event.Clickstream })
	n, bytes := 0, 0
	for n < 1_000_000 {
		s.send(b, records)
		n += len(records)
	}
	for _, r := range records {
		bytes += len(r.Value)
	}
	s.finish(b, "sessions")
	b.SetBytes(int64(bytes * (n / len(records))))
	b.ReportAllocs()
	begin := cpu(b)
	for b.Loop() {
		if r := s.verify(b, nil); !r.Clean || sum(r).Delivered != int64(n) {
			b.Fatalf("%+v", r)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64((cpu(b)-begin).Microseconds())/float64(n*b.N), "cpu-µs/event") // broker and engine included
}

// cpu is the time that this process, with its broker and its engine, has spent.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
