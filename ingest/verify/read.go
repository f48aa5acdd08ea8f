package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// patience is how long Kafka may give nothing although there must be more. A transaction whose producer has died holds readers up
// until its timeout.
const patience = 2 * time.Minute

// read calls each for every record that Kafka delivers between two offsets, committed ones only, without transaction markers. A record
// and what it points to are valid during the call. gone is called when Kafka has deleted what was to be read next, with the offset where
// the log begins now.
func (v *verifier) read(ctx context.Context, p *part, from, to int64, each func(*kgo.Record) error, gone func(start int64)) error {
	for next := from; next < to; {
		reached, err := v.readFrom(ctx, p, next, to, each)
		next = reached
		if errors.Is(err, kerr.OffsetOutOfRange) {
			start, err := v.start(ctx, p)
			if err != nil {
				return err
			}
			if start <= next {
				return fmt.Errorf("read offset %d: %w", next, kerr.OffsetOutOfRange)
			}
			gone(start)
			v.done.Add(min(start, to) - next)
			next = start
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readFrom returns how far it came.
func (v *verifier) readFrom(ctx context.Context, p *part, from, to int64, each func(*kgo.Record) error) (next int64, err error) {
	next = from
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{p.topic: {p.id: kgo.NewOffset().At(from)}}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // or the end of a log of transactions would never be seen
		kgo.FetchMaxWait(250 * time.Millisecond),
		kgo.FetchMaxBytes(4 << 20),
		kgo.FetchMaxPartitionBytes(4 << 20),
	}, v.cfg.Engine.Kafka...)...)
	if err != nil {
		return next, fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	last := time.Now()
	for next < to {
		wait := patience
		if p.compacted {
			wait = 5 * time.Second // what was last may have been compacted away
		}
		waiting, cancel := context.WithDeadline(ctx, last.Add(wait))
		fetches := client.PollRecords(waiting, 20_000)
		cancel()
		if ctx.Err() != nil {
			return next, context.Cause(ctx)
		}
		for _, e := range fetches.Errors() {
			switch {
			case errors.Is(e.Err, context.DeadlineExceeded) && p.compacted:
				v.done.Add(to - next)
				return to, nil
			case errors.Is(e.Err, context.DeadlineExceeded):
				return next, fmt.Errorf("Kafka gives nothing from offset %d on, but the log goes to %d", next, to)
			}
			return next, fmt.Errorf("read offset %d: %w", next, e.Err)
		}
		before := next
		for it := fetches.RecordIter(); !it.Done(); {
			r := it.Next()
			if r.Offset >= to {
				next = to
				break
			}
			next = r.Offset + 1
			if r.Attrs.IsControl() {
				continue
			}
			if err := each(r); err != nil {
				return next, err
			}
		}
		if next > before {
			last = time.Now()
			v.done.Add(next - before)
		}
	}
	return next, nil
}

// start asks where the log begins now.
func (v *verifier) start(ctx context.Context, p *part) (int64, error) {
	client, err := kgo.NewClient(v.cfg.Engine.Kafka...)
	if err != nil {
		return 0, fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	starts, err := kadm.NewClient(client).ListStartOffsets(ctx, p.topic)
	if err != nil {
		return 0, fmt.Errorf("list the start offsets of %s: %w", p.topic, err)
	}
	o, ok := starts.Lookup(p.topic, p.id)
	if !ok {
		return 0, fmt.Errorf("Kafka does not know the partition any more")
	}
	return o.Offset, o.Err
}
