package pipeline_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/send"
	"github.com/afterclick/afterclick/deploy/local"
	"github.com/afterclick/afterclick/ingest"
	"github.com/afterclick/afterclick/processors/oracle"
)

// trickle sends the records in the background, over about so long a time, and returns a function that waits for the end of it.
func (s *site) trickle(t *testing.T, records []feed.Record, over time.Duration) (wait func()) {
	done := make(chan error, 1)
	rate := float64(len(records)) / over.Seconds()
	go func() {
		_, err := send.Run(context.WithoutCancel(t.Context()), send.Options{Kafka: s.kafka, Rate: rate}, slices.Values(records))
		done <- err
	}()
	return func() {
		t.Helper()
		if err := <-done; err != nil {
			t.Fatalf("send: %v", err)
		}
	}
}

// complete fails unless every record is an event, once.
func (s *site) complete(t *testing.T, records int) {
	t.Helper()
	if got := s.ask(t, "SELECT toString((count(), uniqExact(topic, partition, offset))) FROM events"); got != fmt.Sprintf("(%d,%[1]d)", records) {
		t.Errorf("events, and places of them are %s, %d records were sent", got, records)
	}
}

// ClickHouse goes away, breaks off, answers too late or not at all, one after the other, while records come and go.
func TestClickHouseOutages(t *testing.T) {
	t.Parallel()
	records := simulated(t, 5, 12, 150)
	p := newProxy(t)
	s := newSite(t, "clickhouse.address=http://"+p.address, "epoch.records=500")
	i := s.start(t, t.TempDir())
	wait := s.trickle(t, records, 45*time.Second) // until after the last fault
	time.Sleep(time.Second)
	for _, f := range []fault{refused, silent, halved, unheard, belated, busy, readBit, slow} {
		before := p.inserts.Load()
		p.set(t, f)
		time.Sleep(1200 * time.Millisecond)
		if f != refused && f != readBit { // nothing gets through to be counted
			until(t, 30*time.Second, "an insert meets the fault "+string(f), func() bool { return p.inserts.Load() > before })
		}
		p.set(t, well)
		time.Sleep(600 * time.Millisecond)
	}
	wait()
	i.settle(t)
	i.stop(t)
	s.expect(t, oracle.Of(oracle.Default, decoded(t, records)))
	s.complete(t, len(records))
	if n := i.Engine.Metrics.Restarts.Load(); n != 0 {
		t.Errorf("%d lanes stopped", n)
	}
	w := i.Writer.Counts()
	if w.Retries == 0 {
		t.Error("nothing was retried: the test shows nothing")
	}
	t.Logf("%d inserts, %d retries, %d epochs, %d aborted", w.Inserts, w.Retries, i.Engine.Metrics.Epochs.Load(), i.Engine.Metrics.Aborted.Load())
}

// While ClickHouse is away reading stops, however much waits in Kafka, and goes on by itself.
func TestOutageStopsReading(t *testing.T) {
	t.Parallel()
	const epoch, lanes = 300, 2
	records := simulated(t, 6, 20, 400)
	p := newProxy(t)
	s := newSite(t, "clickhouse.address=http://"+p.address, fmt.Sprintf("epoch.records=%d", epoch), fmt.Sprintf("lanes.session=%d", lanes), "keyed_by=visitor")
	dir := t.TempDir()
	i := s.start(t, dir, ingest.PartSessions)
	first := records[:len(records)/10]
	s.send(t, first)
	i.settle(t)
	m := &i.Engine.Metrics
	stored := func() int64 {
		n, err := strconv.ParseInt(s.ask(t, "SELECT toString(count()) FROM events"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	again, aborted := m.Read.Load()-stored(), m.Aborted.Load() // what an aborted epoch had is read again
	p.set(t, silent)
	s.send(t, records[len(first):])
	until(t, 20*time.Second, "reading stops", func() bool {
		before := m.Read.Load()
		time.Sleep(time.Second)
		return m.Read.Load() == before && before > int64(len(first))/2
	})
	read, stands := m.Read.Load(), s.committed(t, "afterclick.sessions")
	time.Sleep(2 * time.Second)
	if more, on := m.Read.Load()-read, s.committed(t, "afterclick.sessions")-stands; more != 0 || on != 0 {
		t.Errorf("%d records were read and %d committed while ClickHouse was away", more, on)
	}
	// Each lane has an epoch at hand, and no more than that.
	most := (lanes + m.Aborted.Load() - aborted) * epoch
	if held := read - again - stored(); held <= 0 || held > most {
		t.Errorf("%d records were read and not stored, there may be %d", held, most)
	}
	if lag, err := i.Engine.Lag(t.Context()); err != nil || lag < 10*lanes*epoch {
		t.Errorf("only %d records wait, the test shows nothing: %v", lag, err)
	}
	p.set(t, well)
	i.settle(t)
	i.stop(t)
	s.finish(t, dir) // the other parts
	s.expect(t, oracle.Of(oracle.Default, decoded(t, records)))
	s.complete(t, len(records))
}

// Kafka goes away under load, and comes back with its data. An instance that is told to stop while it is away stops in time.
func TestKafkaOutage(t *testing.T) {
	t.Parallel()
	records := simulated(t, 7, 12, 150)
	kafka := newBroker(t)
	s := siteOn(t, kafka.Brokers(), "epoch.records=500")
	dir := t.TempDir()
	i := s.start(t, dir)
	wait := s.trickle(t, records, 8*time.Second)
	for range 2 {
		time.Sleep(1500 * time.Millisecond)
		kafka.away(t)
		time.Sleep(1500 * time.Millisecond)
		kafka.back(t)
	}
	time.Sleep(1500 * time.Millisecond)
	kafka.away(t)
	time.Sleep(300 * time.Millisecond) // so that some lanes are amid an epoch
	if took := i.stop(t); took > grace {
		t.Errorf("to stop without Kafka took %s", took)
	}
	kafka.back(t)
	wait()
	s.finish(t, dir)
	s.expect(t, oracle.Of(oracle.Default, decoded(t, records)))
	s.complete(t, len(records))
	t.Logf("%d lanes began anew, %d epochs, %d aborted", i.Engine.Metrics.Restarts.Load(), i.Engine.Metrics.Epochs.Load(), i.Engine.Metrics.Aborted.Load())
}

// grace is what an instance has to stop in: longer, and Docker kills it.
const grace = 10 * time.Second

// broker is a Kafka that can be away for a while, with its data on disk.
type broker struct {
	*local.Kafka
	dir string
}

func newBroker(t *testing.T) *broker {
	t.Helper()
	b := &broker{dir: t.TempDir()}
	var topics []local.Topic
	for _, name := range []string{"clickstream", "orders", "deliveries", "reviews"} {
		topics = append(topics, local.Topic{Name: name, Partitions: 4})
	}
	var err error
	if b.Kafka, err = local.StartKafka(t.Context(), local.KafkaConfig{Dir: b.dir, Topics: topics}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Kafka.Close() })
	return b
}

func (b *broker) away(t *testing.T) {
	t.Helper()
	if err := b.Kafka.Close(); err != nil {
		t.Fatal(err)
	}
}

func (b *broker) back(t *testing.T) {
	t.Helper()
	until(t, 10*time.Second, "start Kafka again", func() bool {
		k, err := local.StartKafka(t.Context(), local.KafkaConfig{Dir: b.dir, Address: b.Address})
		if err == nil {
			b.Kafka = k
		}
		return err == nil
	})
}
