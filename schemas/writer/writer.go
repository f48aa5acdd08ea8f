// Package writer brings batches of rows to ClickHouse. It promises at least once; the tables make that exactly once, because a row
// that comes again replaces itself.
package writer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/afterclick/afterclick/schemas/table"
)

// Writer inserts batches. It is safe for concurrent use.
type Writer struct {
	config Config
	conn   clickhouse.Conn
	// outputs holds *table.Output: what HTTP inserts send.
	outputs sync.Pool
	counters
	outage outage
}

// Open checks the config. It does not connect: ClickHouse may still be starting.
func Open(c Config) (*Writer, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	options := c.Options
	conn, err := clickhouse.Open(&options)
	if err != nil {
		return nil, fmt.Errorf("writer: open ClickHouse: %w", err)
	}
	return &Writer{config: c, conn: conn, outputs: sync.Pool{New: func() any { return new(table.Output) }}}, nil
}

// Close ends the connections. No Insert may be under way.
func (w *Writer) Close() error { return w.conn.Close() }

// Insert writes all rows of b and returns when ClickHouse has them. While ClickHouse is away, overloaded or read-only it tries
// again, for as long as ctx lives; so an error is either ctx's or wraps ErrRefused. After an error some of the rows may be there:
// inserting the same batch again does no harm. b must not change meanwhile and is not kept.
func (w *Writer) Insert(ctx context.Context, b *table.Batch) error {
	if err := w.all(ctx, b.Blocks()); err != nil {
		return err
	}
	// Touches come when the rows can be read, never before: see table.TouchedTable. If we die in between, the epoch is not
	// committed, and its rows and touches come again.
	touched := table.TouchedTable.NewBuffer()
	b.Touch(touched)
	return w.all(ctx, touched.Blocks())
}

func (w *Writer) all(ctx context.Context, blocks []table.Block) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(w.config.Parallel)
	for _, block := range blocks {
		group.Go(func() error { return w.persist(ctx, block) })
	}
	return group.Wait()
}

// persist inserts one block, however often it takes.
func (w *Writer) persist(ctx context.Context, block table.Block) error {
	pause := w.config.BackoffMin
	for attempt := 1; ; attempt++ {
		err := w.once(ctx, block)
		if err == nil {
			w.inserts.Add(1)
			w.rows.Add(uint64(block.Rows()))
			w.bytes.Add(uint64(block.Bytes()))
			w.outage.over(w.config.Logger)
			return nil
		}
		what := fmt.Sprintf("insert %d rows into %s", block.Rows(), block.Schema().Stored())
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		}
		if advice, refused := refusal(err); refused {
			w.refusals.Add(1)
			return fmt.Errorf("%s: %w: %s: %w", what, ErrRefused, advice, err)
		}
		w.retries.Add(1)
		w.outage.seen(w.config, what, attempt, err)
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		case <-time.After(pause/2 + rand.N(pause/2+1)):
		}
		pause = min(2*pause, w.config.BackoffMax)
	}
}

func (w *Writer) once(ctx context.Context, block table.Block) error {
	ctx, cancel := context.WithTimeout(ctx, w.config.Timeout)
	defer cancel()
	if w.config.Options.Protocol == clickhouse.HTTP {
		return w.overHTTP(ctx, block)
	}
	return w.overNative(ctx, block)
}

// overHTTP sends the block as the columns have it, without a copy of the whole. clickhouse-go's own batches would ask for the
// table's columns first, and take every value through an interface.
func (w *Writer) overHTTP(ctx context.Context, block table.Block) error {
	o := w.outputs.Get().(*table.Output)
	o.Reset()
	block.Native(o)
	body := o.Reader()
	err := w.conn.InsertFormat(ctx, "Native", block.Schema().Insert(), body)
	body.Stop() // an aborted request may still read
	w.outputs.Put(o)
	return err
}

func (w *Writer) overNative(ctx context.Context, block table.Block) error {
	batch, err := w.conn.PrepareBatch(ctx, block.Schema().Insert())
	if err != nil {
		return err
	}
	for i, field := range block.Schema().Columns {
		if err := batch.Column(i).Append(block.Slice(i)); err != nil {
			_ = batch.Abort()
			return fmt.Errorf("column %s: %w", field.Name, err)
		}
	}
	return batch.Send()
}
