package table

import (
	"strings"
)

// Limits of one block, and so of one insert: ClickHouse turns each into a part, and holds it in memory meanwhile.
const (
	blockRows  = 1 << 18
	blockBytes = 64 << 20
)

// Buffer collects rows of one table, column by column, until they are inserted. It copies what it is given. It belongs to one
// goroutine at a time.
type Buffer[R any] struct {
	table  *Table[R]
	blocks []*block[R] // the rows are in the first used ones; the others wait with their memory
	used   int
	rows   int
}

type block[R any] struct {
	schema  *Schema
	columns []values[R]
	rows    int
}

// NewBuffer returns an empty buffer of t.
func (t *Table[R]) NewBuffer() *Buffer[R] { return &Buffer[R]{table: t} }

// Append adds a row.
func (b *Buffer[R]) Append(r *R) {
	if b.used == 0 || b.full() {
		b.next()
	}
	blk := b.blocks[b.used-1]
	for _, c := range blk.columns {
		c.add(r)
	}
	blk.rows++
	b.rows++
}

// full looks at the size from time to time only: it costs a call per column.
func (b *Buffer[R]) full() bool {
	blk := b.blocks[b.used-1]
	return blk.rows >= blockRows || blk.rows%16 == 0 && blk.Bytes() >= blockBytes
}

func (b *Buffer[R]) next() {
	if b.used == len(b.blocks) {
		blk := &block[R]{schema: &b.table.Schema, columns: make([]values[R], len(b.table.columns))}
		for i, c := range b.table.columns {
			blk.columns[i] = c.make()
		}
		b.blocks = append(b.blocks, blk)
	}
	b.used++
}

// Len is the number of rows.
func (b *Buffer[R]) Len() int { return b.rows }

// Bytes is about what the rows take in memory and on the wire.
func (b *Buffer[R]) Bytes() int {
	n := 0
	for _, blk := range b.blocks[:b.used] {
		n += blk.Bytes()
	}
	return n
}

// Reset empties b and keeps its memory, except for blocks beyond the first: they come from a rare rush.
func (b *Buffer[R]) Reset() {
	for _, blk := range b.blocks[:b.used] {
		for _, c := range blk.columns {
			c.reset()
		}
		blk.rows = 0
	}
	b.blocks = b.blocks[:min(len(b.blocks), 2)]
	b.used, b.rows = 0, 0
}

// Blocks are the rows in pieces that are small enough for one insert each. They are valid until the buffer changes.
func (b *Buffer[R]) Blocks() []Block {
	all := make([]Block, b.used)
	for i, blk := range b.blocks[:b.used] {
		all[i] = blk
	}
	return all
}

// Block is a piece of a buffer.
type Block interface {
	Schema() *Schema
	Rows() int
	Bytes() int
	// Native adds the block in ClickHouse's Native format, as HTTP inserts take it. The output reads the block's own memory.
	Native(*Output)
	// Slice returns column i as a slice that clickhouse-go's columns accept.
	Slice(i int) any
}

func (b *block[R]) Schema() *Schema { return b.schema }
func (b *block[R]) Rows() int       { return b.rows }
func (b *block[R]) Slice(i int) any { return b.columns[i].slice() }

func (b *block[R]) Bytes() int {
	n := 0
	for _, c := range b.columns {
		n += c.bytes()
	}
	return n
}

func (b *block[R]) Native(to *Output) {
	to.PutUVarInt(uint64(len(b.columns)))
	to.PutUVarInt(uint64(b.rows))
	for i, c := range b.columns {
		f := &b.schema.Columns[i]
		to.PutString(f.Name)
		to.PutString(f.Type)
		c.encode(to)
	}
}

// Insert is the statement that a block goes with, without its format.
func (s *Schema) Insert() string {
	names := make([]string, len(s.Columns))
	for i, f := range s.Columns {
		names[i] = Identifier(f.Name)
	}
	return "INSERT INTO " + s.Stored() + " (" + strings.Join(names, ", ") + ")"
}

// Batch is what an epoch has to say: rows of every table that the pipeline writes. It belongs to one goroutine at a time.
type Batch struct {
	Events      *Buffer[Event]
	Sessions    *Buffer[Session]
	Identities  *Buffer[Identity]
	Journeys    *Buffer[Journey]
	Reviews     *Buffer[Review]
	DeadLetters *Buffer[DeadLetter]
}

// NewBatch returns an empty batch.
func NewBatch() *Batch {
	return &Batch{
		Events:      Events.NewBuffer(),
		Sessions:    Sessions.NewBuffer(),
		Identities:  Identities.NewBuffer(),
		Journeys:    Journeys.NewBuffer(),
		Reviews:     Reviews.NewBuffer(),
		DeadLetters: DeadLetters.NewBuffer(),
	}
}

type buffer interface {
	Len() int
	Bytes() int
	Reset()
	Blocks() []Block
}

func (b *Batch) buffers() []buffer {
	return []buffer{b.Events, b.Sessions, b.Identities, b.Journeys, b.Reviews, b.DeadLetters}
}

// Len is the number of rows in all tables.
func (b *Batch) Len() (n int) {
	for _, t := range b.buffers() {
		n += t.Len()
	}
	return n
}

// Bytes is about what the rows take in memory and on the wire.
func (b *Batch) Bytes() (n int) {
	for _, t := range b.buffers() {
		n += t.Bytes()
	}
	return n
}

// Reset empties b and keeps its memory.
func (b *Batch) Reset() {
	for _, t := range b.buffers() {
		t.Reset()
	}
}

// Blocks are all rows in pieces that are small enough for one insert each. They are valid until the batch changes.
func (b *Batch) Blocks() (all []Block) {
	for _, t := range b.buffers() {
		all = append(all, t.Blocks()...)
	}
	return all
}
