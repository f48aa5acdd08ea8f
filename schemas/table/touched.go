package table

import "github.com/afterclick/afterclick/schemas/event"

// Touched is a row of touched: rows of a bucket, or of a month, were written, so what was computed from them is out of date.
type Touched struct {
	Cell  string // funnel, delivery, reputation
	Scope string // bucket: compute it again. month: look for buckets that rows have left.
	At    event.Time
}

// Scopes of a touch.
const (
	ScopeBucket = "bucket"
	ScopeMonth  = "month"
)

// Names of the cells' tables, as touches have them.
const (
	CellFunnel     = "funnel"
	CellDelivery   = "delivery"
	CellReputation = "reputation"
)

// Quarter is how long a bucket is, in milliseconds.
const Quarter = 15 * 60 * 1000

// TouchedTable says what must be computed again. The server's clock fills noted when the touch is inserted, which is after the rows
// that it speaks of can be read: what reads the tables after a touch's noted sees its rows.
var TouchedTable = func() *Table[Touched] {
	t := define(Schema{
		Name:     "touched",
		Internal: true,
		Comment:  "Time buckets whose rows were written, by aggregate, and when last. Bookkeeping of the pipeline.",
		Engine:   "ReplacingMergeTree(noted)",
		Order:    "cell, scope, at",
	},
		col("cell", word, "Aggregate: funnel, delivery, reputation.", func(r *Touched) string { return r.Cell }),
		col("scope", word, "bucket: a quarter-hour. month: a month that rows may have left a bucket of.",
			func(r *Touched) string { return r.Scope }),
		col("at", moment, "Start of the bucket or month, UTC.", func(r *Touched) event.Time { return r.At }),
	)
	t.Defaults = []Field{{Name: "noted", Type: "DateTime64(6, 'UTC')", Default: "now64(6, 'UTC')",
		Comment: "When it was written last, by the server's clock."}}
	return t
}()

// Refreshed is the other half of the bookkeeping: what was computed when. Statements write it, no buffer.
var Refreshed = Schema{
	Name:     "refreshed",
	Internal: true,
	Comment:  "Time buckets that were computed, by aggregate, and when last. A cell of an older version is void. Bookkeeping of the pipeline.",
	Engine:   "ReplacingMergeTree(version)",
	Order:    "cell, scope, at",
	Columns: []Field{
		{Name: "cell", Type: "LowCardinality(String)", Comment: "Aggregate: funnel, delivery, reputation."},
		{Name: "scope", Type: "LowCardinality(String)", Comment: "bucket or month, as in touched."},
		{Name: "at", Type: "DateTime64(3, 'UTC')", Comment: "Start of the bucket or month, UTC."},
		{Name: "version", Type: "DateTime64(6, 'UTC')", Comment: "When reading for it began, by the server's clock."},
	},
}

// Touch fills to with what the batch's rows touch.
func (b *Batch) Touch(to *Buffer[Touched]) {
	touch(b.Sessions, "start", CellFunnel, ScopeBucket, quarter, to)
	touch(b.Journeys, "placed", CellDelivery, ScopeBucket, quarter, to)
	touch(b.Journeys, "month", CellDelivery, ScopeMonth, same, to)
	touch(b.Reviews, "posted", CellReputation, ScopeBucket, quarter, to)
	touch(b.Reviews, "month", CellReputation, ScopeMonth, same, to)
}

func quarter(ms int64) int64 { return ms - ms%Quarter }
func same(ms int64) int64    { return ms }

func touch[R any](b *Buffer[R], column, cell, scope string, bucket func(int64) int64, to *Buffer[Touched]) {
	i := b.table.index(column)
	seen := map[int64]bool{0: true} // 0: it did not happen, so no bucket has it
	for _, blk := range b.blocks[:b.used] {
		last := int64(0)
		for _, ms := range blk.Slice(i).([]int64) {
			at := bucket(ms)
			if at == last || seen[at] {
				continue
			}
			last, seen[at] = at, true
			to.Append(&Touched{Cell: cell, Scope: scope, At: event.Time(at)})
		}
	}
}
