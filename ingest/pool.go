package ingest

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// recordPool lends the client memory for what it reads. A lane gives it back when the epoch that read it is over, see epoch.reset;
// until then states, rows and records of the epoch may point into it.
type recordPool struct {
	bytes, records sync.Pool // of *[]byte, *[]kgo.Record
}

var (
	_ kgo.PoolDecompressBytes = (*recordPool)(nil)
	_ kgo.PoolRecords         = (*recordPool)(nil)
)

// GetDecompressBytes lends what is there: the client makes it larger if need be, and what comes back is that.
func (p *recordPool) GetDecompressBytes(compressed []byte, _ kgo.CompressionCodecType) []byte {
	if b, ok := p.bytes.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 0, 6*len(compressed)) // as far as clicks compress, and some room
}

// PutDecompressBytes takes back.
func (p *recordPool) PutDecompressBytes(b []byte) { p.bytes.Put(&b) }

// GetRecords lends room for n records.
func (p *recordPool) GetRecords(n int) []kgo.Record {
	if r, ok := p.records.Get().(*[]kgo.Record); ok && cap(*r) >= n {
		return (*r)[:0]
	}
	return make([]kgo.Record, 0, n)
}

// PutRecords takes back.
func (p *recordPool) PutRecords(r []kgo.Record) { p.records.Put(&r) }
