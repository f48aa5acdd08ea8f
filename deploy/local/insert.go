package local

import (
	"context"
	"fmt"
	"io"
	"unsafe"
)

// insertChunk is how much of the rows travels into the engine at once. The engine copies it and parses it on a
// thread of its own; when it is slower than the reader, append waits.
const insertChunk = 1 << 20

// Insert runs q.SQL, an INSERT statement without FORMAT, VALUES or rows, on the rows that r holds in q.Format.
//
// If r fails or ctx is done before the end of the rows, the insert is cancelled and returns an error. What a failed
// insert leaves behind is what it would leave on a server: the engine cuts rows into blocks (a block of Native stays
// one; other formats about a million rows, max_insert_block_size) and each block is inserted whole or not at all, so
// blocks before the failure may stay. An insert that fits in one block, which is what clickhouse-go sends, is atomic per
// partition that it touches. Nothing is visible of a block that did not arrive to its last byte.
func (e *Engine) Insert(ctx context.Context, q Query, r io.Reader) (Stats, error) {
	c, err := e.acquire(ctx, q.Access)
	if err != nil {
		return Stats{}, err
	}
	defer c.release()
	if err := c.prepare(q); err != nil {
		return Stats{}, err
	}
	return c.insert(ctx, q, r)
}

func (c *conn) insert(ctx context.Context, q Query, r io.Reader) (stats Stats, err error) {
	if q.Access == ReadOnly {
		return stats, refuse("INSERT")
	}
	lib := c.e.lib
	p := packParams(q.Params)
	stream := lib.insertParams(c.c, textPointer(q.SQL), uintptr(len(q.SQL)), textPointer(q.Format), uintptr(len(q.Format)),
		p.names, p.nameLens, p.values, p.valueLens, p.count)
	p.release()
	defer lib.destroyInsert(stream)
	if err := parseError(text(lib.insertError(stream))); err != nil {
		return stats, err
	}
	buffer := make([]byte, insertChunk)
	for {
		n, readErr := fill(r, buffer)
		if readErr == nil || readErr == io.EOF {
			if err := ctx.Err(); err != nil {
				readErr = err
			}
		}
		if readErr != nil && readErr != io.EOF {
			lib.insertCancel(stream)
			return stats, fmt.Errorf("read the rows to insert: %w", readErr)
		}
		if n > 0 && lib.insertAppend(stream, unsafe.Pointer(&buffer[0]), uintptr(n)) != 0 {
			break // done below tells why
		}
		if readErr != nil {
			break
		}
	}
	stop := c.interrupt(ctx)
	result := lib.insertDone(stream)
	stop()
	defer lib.destroyResult(result)
	stats.add(lib, result)
	return stats, cancelled(ctx, parseError(text(lib.resultError(result))))
}

// fill reads until the buffer is full or r ends. Unlike io.ReadFull it leaves r's own error as it is: a body that broke
// off says io.ErrUnexpectedEOF, and that must not look like a short last chunk.
func fill(r io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var m int
		m, err = r.Read(buffer[n:])
		n += m
	}
	return n, err
}
