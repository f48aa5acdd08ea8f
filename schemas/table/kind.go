package table

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/afterclick/afterclick/schemas/event"
)

// kind is a type of ClickHouse together with the memory that collects its values. V is the Go type of one value.
type kind[V any] struct {
	name string // as system.columns prints it
	make func() sink[V]
	// never: the value 0 says that it did not happen, and is NULL in the views.
	never bool
}

// sink collects the values of one column, in the layout in which ClickHouse's Native format wants them, so that sending a block is
// a copy. It keeps its memory when it is reset and never keeps what put was given.
type sink[V any] interface {
	put(V)
	reset()
	bytes() int
	// prefix writes what a column has once per block, before everything else (the version of a dictionary).
	prefix(*proto.Buffer)
	encode(*Output)
	// slice is the same values as a slice that clickhouse-go's columns accept; slices cuts it at the given ends, for arrays.
	slice() any
	slices(ends []uint64) any
}

// The kinds of columns that the tables have. Low-cardinality words are a dictionary, see words.
var (
	text    = kind[string]{name: "String", make: func() sink[string] { return new(texts) }}
	blob    = kind[[]byte]{name: "String", make: func() sink[[]byte] { return new(blobs) }}
	word    = kind[string]{name: "LowCardinality(String)", make: func() sink[string] { return newWords() }}
	moment  = kind[event.Time]{name: "DateTime64(3, 'UTC')", make: func() sink[event.Time] { return new(moments) }}
	when    = kind[event.Time]{name: moment.name, make: moment.make, never: true}
	flag    = kind[bool]{name: "Bool", make: func() sink[bool] { return new(fixed[bool]) }}
	deleted = kind[bool]{name: "UInt8", make: func() sink[bool] { return new(flags) }}
	int32s  = kind[int32]{name: "Int32", make: func() sink[int32] { return new(fixed[int32]) }}
	int64s  = kind[int64]{name: "Int64", make: func() sink[int64] { return new(fixed[int64]) }}
	uint32s = kind[uint32]{name: "UInt32", make: func() sink[uint32] { return new(fixed[uint32]) }}
	uint64s = kind[uint64]{name: "UInt64", make: func() sink[uint64] { return new(fixed[uint64]) }}
	maybe   = kind[Maybe]{name: "Nullable(Float64)", make: func() sink[Maybe] { return new(maybes) }}
	floats  = kind[float64]{name: "Float64", make: func() sink[float64] { return new(fixed[float64]) }}
)

// fixed holds numbers.
type fixed[N number] struct{ data []N }

type number interface {
	bool | int8 | uint8 | int32 | int64 | uint32 | uint64 | float64
}

func (c *fixed[N]) put(n N)               { c.data = append(c.data, n) }
func (c *fixed[N]) reset()                { c.data = c.data[:0] }
func (c *fixed[N]) bytes() int            { return len(c.data) * sizeOf[N]() }
func (c *fixed[N]) prefix(*proto.Buffer)  {}
func (c *fixed[N]) slice() any            { return c.data }
func (c *fixed[N]) slices(e []uint64) any { return cut(c.data, e) }
func (c *fixed[N]) encode(o *Output)      { shareNumbers(o, c.data) }

func sizeOf[N number]() int {
	var n N
	return int(unsafe.Sizeof(n))
}

// flags holds booleans of a column that must be UInt8.
type flags struct{ fixed[uint8] }

func (c *flags) put(v bool) {
	var n uint8
	if v {
		n = 1
	}
	c.data = append(c.data, n)
}

// moments holds times in milliseconds. What is beyond the last one does not fit into the nanoseconds of clients.
type moments struct{ fixed[int64] }

const lastMoment = math.MaxInt64 / 1_000_000 // 2262-04-11

func (c *moments) put(t event.Time) {
	c.data = append(c.data, min(max(int64(t), 0), lastMoment))
}

// Maybe is a number that may not be known: then it is NULL.
type Maybe struct {
	Value float64
	Known bool
}

func (m Maybe) String() string {
	if !m.Known {
		return "NULL"
	}
	return strconv.FormatFloat(m.Value, 'g', -1, 64)
}

