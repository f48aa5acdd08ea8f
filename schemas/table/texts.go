package table

import (
	"encoding/binary"
	"unsafe"

	"github.com/ClickHouse/ch-go/proto"
)

// texts holds strings, each with its length before it, in chunks that never move: a buffer that grows would be copied again and
// again, and the most of an epoch is text.
type texts struct {
	data  []byte   // the last chunk
	full  [][]byte // those before it
	spare [][]byte // empty ones
	size  int      // bytes in the full ones
	rows  int
}

// Chunks double from the first size up to the last.
const (
	firstChunk = 1 << 10
	lastChunk  = 256 << 10
)

func (c *texts) put(s string) {
	if cap(c.data)-len(c.data) < len(s)+binary.MaxVarintLen32 {
		c.next(len(s) + binary.MaxVarintLen32)
	}
	c.data = append(binary.AppendUvarint(c.data, uint64(len(s))), s...)
	c.rows++
}

// next begins a chunk with room for n bytes.
func (c *texts) next(n int) {
	size := firstChunk
	if cap(c.data) > 0 {
		c.full = append(c.full, c.data)
		c.size += len(c.data)
		size = min(2*cap(c.data), lastChunk)
	}
	if last := len(c.spare) - 1; last >= 0 && cap(c.spare[last]) >= n {
		c.data, c.spare = c.spare[last], c.spare[:last]
		return
	}
	c.data = make([]byte, 0, max(size, n))
}

// reset keeps the chunks, but not those that a giant needed.
func (c *texts) reset() {
	if cap(c.data) > lastChunk {
		c.data = nil
	}
	for i := len(c.full) - 1; i >= 0; i-- { // so that they come again in the order in which they came
		if chunk := c.full[i]; cap(chunk) <= lastChunk {
			c.spare = append(c.spare, chunk[:0])
		}
	}
	clear(c.full)
	c.data, c.full, c.size, c.rows = c.data[:0], c.full[:0], 0, 0
}

func (c *texts) bytes() int               { return c.size + len(c.data) }
func (c *texts) prefix(*proto.Buffer)     {}
func (c *texts) slice() any               { return c.strings() }
func (c *texts) slices(ends []uint64) any { return cut(c.strings(), ends) }

func (c *texts) encode(o *Output) {
	for _, chunk := range c.full {
		o.share(chunk)
	}
	o.share(c.data)
}

func (c *texts) strings() []string {
	all := make([]string, 0, c.rows)
	for i := range len(c.full) + 1 {
		chunk := c.data
		if i < len(c.full) {
			chunk = c.full[i]
		}
		for rest := string(chunk); len(rest) > 0; {
			n, width := uvarint(rest)
			all = append(all, rest[width:width+n])
			rest = rest[width+n:]
		}
	}
	return all
}

func uvarint(s string) (n, width int) {
	for shift := 0; ; shift += 7 {
		b := s[width]
		width++
		n |= int(b&0x7f) << shift
		if b < 0x80 {
			return n, width
		}
	}
}

// blobs is texts for bytes.
type blobs struct{ texts }

// put looks at v as a string: texts keeps nothing of it.
func (c *blobs) put(v []byte) { c.texts.put(unsafe.String(unsafe.SliceData(v), len(v))) }
