package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/shop"
	"github.com/afterclick/afterclick/schemas/event"
)

// latency is how long it took from handing a click to the Kafka client until a query saw its row.
type latency struct {
	clicks        int
	p50, p99, max time.Duration
}

const (
	// seenEvery is how often the table is asked, and so by how much the latency is too long at most.
	seenEvery = 20 * time.Millisecond
	// warmUp is how many clicks must have come through before it counts: all partitions are restored and read then.
	warmUp = 1000
	// patience is how long clicks may take to come through.
	patience = time.Minute
)

// measureLatency runs the pipeline on what is there already, and sends live clicks at an even pace.
func (b *bench) measureLatency(ctx context.Context, dir string, broker, engine *process, t *tables, sent *tally) (*latency, error) {
	ours, err := b.start(ctx, b.runArgs(dir, broker, engine))
	if err != nil {
		return nil, err
	}
	measured, err := b.sendLive(ctx, broker, t, sent)
	ours.stop()
	if err != nil {
		return nil, err
	}
	// Rows that were held back are written when all is quiet; then the tables can be checked.
	if ours, err = b.start(ctx, b.runArgs(dir, broker, engine, "--once")); err != nil {
		return nil, err
	}
	return measured, ours.wait()
}

func (b *bench) sendLive(ctx context.Context, broker *process, t *tables, sent *tally) (*latency, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.address), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	paced := int64(b.Pace * b.Paced.Seconds())
	// The event time is behind the clock by as long as the start takes.
	load, err := shop.NewLoad(shop.LoadConfig{Seed: b.Seed + 1, Start: time.Now(), Rate: b.Pace, Live: max(1, int(10*b.Pace)), Events: warmUp + paced})
	if err != nil {
		return nil, err
	}
	l := live{client: client, handed: map[int32][]handed{}}
	var stop func()
	l.next, stop = iter.Pull(sent.count(load.Records()))
	defer stop()
	ends := map[int32]int64{}
	for p := range b.Partitions {
		ends[p] = -1
	}
	if err := errors.Join(l.send(ctx, warmUp, 0), t.await(ctx, ends, l.reached, func(time.Time) {})); err != nil {
		return nil, err
	}
	clear(l.handed)
	var looks []look
	done := make(chan error, 1)
	var flushed bool
	go func() { done <- l.send(ctx, paced, b.Pace) }()
	err = t.await(ctx, ends, func(ends map[int32]int64) bool {
		if !flushed {
			select {
			case err := <-done:
				flushed = true
				l.fail(err)
			default:
				return false
			}
		}
		return l.reached(ends)
	}, func(at time.Time) { looks = append(looks, look{at, maps.Clone(ends)}) })
	if err := errors.Join(err, l.failed); err != nil {
		return nil, err
	}
	return l.latency(looks), nil
}

// live sends clicks and remembers when each was handed over.
type live struct {
	client *kgo.Client
	next   func() (feed.Record, bool)

	mu     sync.Mutex
	handed map[int32][]handed // by partition, of what arrived
	failed error
}

type handed struct {
	offset int64
	at     time.Time
}

// look is what a query saw: the last offset of each partition.
type look struct {
	at   time.Time
	ends map[int32]int64
}

// send sends n clicks at an even pace (0: at once) and returns when all have arrived.
func (l *live) send(ctx context.Context, n int64, pace float64) error {
	begin := time.Now()
	for i := range n {
		if pace > 0 {
			due := begin.Add(time.Duration(float64(i) / pace * float64(time.Second)))
			if rest := time.Until(due); rest > time.Millisecond {
				time.Sleep(rest)
			}
		}
		r, ok := l.next()
		if !ok || ctx.Err() != nil {
			break
		}
		at := time.Now()
		record := &kgo.Record{Topic: event.Clickstream.String(), Key: slices.Clone(r.Key), Value: slices.Clone(r.Value)}
		l.client.Produce(ctx, record, func(r *kgo.Record, err error) {
			l.fail(err)
			l.mu.Lock()
			defer l.mu.Unlock()
			l.handed[r.Partition] = append(l.handed[r.Partition], handed{r.Offset, at})
		})
	}
	return errors.Join(l.client.Flush(ctx), ctx.Err())
}

func (l *live) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
	}
}

// reached says whether all that arrived in Kafka was seen.
func (l *live) reached(ends map[int32]int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, all := range l.handed {
		for _, h := range all {
			if h.offset > ends[p] {
				return false
			}
		}
	}
	return true
}

// latency finds for each click the first look that saw it. The rows of a partition come in order of offset.
func (l *live) latency(looks []look) *latency {
	var took []time.Duration
	for p, all := range l.handed {
		slices.SortFunc(all, func(a, b handed) int { return cmp.Compare(a.offset, b.offset) })
		i := 0
		for _, h := range all {
			for looks[i].ends[p] < h.offset {
				i++
			}
			took = append(took, looks[i].at.Sub(h.at))
		}
	}
	slices.Sort(took)
	n := len(took)
	return &latency{clicks: n, p50: took[n/2], p99: took[n*99/100], max: took[n-1]}
}

// await asks for the clicks in the table again and again until enough says so. ends has the last offset of each partition. looked is
// told after each answer.
func (t *tables) await(ctx context.Context, ends map[int32]int64, enough func(map[int32]int64) bool, looked func(time.Time)) error {
	changed := time.Now()
	for {
		before := maps.Clone(ends)
		if err := t.ends(ctx, ends); err != nil {
			return err
		}
		at := time.Now()
		looked(at)
		if enough(ends) {
			return nil
		}
		if !maps.Equal(before, ends) {
			changed = at
		} else if at.Sub(changed) > patience {
			return fmt.Errorf("no click has come through for %s", patience)
		}
		select {
		case <-time.After(seenEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ends moves the last offsets on. It reads only what is behind those that are known.
func (t *tables) ends(ctx context.Context, ends map[int32]int64) error {
	query := "SELECT partition, max(offset) FROM stored_events WHERE topic = 'clickstream' AND ("
	for i, p := range slices.Sorted(maps.Keys(ends)) {
		if i > 0 {
			query += " OR "
		}
		query += fmt.Sprintf("partition = %d AND offset > %d", p, ends[p])
	}
	rows, err := t.conn.Query(ctx, query+") GROUP BY partition SETTINGS max_threads = 1")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var p int32
		var end int64
		if err := rows.Scan(&p, &end); err != nil {
			return err
		}
		ends[p] = end
	}
	return rows.Err()
}
