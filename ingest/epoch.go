package ingest

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/table"
)

// epoch is what one round of a lane has to say: rows for ClickHouse, then records for one Kafka transaction. Its memory is used
// again by the next round.
type epoch struct {
	rows    *table.Batch
	records []*kgo.Record
	made    [][]kgo.Record // where the records are, in chunks; the last one is not full
	spare   [][]kgo.Record
	arena   arena
	now     time.Time // the wall clock when it began; decides only when something is written, never what
	read    time.Time // the wall clock when the records at hand had been read
	idle    bool      // nothing was read for a while: write what was held back
	stale   bool      // a record of a partition that is no longer ours was read: the epoch must be dropped
}

func newEpoch() *epoch { return &epoch{rows: table.NewBatch()} }

func (e *epoch) reset(now time.Time) {
	e.rows.Reset()
	clear(e.records)
	e.records = e.records[:0]
	for _, chunk := range e.made {
		clear(chunk)
		e.spare = append(e.spare, chunk[:0])
	}
	clear(e.made)
	e.made = e.made[:0]
	e.arena.reset()
	e.now, e.read, e.idle, e.stale = now, now, false, false
}

// recordChunk is how many records are made at once.
const recordChunk = 1024

// record adds a record to the epoch's transaction. It may be completed until the transaction begins. The client sets its offset, and has
// done with it when the transaction has ended, so that its memory can be used again.
func (e *epoch) record(topic string, partition int32, key, value []byte) *kgo.Record {
	last := len(e.made) - 1
	if last < 0 || len(e.made[last]) == recordChunk {
		if n := len(e.spare) - 1; n >= 0 {
			e.made, e.spare = append(e.made, e.spare[n]), e.spare[:n]
		} else {
			e.made = append(e.made, make([]kgo.Record, 0, recordChunk))
		}
		last++
	}
	e.made[last] = append(e.made[last], kgo.Record{Topic: topic, Partition: partition, Key: key, Value: value})
	r := &e.made[last][len(e.made[last])-1]
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
