package ingest

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/table"
)

// epoch is what one round of a lane has to say: rows for ClickHouse, then records for one Kafka transaction. Its memory is used
// again by the next round.
type epoch struct {
	polled  []*kgo.Record // what it read; it may be pointed into until the epoch is over
	rows    *table.Batch
	records []*kgo.Record
	arena   arena
	now     time.Time // the wall clock when it began; decides only when something is written, never what
	idle    bool      // nothing was read for a while: write what was held back
	stale   bool      // a record of a partition that is no longer ours was read: the epoch must be dropped
}

func newEpoch() *epoch { return &epoch{rows: table.NewBatch()} }

// reset begins a new epoch. The one before has been committed or aborted: nothing points any more into what it read.
func (e *epoch) reset(now time.Time) {
	for _, r := range e.polled {
		r.Recycle()
	}
	clear(e.polled)
	e.polled = e.polled[:0]
	e.rows.Reset()
	clear(e.records)
	e.records = e.records[:0]
	e.arena.reset()
	e.now, e.idle, e.stale = now, false, false
}

// record adds a record to the epoch's transaction. Kafka's client sets its offset.
func (e *epoch) record(topic string, partition int32, key, value []byte) *kgo.Record {
	r := &kgo.Record{Topic: topic, Partition: partition, Key: key, Value: value}
	e.records = append(e.records, r)
	return r
}

func (e *epoch) empty() bool { return len(e.records) == 0 && e.rows.Len() == 0 }

// arena hands out memory that lives until the epoch ends.
type arena struct {
	chunks [][]byte
	used   int // chunks in use, the last one partly
}

const arenaChunk = 1 << 20

// take returns n bytes of unspecified content.
func (a *arena) take(n int) []byte {
	if n > arenaChunk/4 {
		return make([]byte, n)
	}
	if a.used == 0 || len(a.chunks[a.used-1])+n > arenaChunk {
		if a.used == len(a.chunks) {
			a.chunks = append(a.chunks, make([]byte, 0, arenaChunk))
		}
		a.chunks[a.used] = a.chunks[a.used][:0]
		a.used++
	}
	c := &a.chunks[a.used-1]
	start := len(*c)
	*c = (*c)[:start+n]
	return (*c)[start : start+n : start+n]
}

func (a *arena) copy(b []byte) []byte {
	c := a.take(len(b))
	copy(c, b)
	return c
}

// reset makes all memory free again, and gives back what one unusual epoch needed.
func (a *arena) reset() {
	const keep = 128
	if len(a.chunks) > keep && a.used < keep/2 {
		a.chunks = a.chunks[:keep]
	}
	a.used = 0
}
