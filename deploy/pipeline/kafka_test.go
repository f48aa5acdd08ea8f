package pipeline_test

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/local/kafkatest"
	"github.com/afterclick/afterclick/ingest"
	"github.com/afterclick/afterclick/processors/oracle"
)

// The scenarios of pipeline_test.go and more on a real Apache Kafka. The tables must equal the oracle's.

func TestKafkaTablesEqualTheOracle(t *testing.T) {
	t.Parallel()
	k := realKafka(t, kafkatest.Start(t, 1))
	records := simulated(t, 3, 12, 150)
	want := oracle.Of(oracle.Default, decoded(t, records))
	for _, c := range []struct {
		name     string
		records  []feed.Record
		settings []string
	}{
		{"in order", records, nil},
		{"keyed by visitor", records, []string{"keyed_by=visitor"}},
		{"in another order, in small epochs", shuffle(records, 6*time.Hour, 1), []string{"epoch.records=777", "epoch.interval=50ms"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := siteBeside(t, k, c.settings...)
			s.send(t, c.records)
			s.finish(t, t.TempDir())
			s.expect(t, want)
			s.expectEvents(t, len(c.records))
			s.expectRouted(t)
		})
	}
}

// From one instance to three and back, under load, on brokers that want TLS and a password.
func TestKafkaScale(t *testing.T) {
	t.Parallel()
	s := siteBeside(t, realKafka(t, kafkatest.Start(t, 1, kafkatest.SCRAM(user, password))))
	records := simulated(t, 5, 12, 150)
	sent := s.sendSlowly(t, records, 9*time.Second)
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	one := s.start(t, dirs[0])
	time.Sleep(3 * time.Second)
	two := s.start(t, dirs[1])
	three := s.start(t, dirs[2])
	time.Sleep(4 * time.Second)
	three.stop(t)
	two.stop(t)
	sent()
	one.stop(t)
	s.finish(t, dirs[0])
	s.expect(t, oracle.Of(oracle.Default, decoded(t, records)))
	s.expectEvents(t, len(records))
	s.expectRouted(t)
}

// The only broker, which wants TLS, is killed under an instance that works, and started again.
func TestKafkaBrokerIsKilled(t *testing.T) {
	t.Parallel()
	const attempts = 3
	for n := range attempts {
		c := kafkatest.Start(t, 1, kafkatest.TLS())
		s := siteBeside(t, realKafka(t, c))
		records := simulated(t, 6, 60, 150)
		stop := s.load(t, records, 500)
		dir := t.TempDir()
		i := s.start(t, dir)
		for range 2 {
			s.wait(t, min(s.count(t, "events")+1, len(records)))
			c.Kill(0)
			c.Restart(0)
		}
		records = records[:stop()]
		i.stop(t)
		if gaveUp := c.GaveUp(); gaveUp > 0 && n < attempts-1 {
			t.Logf("once more: Kafka gave up the markers of %d transactions", gaveUp)
			continue
		}
		s.finish(t, dir)
		s.expect(t, oracle.Of(oracle.Default, decoded(t, records)))
		s.expectEvents(t, len(records))
		s.expectRouted(t)
		return
	}
}

// An instance stands still amid its work until others have taken its partitions, and then goes on as if nothing had been: what it still
// writes must not count.
func TestKafkaZombie(t *testing.T) {
	t.Parallel()
	s := siteBeside(t, realKafka(t, kafkatest.Start(t, 1)))
	records := simulated(t, 8, 12, 150)
	sent := s.sendSlowly(t, records, 45*time.Second)
	dirs := []string{t.TempDir(), t.TempDir()}
	zombie := s.child(t, dirs[0])
	s.wait(t, 1)
	other := s.child(t, dirs[1])
	zombie.cmd.Process.Signal(syscall.SIGSTOP)
	time.Sleep(ingest.DefaultConfig().SessionTimeout + 5*time.Second)
	zombie.cmd.Process.Signal(syscall.SIGCONT)
	sent()
	zombie.kill(t)
	other.kill(t)
	s.finish(t, dirs...)
	s.expect(t, oracle.Of(oracle.Default, decoded(t, records)))
	s.expectEvents(t, len(records))
	s.expectRouted(t)
}

// expectRouted reads the machines' topics as any client would: each source record that is an event stands there once.
func (s *site) expectRouted(t *testing.T) (lost, doubled int) {
	t.Helper()
	seen := map[string]int{}
	topics := []string{s.prefix + ".journeys", s.prefix + ".clicks"}
	for _, setting := range s.settings {
		if setting == "keyed_by=visitor" {
			topics = topics[:1]
		}
	}
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.ConsumeTopics(topics...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}, s.kafka...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	// The last of a partition is a record or the marker that ends a transaction: both are delivered.
	left := map[string]map[int32]bool{}
	unread := 0
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			if left[o.Topic] == nil {
				left[o.Topic] = map[int32]bool{}
			}
			left[o.Topic][o.Partition] = true
			unread++
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for unread > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("the ends of %v are not read after a minute", left)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if end, _ := ends.Lookup(r.Topic, r.Partition); r.Offset >= end.Offset-1 && left[r.Topic][r.Partition] {
				delete(left[r.Topic], r.Partition)
				unread--
			}
			for _, h := range r.Headers {
				// topic kind partition partitions offset time state
				if f := strings.Fields(string(h.Value)); h.Key == "afterclick-origin" && len(f) == 7 && f[6] == "r" {
					seen[f[0]+" "+f[2]+" "+f[4]]++
				}
			}
		})
	}
	where := ""
	if len(topics) == 1 {
		where = " WHERE topic != '" + s.prefix + "-clickstream'"
	}
	if n := s.count(t, "events"+where); n != len(seen) || n == 0 {
		t.Errorf("%d records were routed, %d events came from routed topics", len(seen), n)
		lost = max(0, n-len(seen))
	}
	for place, n := range seen {
		if n != 1 {
			doubled += n - 1
			t.Errorf("record %s was routed %d times", place, n)
		}
	}
	return lost, doubled
}
