package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/local/kafkatest"
	"github.com/afterclick/afterclick/deploy/pipeline"
	"github.com/afterclick/afterclick/ingest/verify"
	"github.com/afterclick/afterclick/processors/oracle"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/migrate"
)

// shortRules are the rules that tables are rebuilt with.
var shortRules = oracle.Rules{Gap: 10 * time.Minute, MaxLength: oracle.Default.MaxLength, Horizon: oracle.Default.Horizon,
	Lookups: oracle.Default.Lookups}

const shortGap = "session.gap=10m"

// follower is an instance that goes on with the next generation.
type follower struct {
	now  atomic.Pointer[pipeline.Pipeline]
	stop func()
}

func (s *site) follow(t *testing.T, dir string) *follower {
	t.Helper()
	f := &follower{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	run := pipeline.Follower{Config: s.config(t, dir), Log: testLog(t), Show: func(p *pipeline.Pipeline, err error) {
		if err != nil {
			t.Errorf("an instance cannot go on: %v", err)
		}
		f.now.Store(p)
	}}
	go func() { ended <- run.Run(ctx) }()
	f.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("an instance ended with %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("an instance does not stop")
		}
	})
	t.Cleanup(f.stop)
	return f
}

// settle waits until everything that Kafka has is in the tables of a generation.
func (f *follower) settle(t *testing.T, generation uint16) {
	t.Helper()
	until(t, 3*time.Minute, fmt.Sprintf("everything is in the tables of generation %d", generation), func() bool {
		p := f.now.Load()
		if p == nil || p.Generation != generation {
			return false
		}
		ok, _ := p.Done(t.Context())
		return ok
	})
}

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// rebuilding makes the next generation, with more settings. said is called at each step.
func (s *site) rebuilding(t *testing.T, dir string, said func(string), settings ...string) *pipeline.Rebuild {
	t.Helper()
	s.dropLater(t)
	c, err := config.Load("", nil, slices.Concat(s.settings, []string{"data_dir=" + dir}, settings))
	if err != nil {
		t.Fatal(err)
	}
	return &pipeline.Rebuild{Config: c, Log: testLog(t), Planned: func(*pipeline.Plan) {}, Progress: func(string, int64, int64) {},
		Say: func(format string, args ...any) {
			t.Logf(format, args...)
			if said != nil {
				said(fmt.Sprintf(format, args...))
			}
		}}
}

// dropLater drops the databases of later generations at the end.
func (s *site) dropLater(t *testing.T) {
	t.Cleanup(func() {
		for n := range uint16(5) {
			_ = s.conn.Exec(context.Background(), "DROP DATABASE IF EXISTS "+migrate.DatabaseOf(s.database, n+2)+" SYNC")
		}
	})
}

