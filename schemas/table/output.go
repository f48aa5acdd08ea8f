package table

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"unsafe"

	"github.com/ClickHouse/ch-go/proto"
)

// Output is a block in ClickHouse's Native format, in pieces: what is large stays where the columns have it. So it is valid only as
// long as the block does not change.
type Output struct {
	proto.Buffer // what was written since the last shared piece
	begin        []byte
	pieces       [][]byte
}

// Reset empties o and keeps its memory.
func (o *Output) Reset() {
	clear(o.pieces)
	o.Buf, o.pieces = o.begin[:0], o.pieces[:0]
}

// share adds b as it stands, without a copy.
func (o *Output) share(b []byte) {
	o.cut()
	if len(b) > 0 {
		o.pieces = append(o.pieces, b)
	}
}

// cut makes a piece of what was written.
func (o *Output) cut() {
	n := len(o.Buf)
	if n == 0 {
		return
	}
	if len(o.pieces) == 0 {
		o.begin = o.Buf[:0]
	}
	o.pieces = append(o.pieces, o.Buf[:n:n])
	o.Buf = o.Buf[n:]
}

// Reader reads all pieces, once.
func (o *Output) Reader() *OutputReader {
	o.cut()
	return &OutputReader{rest: o.pieces}
}

// OutputReader reads an output until it is stopped.
type OutputReader struct {
	mu   sync.Mutex
	rest [][]byte
	at   int // in the first piece
	err  error
}

var errOutputStopped = errors.New("the rows are no longer there to be read")

// Read implements io.Reader.
func (r *OutputReader) Read(p []byte) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return 0, r.err
	}
	for n < len(p) && len(r.rest) > 0 {
		m := copy(p[n:], r.rest[0][r.at:])
		n, r.at = n+m, r.at+m
		if r.at == len(r.rest[0]) {
			r.rest, r.at = r.rest[1:], 0
		}
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Stop waits for a Read under way, and lets all others fail: an HTTP client may go on reading after it has returned an error, and
// then the columns may change.
func (r *OutputReader) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rest, r.err = nil, errOutputStopped
}

// littleEndian: ClickHouse's numbers are, and so are most machines'.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// shareNumbers adds numbers as ClickHouse wants them.
func shareNumbers[N number](o *Output, data []N) {
	if len(data) == 0 {
		return
	}
	if littleEndian {
		o.share(unsafe.Slice((*byte)(unsafe.Pointer(&data[0])), len(data)*int(unsafe.Sizeof(data[0]))))
		return
	}
	// Append fails only for types without a fixed size.
	o.Buf, _ = binary.Append(o.Buf, binary.LittleEndian, data)
}
