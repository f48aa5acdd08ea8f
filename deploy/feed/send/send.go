// Package send puts records into Kafka's source topics, or prints them.
package send

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/ingest"
	"github.com/afterclick/afterclick/schemas/event"
)

// Options say where records go, and how fast.
type Options struct {
	// Kafka is how to connect: brokers, TLS, SASL. Not needed to print.
	Kafka []kgo.Opt
	// Topics names the topic of each kind, or "" if there is none for it; nil: clickstream, orders, deliveries, reviews.
	Topics func(event.Topic) string
	// Rate is the limit in records per second; 0: as fast as it goes.
	Rate float64
	// Live paces what comes after a history by the clock; nil: it is sent as fast as the rest.
	Live *Live
	// Progress shows how far it is; nil: nothing is shown.
	Progress *Progress
}

// Live is traffic after a history.
type Live struct {
	From  time.Time // what arrives from then on is live; that moment is when sending started
	Speed float64   // how much faster than the clock; 1 when left out
}

// Counts are how many records of each topic arrived.
type Counts map[event.Topic]int64

// Total is how many arrived.
func (c Counts) Total() int64 {
	n := int64(0)
	for x := range maps.Values(c) {
		n += x
	}
	return n
}

const (
	// buffered is how many records may be on their way: enough for full batches to every partition.
	buffered = 50_000
	// delivery is how long a record may wait for brokers that do not answer.
	delivery = 2 * time.Minute
	// grace is what records on their way get when ctx ends.
	grace = 10 * time.Second
)

// Run sends all records and returns when Kafka has acknowledged them: idempotent, compressed, in large batches, keyed as the source
// topics are, with their source time in a header. It returns what arrived even if it fails. When ctx ends amid history, that is an
// error; when it ends amid live traffic, it is how Run is meant to end.
func Run(ctx context.Context, o Options, records feed.Stream) (Counts, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.SnappyCompression(), kgo.NoCompression()),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.MaxBufferedRecords(buffered),
		kgo.ProducerLinger(5 * time.Millisecond),
		kgo.RecordDeliveryTimeout(delivery),
		kgo.UnknownTopicRetries(12), // a broker that is busy tells of a new topic before it takes records for it
	}, o.Kafka...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	if err := client.Ping(ctx); err != nil {
		return nil, fmt.Errorf("reach Kafka: %w", err)
	}

	// Records on their way outlive ctx by a grace, so that what was taken from the stream arrives.
	sending, give := context.WithCancel(context.WithoutCancel(ctx))
	defer give()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, give) })()

	s := sender{client: client, topics: o.Topics}
	if s.topics == nil {
		s.topics = event.Topic.String
	}
	p := o.pacer(ctx, nil)
	for r := range records {
		if s.failed.Load() != nil || !p.wait(r.Arrival) {
			break
		}
		s.send(sending, r)
		o.Progress.add(r.Arrival)
	}
	flushed := client.Flush(sending)
	o.Progress.end(flushed == nil && p.err == nil && s.failed.Load() == nil)
	counts := s.counts()
	if failed := s.failed.Load(); failed != nil {
		return counts, *failed
	}
	if flushed != nil {
		return counts, fmt.Errorf("wait for Kafka to take the last records: %w", flushed)
	}
	return counts, p.verdict(counts)
}

// sender turns records into Kafka's and uses their memory again when they have arrived.
type sender struct {
	client  *kgo.Client
	topics  func(event.Topic) string
	arrived [event.Reviews + 1]atomic.Int64
	failed  atomic.Pointer[error] // the first error
	pool    sync.Pool             // of *message
}

type message struct {
	kgo.Record
	topic  event.Topic
	header [1]kgo.RecordHeader
	bytes  []byte
}

func (s *sender) send(ctx context.Context, r feed.Record) {
	m, ok := s.pool.Get().(*message)
	if !ok {
		m = &message{}
	}
	k, v := len(r.Key), len(r.Key)+len(r.Value)
	m.bytes = append(append(m.bytes[:0], r.Key...), r.Value...)
	m.bytes = strconv.AppendInt(m.bytes, int64(r.Arrival), 10)
	m.topic = r.Topic
	m.header[0] = kgo.RecordHeader{Key: ingest.TimeHeader, Value: m.bytes[v:]}
	topic := s.topics(r.Topic)
	if topic == "" {
		err := fmt.Errorf("there is no topic for %s: no source holds them in format json, which is what is sent", r.Topic)
		s.failed.CompareAndSwap(nil, &err)
		s.pool.Put(m)
		return
	}
	m.Record = kgo.Record{Topic: topic, Key: m.bytes[:k], Value: m.bytes[k:v:v], Headers: m.header[:]}
	s.client.Produce(ctx, &m.Record, func(_ *kgo.Record, err error) {
		if err != nil {
			err = fmt.Errorf("send to topic %s: %w", m.Record.Topic, err)
			s.failed.CompareAndSwap(nil, &err)
			return
		}
		s.arrived[m.topic].Add(1)
		s.pool.Put(m)
	})
}

func (s *sender) counts() Counts {
	c := Counts{}
	for _, t := range event.SourceTopics {
		if n := s.arrived[t].Load(); n > 0 {
			c[t] = n
		}
	}
	return c
}

// errStopped is why a history is not whole.
var errStopped = errors.New("stopped before the end")