// watch reads the views again and again until the returned function is called, which tells how often. What was there once must stay.
func (s *site) watch(t *testing.T) (stop func() int) {
	end, ended := make(chan struct{}), make(chan int)
	go func() {
		most := map[string]int{}
		for n := 0; ; n++ {
			for _, view := range []string{"events", "journeys", "reviews", "sessions", "funnel", "promises", "ledger", "delivery"} {
				var count uint64
				if err := s.conn.QueryRow(context.Background(), "SELECT count() FROM "+view).Scan(&count); err != nil {
					t.Errorf("a reader of %s: %v", view, err)
				}
				least := most[view]
				if view == "sessions" || view == "funnel" || view == "delivery" { // what comes late joins sessions, and moves cells
					least -= 5 + least/50
				}
				if int(count) < least {
					t.Errorf("%s had %d rows, and has %d", view, most[view], count)
				}
				most[view] = max(most[view], int(count))
			}
			select {
			case <-end:
				ended <- n
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	stop = sync.OnceValue(func() int { close(end); return <-ended })
	t.Cleanup(func() { stop() })
	return stop
}

// truncate has Kafka delete a share of the records of all source partitions.
func (s *site) truncate(t *testing.T, share float64) {
	t.Helper()
	client, err := kgo.NewClient(s.kafka...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	ends, err := admin.ListEndOffsets(t.Context(), s.topics(1), s.topics(2), s.topics(3), s.topics(4))
	if err != nil {
		t.Fatal(err)
	}
	to := kadm.Offsets{}
	ends.Each(func(o kadm.ListedOffset) { to.AddOffset(o.Topic, o.Partition, int64(float64(o.Offset)*share), -1) })
	deleted, err := admin.DeleteRecords(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	if err := deleted.Error(); err != nil {
		t.Fatal(err)
	}
}

// receipt fails unless verify finds every record that Kafka has in the current generation.
func (s *site) receipt(t *testing.T, c *config.Config) {
	t.Helper()
	now, err := pipeline.Now(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := now.Engine()
	if err != nil {
		t.Fatal(err)
	}
	options, err := now.ClickHouse.Options()
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, options)
	r, err := verify.Run(t.Context(), verify.Config{Engine: engine, ClickHouse: conn})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Clean {
		t.Errorf("verify: %v", r.Findings)
	}
}

// Tables that are rebuilt with other settings, while instances work and people read, are those of one pass with the new settings.
func TestRebuild(t *testing.T) {
	t.Parallel()
	for _, settings := range [][]string{nil, {"keyed_by=visitor"}} {
		t.Run(strings.Join(append([]string{"with"}, settings...), " "), func(t *testing.T) {
			t.Parallel()
			records := simulated(t, 11, 12, 150)
			s := newSite(t, append(settings, "kafka.session_timeout=6s")...)
			dirs := []string{t.TempDir(), t.TempDir()}
			s.send(t, records[:len(records)/2])
			first, second := s.follow(t, dirs[0]), s.follow(t, dirs[1])
			first.settle(t, 1)
			if err := s.conn.Exec(t.Context(), "INSERT INTO "+s.database+".stated (as_of, aggregate, day, metric, value) VALUES ('2020-01-02', 'funnel', '2020-01-01', 'sessions', 7)"); err != nil {
				t.Fatal(err)
			}
			wait := s.trickle(t, records[len(records)/2:], 30*time.Second)
			stop := s.watch(t)
			r := s.rebuilding(t, t.TempDir(), nil, shortGap)
			if err := r.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			wait()
			first.settle(t, 2)
			second.settle(t, 2)
			first.settle(t, 2)
			if n := stop(); n < 20 {
				t.Errorf("the views were read %d times", n)
			}
			s.expect(t, oracle.Of(shortRules, decoded(t, records)))
			s.complete(t, len(records))
			s.receipt(t, r.Config)
			if n := s.count(t, s.database+"_g2.stated WHERE as_of = '2020-01-02' AND value = 7"); n != 1 {
				t.Error("what was said of past days is forgotten")
			}
			if n := s.count(t, "system.tables WHERE database = '"+s.database+"' AND name = 'stored_events'"); n != 1 {
				t.Error("the old generation's tables are gone")
			}
			// Nobody wrote to the old generation any more, and it can go.
			first.stop()
			second.stop()
			s.clean(t, r.Config, 1)
			s.expect(t, oracle.Of(shortRules, decoded(t, records)))
			if _, err := os.ReadDir(r.Config.DataDir + "/rebuild-g2"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a folder is left: %v", err)
			}
		})
	}
}

// clean removes what is left of all generations but the current one, which are so many.
func (s *site) clean(t *testing.T, c *config.Config, want int) {
	t.Helper()
	var left []pipeline.Remains
	until(t, 3*time.Minute, "nobody works on the old generation", func() bool {
		var err error
		if left, err = pipeline.Leftovers(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		return !slices.ContainsFunc(left, func(r pipeline.Remains) bool { return len(r.Members) > 0 })
	})
	if len(left) != want {
		t.Errorf("%d generations are left: %+v", len(left), left)
	}
	for _, r := range left {
		if err := r.Remove(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := pipeline.Leftovers(t.Context(), c); err != nil || len(left) > 0 {
		t.Errorf("after cleaning: %v, %v", left, err)
	}
}

// What Kafka has deleted comes out of the tables.
func TestRebuildOutOfTheTables(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		share    float64
		settings []string
	}{
		{"routed", 0.6, nil},
		{"keyed by visitor", 0.6, []string{"keyed_by=visitor"}},
		{"all of it", 1, nil},
		{"all of it, keyed by visitor", 1, []string{"keyed_by=visitor"}},
		{"batches", 0.6, []string{"sources=[{topic: clickstream, holds: clickstream, format: batch}, {topic: orders, holds: orders}, " +
			"{topic: deliveries, holds: deliveries}, {topic: reviews, holds: reviews}]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			records := simulated(t, 12, 12, 100)
			s := newSite(t, append(c.settings, "kafka.session_timeout=6s")...)
			dir := t.TempDir()
			bad := feed.Record{Topic: 2, Key: []byte("x"), Value: []byte(`{"id":"bad"`), Arrival: records[0].Arrival}
			sent := append([]feed.Record{bad}, records...)
			if c.name == "batches" {
				sent = batches(sent)
			}
			s.send(t, sent)
			s.finish(t, dir)
			s.truncate(t, c.share)
			const letters = "SELECT toString(arraySort(groupArray((topic, partition, offset, part, reason, body)))) FROM dead_letters"
			refused, events := s.ask(t, letters), s.count(t, "events")
			r := s.rebuilding(t, t.TempDir(), nil, shortGap)
			var p *pipeline.Plan
			r.Planned = func(made *pipeline.Plan) { p = made }
			if err := r.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			past, log := p.Records()
			if past == 0 || (log == 0) != (c.share == 1) {
				t.Errorf("%d records out of the tables, %d out of Kafka: the test shows nothing", past, log)
			}
			s.finish(t, dir)
			s.expect(t, oracle.Of(shortRules, decoded(t, records)))
			if n := s.count(t, "events"); n != events || n != len(records) {
				t.Errorf("%d events, there were %d, and %d were sent", n, events, len(records))
			}
			if again := s.ask(t, letters); again != refused {
				t.Errorf("the dead letters were %s, and are %s", refused, again)
			}
			s.receipt(t, r.Config)
		})
	}
}

// batches puts several clicks into a record, and something broken into some.
func batches(records []feed.Record) (all []feed.Record) {
	var list []feed.Record
	end := func() {
		if len(list) == 0 {
			return
		}
		b := list[len(list)-1]
		b.Value = []byte("[")
		for _, r := range list {
			b.Value = append(append(b.Value, r.Value...), ',')
		}
		if len(all)%20 == 0 {
			b.Value = append(b.Value, `{"id":"broken"},`...)
		}
		b.Value[len(b.Value)-1] = ']'
		all, list = append(all, b), nil
	}
	for _, r := range records {
		if r.Topic != event.Clickstream {
			all = append(all, r)
			continue
		}
		if list = append(list, r); len(list) == 4 {
			end()
		}
	}
	end()
	return all
}

// Where nobody has the events any more a rebuild is refused, and changes nothing.
func TestRebuildRefuses(t *testing.T) {
	t.Parallel()
	records := simulated(t, 12, 6, 60)
	s := newSite(t)
	dir := t.TempDir()
	s.send(t, records)
	s.finish(t, dir)
	s.truncate(t, 0.5)
	before := s.count(t, "sessions")
	for _, d := range []string{"topic = 'clickstream' AND partition = 2 AND offset < 7", "topic = 'clickstream' AND partition = 1 AND offset BETWEEN 20 AND 30",
		"topic = 'clickstream' AND partition = 1 AND offset = 40"} {
		if err := s.conn.Exec(t.Context(), "ALTER TABLE stored_events DELETE WHERE "+d+" SETTINGS mutations_sync = 2"); err != nil {
			t.Fatal(err)
		}
	}
	r := s.rebuilding(t, t.TempDir(), nil, shortGap)
	err := r.Run(t.Context())
	if !errors.Is(err, pipeline.ErrLost) {
		t.Fatalf("got %v", err)
	}
	for _, says := range []string{"clickstream/2", "offsets 0–6", "clickstream/1", "offsets 20–30"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("it does not say %q: %v", says, err)
		}
	}
	if strings.Contains(err.Error(), "40") {
		t.Errorf("a single offset counts as lost: %v", err)
	}
	if n := s.count(t, "sessions"); n != before || s.count(t, "system.databases WHERE name = '"+s.database+"_g2'") != 0 {
		t.Error("it changed something")
	}
	r.AcceptLoss = true
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.count(t, "events"); n != len(records)-7-11-1 {
		t.Errorf("%d of %d events", n, len(records))
	}
}

// rebuildEnv makes the test binary rebuild instead, with these settings.
const rebuildEnv = "AFTERCLICK_TEST_REBUILD"

func runRebuild(c *config.Config, out io.Writer) error {
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	r := pipeline.Rebuild{Config: c, Log: log, Planned: func(*pipeline.Plan) {}, Progress: func(string, int64, int64) {},
		Say: func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }}
	return r.Run(context.Background())
}

// A rebuild that is killed at any step harms nothing, and goes on when it is run again.
func TestRebuildIsKilled(t *testing.T) {
	t.Parallel()
	for _, settings := range [][]string{nil, {"keyed_by=visitor"}} {
		t.Run(strings.Join(append([]string{"with"}, settings...), " "), func(t *testing.T) {
			t.Parallel()
			records := simulated(t, 13, 12, 150)
			s := newSite(t, append(settings, "kafka.session_timeout=6s", "epoch.records=500")...)
			s.dropLater(t)
			dir, own := t.TempDir(), t.TempDir()
			last := records[len(records)-200:]
			s.send(t, records[:len(records)*3/4])
			i := s.follow(t, dir)
			i.settle(t, 1)
			s.truncate(t, 0.5)
			wait := s.trickle(t, records[len(records)*3/4:len(records)-200], time.Minute)
			stop := s.watch(t)
			kill := func(said string, after time.Duration) {
				t.Helper()
				c := s.childOf(t, rebuildEnv, own, shortGap)
				until(t, 3*time.Minute, "it says "+said, func() bool { return strings.Contains(c.output(), said) })
				time.Sleep(after)
				c.kill(t)
				t.Logf("killed %s after: %s", after, strings.ReplaceAll(strings.TrimSpace(c.output()), "\n", " | "))
			}
			kill("out of the tables", 0)
			kill("out of the tables", 700*time.Millisecond)
			kill("out of Kafka", 300*time.Millisecond)
			kill("Comparing", 0)
			wait()
			kill("Waiting for the instances", 2500*time.Millisecond)
			// The instance goes on with the old generation, as nobody switches.
			s.send(t, last)
			until(t, 3*time.Minute, "the instance goes on", func() bool { return s.count(t, "events") == len(records) })
			if ok, err := migrate.Shown(t.Context(), s.conn, s.database, 1); !ok || err != nil {
				t.Errorf("the views do not read generation 1 (%v)", err)
			}
			c := s.childOf(t, rebuildEnv, own, shortGap)
			until(t, 3*time.Minute, "it switches", func() bool { return strings.Contains(c.output(), "Switched") })
			c.kill(t)
			i.settle(t, 2)
			stop()
			s.expect(t, oracle.Of(shortRules, decoded(t, records)))
			s.complete(t, len(records))
			s.receipt(t, s.config(t, dir))
		})
	}
}

// That the new generation is noted as current is the switch. Whoever comes next makes the views read it.
func TestSwitchIsFinishedLater(t *testing.T) {
	t.Parallel()
	records := simulated(t, 14, 12, 60)
	for _, by := range []string{"rebuild", "instance"} {
		t.Run("by the next "+by, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			dir := t.TempDir()
			s.send(t, records)
			s.finish(t, dir)
			r := s.rebuilding(t, t.TempDir(), nil, shortGap)
			if err := r.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			options, err := r.Config.ClickHouse.Options()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := migrate.Show(t.Context(), options, 1); err != nil { // as if it had died
				t.Fatal(err)
			}
			if by == "rebuild" {
				if err := r.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			s.finish(t, dir)
			if ok, err := migrate.Shown(t.Context(), s.conn, s.database, 2); !ok || err != nil {
				t.Errorf("the views do not read generation 2 (%v)", err)
			}
			s.expect(t, oracle.Of(shortRules, decoded(t, records)))
		})
	}
}

// When the number of partitions has changed, keys have moved: instances refuse to work, and a rebuild puts it right.
func TestRebuildForOtherPartitions(t *testing.T) {
	t.Parallel()
	records := simulated(t, 14, 12, 60)
	s := newSite(t)
	dir := t.TempDir()
	s.send(t, records)
	s.finish(t, dir)
	client, err := kgo.NewClient(s.kafka...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	grown, err := kadm.NewClient(client).UpdatePartitions(t.Context(), 5, "afterclick.journeys")
	if err == nil {
		err = grown.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(t.Context(), s.config(t, dir), nil, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	err = p.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "afterclick.journeys has 5 partitions, but afterclick.journeys.state with the states made from it has 3") ||
		!strings.Contains(err.Error(), "afterclick rebuild") {
		t.Errorf("an instance says %v", err)
	}
	if err := s.rebuilding(t, t.TempDir(), nil, "topics.partitions=5").Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.finish(t, dir)
	s.expect(t, oracle.Of(oracle.Default, decoded(t, records)))
	s.complete(t, len(records))
}

// Two rebuilds do not get into each other's way.
func TestRebuildOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.send(t, simulated(t, 14, 12, 60)[:100])
	s.finish(t, t.TempDir())
	r := s.rebuilding(t, t.TempDir(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	note := func() {
		if err := migrate.NoteGeneration(ctx, s.conn, migrate.Generation{Number: 2, State: migrate.Building}); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	}
	note()
	go func() {
		for ctx.Err() == nil {
			time.Sleep(500 * time.Millisecond)
			note()
		}
	}()
	if err := r.Run(t.Context()); !errors.Is(err, pipeline.ErrAtWork) {
		t.Errorf("got %v", err)
	}
}

// On Apache Kafka: out of the tables and out of Kafka, with an instance that follows, on brokers that want TLS and a password.
func TestKafkaRebuild(t *testing.T) {
	t.Parallel()
	k := realKafka(t, kafkatest.Start(t, 1, kafkatest.SCRAM(user, password)))
	for _, settings := range [][]string{nil, {"keyed_by=visitor"}} {
		t.Run(strings.Join(append([]string{"with"}, settings...), " "), func(t *testing.T) {
			t.Parallel()
			records := simulated(t, 12, 12, 100)
			s := siteBeside(t, k, append(settings, "kafka.session_timeout=6s")...)
			dir := t.TempDir()
			s.send(t, records[:len(records)/2])
			i := s.follow(t, dir)
			i.settle(t, 1)
			s.truncate(t, 0.6)
			sent := s.sendSlowly(t, records[len(records)/2:], 15*time.Second)
			stop := s.watch(t)
			r := s.rebuilding(t, t.TempDir(), nil, shortGap)
			if err := r.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			sent()
			i.settle(t, 2)
			stop()
			s.expect(t, oracle.Of(shortRules, decoded(t, records)))
			s.complete(t, len(records))
			s.receipt(t, r.Config)
			i.stop()
			s.clean(t, r.Config, 1)
		})
	}
}