// Known is a number that is known.
func Known(v float64) Maybe { return Maybe{v, true} }

// maybes holds numbers, and for each whether it is NULL.
type maybes struct {
	values fixed[float64]
	nulls  fixed[uint8]
}

func (c *maybes) put(v Maybe) {
	if v.Known {
		c.values.put(v.Value)
		c.nulls.put(0)
		return
	}
	c.values.put(0)
	c.nulls.put(1)
}
func (c *maybes) reset()                { c.values.reset(); c.nulls.reset() }
func (c *maybes) bytes() int            { return c.values.bytes() + c.nulls.bytes() }
func (c *maybes) prefix(*proto.Buffer)  {}
func (c *maybes) slices(e []uint64) any { return cut(c.pointers(), e) }
func (c *maybes) slice() any            { return c.pointers() }
func (c *maybes) encode(o *Output) {
	c.nulls.encode(o)
	c.values.encode(o)
}

func (c *maybes) pointers() []*float64 {
	all := make([]*float64, len(c.values.data))
	for i := range all {
		if c.nulls.data[i] == 0 {
			all[i] = &c.values.data[i]
		}
	}
	return all
}

// words holds strings of which few differ: a dictionary and an index per row. clickhouse-go's own column spends a reflection, an
// allocation and two hashes per value; this one a comparison, or a hash.
type words struct {
	index map[string]uint32
	dict  texts // entry 0 is the default value, as ClickHouse has it
	keys  []uint32
	owned []string // the dictionary once more, to compare with
	last  uint32   // the key of the row before: the same word often comes several times in a row
}

func newWords() *words {
	c := &words{index: make(map[string]uint32)}
	c.reset()
	return c
}

func (c *words) put(s string) {
	if s == c.owned[c.last] {
		c.keys = append(c.keys, c.last)
		return
	}
	key, known := c.index[s]
	if !known {
		key = c.learn(strings.Clone(s)) // the caller's memory is not ours
	}
	c.keys, c.last = append(c.keys, key), key
}

func (c *words) learn(s string) uint32 {
	key := uint32(c.dict.rows)
	c.dict.put(s)
	c.owned = append(c.owned, s)
	c.index[s] = key
	return key
}

func (c *words) reset() {
	clear(c.index)
	clear(c.owned)
	c.dict.reset()
	c.keys, c.owned, c.last = c.keys[:0], c.owned[:0], 0
	c.learn("")
}

func (c *words) bytes() int { return c.dict.bytes() + 4*len(c.keys) }

func (c *words) prefix(b *proto.Buffer) { b.PutUInt64(1) } // version: dictionaries travel with their block

func (c *words) encode(b *Output) {
	if len(c.keys) == 0 {
		return // an array column without any element: ClickHouse expects nothing
	}
	const ownDictionary = 1<<9 | 1<<10
	width := uint64(0)
	switch {
	case c.dict.rows > 1<<16:
		width = 2
	case c.dict.rows > 1<<8:
		width = 1
	}
	b.PutUInt64(ownDictionary | width)
	b.PutUInt64(uint64(c.dict.rows))
	c.dict.encode(b)
	b.PutUInt64(uint64(len(c.keys)))
	b.Buf = slices.Grow(b.Buf, len(c.keys)<<width)
	for _, k := range c.keys {
		switch width {
		case 0:
			b.Buf = append(b.Buf, byte(k))
		case 1:
			b.Buf = binary.LittleEndian.AppendUint16(b.Buf, uint16(k))
		default:
			b.Buf = binary.LittleEndian.AppendUint32(b.Buf, k)
		}
	}
}

func (c *words) strings() []string {
	dict := c.dict.strings()
	all := make([]string, len(c.keys))
	for i, k := range c.keys {
		all[i] = dict[k]
	}
	return all
}
func (c *words) slice() any               { return c.strings() }
func (c *words) slices(ends []uint64) any { return cut(c.strings(), ends) }

// cut cuts all at the ends.
func cut[T any](all []T, ends []uint64) [][]T {
	parts := make([][]T, len(ends))
	from := uint64(0)
	for i, end := range ends {
		parts[i], from = all[from:end:end], end
	}
	return parts
}
