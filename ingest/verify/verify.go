// Package verify is the receipt: it reads Kafka again and compares what was delivered with the rows themselves, hop by hop.
//
// What must hold for every record of a source topic that our groups have read: exactly one row has its topic, partition and offset,
// in events (accepted, duplicate or late) or in dead_letters, with the bytes that Kafka delivers; unless the router has passed it on
// and the machine has not come to it yet: then it is under way. A record that is not canonical JSON is decoded again, as its source says:
// then this holds for each of its events, and the bytes are those of the canonical JSON that it gives, or of what was refused. Only offsets that Kafka delivers count: transaction markers, aborted
// records and compaction leave holes, and nothing is concluded from arithmetic.
//
// Why that is right while the pipeline runs. A lane inserts before it commits, and the router commits its offsets in the transaction
// that holds what it routed. So (1) ask for the offsets of our groups; (2) ask how long the machines' topics are; (3) read their part
// that the machines have not committed up to there, committed records only: every source record that the router had passed, and the
// machines had not, is in it; (4) ask for rows. What is neither in (3) nor (4) is missing.
//
// It compares a count and a fingerprint of offsets and hashes per block first, as the ledger counts by blocks, and opens a block row
// by row only if these differ. Memory is bounded by some blocks per worker and by a bit per event under way.
package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/afterclick/afterclick/ingest"
)

// Config says what to compare.
type Config struct {
	// Engine is the configuration of the pipeline: brokers, names of groups and topics, and whether clicks are routed.
	Engine ingest.Config
	// ClickHouse is the database of the tables.
	ClickHouse clickhouse.Conn
	// Since leaves out what came to Kafka before. Zero: as far back as Kafka reaches.
	Since time.Time
	// Workers is how many partitions are read at a time. Default: 4.
	Workers int
	// Settle is how long after the offsets were asked for a row may take to be seen, because replicas lag. Default: 3 s. It is waited for only
	// where something seems to be missing.
	Settle time.Duration
	// Progress is called now and then, by one goroutine at a time, and once at the end. It may be nil.
	Progress func(Progress)
}

// Progress is how far verifying is.
type Progress struct {
	Doing       string
	Done, Total int64 // offsets of all topics that are read; Total may grow once, when something is missing
}

// Run compares. An error means that it could not be done; differences are in the report.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Workers <= 0 {
		cfg.Workers = 4
	}
	if cfg.Settle <= 0 {
		cfg.Settle = 3 * time.Second
	}
	v := &verifier{cfg: &cfg, report: &Report{Began: time.Now().UTC(), Findings: []Finding{}}, waiting: bits{}, missing: bits{}}
	stop := v.tell()
	err := v.run(ctx)
	stop()
	if err != nil {
		return nil, err
	}
	v.report.finish()
	return v.report, nil
}

type verifier struct {
	cfg    *Config
	report *Report
	snap   *snapshot
	done   atomic.Int64
	total  atomic.Int64
	doing  atomic.Value // string

	mu      sync.Mutex // guards the report and what follows
	waiting bits       // events that the router has passed on and no machine has committed
	missing bits       // events without a row
}

func (v *verifier) run(ctx context.Context) (err error) {
	v.doing.Store("asking for offsets")
	if v.snap, err = v.look(ctx); err != nil {
		return err
	}
	for _, p := range v.snap.sources {
		v.report.topic(p.topic) // in the order of the flow
		v.total.Add(p.read - p.from)
	}
	for _, p := range v.snap.routed {
		v.total.Add(p.end - p.from)
	}
	v.doing.Store("reading what was routed")
	if err := v.each(ctx, v.snap.routed, v.hop); err != nil {
		return err
	}
	v.doing.Store("comparing with the tables")
	if err := v.each(ctx, v.snap.sources, v.compare); err != nil {
		return err
	}
	if v.report.has(Missing) {
		v.doing.Store("looking for what is missing")
		if err := v.locate(ctx); err != nil {
			return err
		}
	}
	return v.beyond(ctx)
}

// each runs f for the partitions, some at a time, the longest first.
func (v *verifier) each(ctx context.Context, parts []*part, f func(context.Context, *part) error) error {
	parts = slices.Clone(parts)
	slices.SortStableFunc(parts, func(a, b *part) int { return int(min(max((b.end-b.from)-(a.end-a.from), -1), 1)) })
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(v.cfg.Workers)
	for _, p := range parts {
		group.Go(func() error {
			if err := f(ctx, p); err != nil {
				return fmt.Errorf("%s/%d: %w", p.topic, p.id, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// tell reports progress until the returned function is called.
func (v *verifier) tell() (stop func()) {
	if v.cfg.Progress == nil {
		return func() {}
	}
	show := func() {
		doing, _ := v.doing.Load().(string)
		v.cfg.Progress(Progress{Doing: doing, Done: v.done.Load(), Total: v.total.Load()})
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				show()
			case <-end:
				show()
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}

// ErrNothingRead means that our groups have committed nothing although there are records: most likely other groups were meant.
var ErrNothingRead = errors.New("our groups have read nothing yet")
