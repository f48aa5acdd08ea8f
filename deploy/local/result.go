package local

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"unsafe"
)

// Result is the outcome of a statement, read chunk by chunk. It holds a connection until it is closed, and is not
// safe for concurrent use.
type Result struct {
	Stats  Stats
	Format string // of the bytes, as far as the text of the statement tells

	c      *conn
	owned  bool    // the connection goes with the result
	stream uintptr // 0 when the result came as a whole
	chunk  uintptr // what the last bytes lie in
	fresh  bool    // the chunk was not given out yet
	ended  bool    // no chunk follows
	header headerLines
}

// errNotStreamed: the engine cannot stream this statement, or must not; nothing has happened yet.
var errNotStreamed = errors.New("not a statement that streams")

// open starts a stream and fetches its first chunk, so that most errors show before anything is sent to a client.
func (r *Result) open(ctx context.Context, q Query, format string) error {
	lib := r.c.e.lib
	p := packParams(q.Params)
	stop := r.c.interrupt(ctx)
	stream := lib.streamQueryParams(r.c.c, textPointer(q.SQL), uintptr(len(q.SQL)), textPointer(format), uintptr(len(format)),
		p.names, p.nameLens, p.values, p.valueLens, p.count)
	stop()
	p.release()
	if message := text(lib.resultError(stream)); message != "" {
		lib.destroyResult(stream)
		if strings.Contains(message, "Streaming query is not supported for query") {
			return errNotStreamed
		}
		return cancelled(ctx, parseError(message))
	}
	r.stream = stream
	if err := r.fetch(ctx); err != nil {
		return err
	}
	if r.ended && r.header > 0 {
		// No rows, so no chunk, so no header line either; as a whole the engine writes one.
		r.closeStream()
		return errNotStreamed
	}
	return nil
}

// whole runs the statement to its end.
func (r *Result) whole(ctx context.Context, q Query, format string) error {
	lib := r.c.e.lib
	r.header, r.ended = 0, true
	p := packParams(q.Params)
	stop := r.c.interrupt(ctx)
	result := lib.queryParams(r.c.c, textPointer(q.SQL), uintptr(len(q.SQL)), textPointer(format), uintptr(len(format)),
		p.names, p.nameLens, p.values, p.valueLens, p.count)
	stop()
	p.release()
	if message := text(lib.resultError(result)); message != "" {
		lib.destroyResult(result)
		return cancelled(ctx, parseError(message))
	}
	r.Stats.add(lib, result)
	r.chunk, r.fresh = result, lib.resultLength(result) > 0
	return nil
}

// fetch gets the next chunk of a stream.
func (r *Result) fetch(ctx context.Context) error {
	lib := r.c.e.lib
	r.drop()
	stop := r.c.interrupt(ctx)
	chunk := lib.streamFetch(r.c.c, r.stream)
	stop()
	r.chunk = chunk
	if message := text(lib.resultError(chunk)); message != "" {
		r.ended = true
		return cancelled(ctx, parseError(message))
	}
	r.Stats.add(lib, chunk)
	r.fresh = lib.resultLength(chunk) > 0
	r.ended = !r.fresh
	return nil
}

// Next returns the next chunk, or io.EOF. The bytes lie in the engine's memory: they hold until the next call of
// Next or Close and must not be written to.
func (r *Result) Next(ctx context.Context) ([]byte, error) {
	again := false
	if !r.fresh {
		if r.ended {
			return nil, io.EOF
		}
		again = true
		if err := r.fetch(ctx); err != nil {
			return nil, err
		}
		if r.ended {
			return nil, io.EOF
		}
	}
	r.fresh = false
	lib := r.c.e.lib
	data := unsafe.Slice((*byte)(pointer(lib.resultBuffer(r.chunk))), lib.resultLength(r.chunk))
	if again {
		data = r.header.cut(data)
	}
	return data, nil
}

// Close frees the result and its connection; a query that is still running is cancelled.
func (r *Result) Close() error {
	if r.c == nil {
		return nil
	}
	r.drop()
	r.closeStream()
	if r.owned {
		r.c.release()
	}
	r.c = nil
	return nil
}

func (r *Result) drop() {
	if r.chunk != 0 {
		r.c.e.lib.destroyResult(r.chunk)
		r.chunk, r.fresh = 0, false
	}
}

func (r *Result) closeStream() {
	if r.stream == 0 {
		return
	}
	if !r.ended {
		r.c.e.lib.streamCancel(r.c.c, r.stream)
	}
	r.c.e.lib.destroyResult(r.stream)
	r.stream, r.ended = 0, true
}

// headerLines is how many lines every chunk of a stream begins with that belong to the first one only.
type headerLines int

// streamable says whether chunks of the format may simply follow each other. The engine formats every chunk of a
// stream as a document of its own; what has an outer shape (JSON, Parquet, Pretty, XML) must come as a whole.
func streamable(format string) (headerLines, bool) {
	switch strings.ToLower(format) {
	case "native", "rowbinary", "csv", "tabseparated", "tsv", "tabseparatedraw", "tsvraw", "raw", "tskv",
		"jsoneachrow", "jsonlines", "ndjson", "jsonstringseachrow", "jsoncompacteachrow", "jsoncompactstringseachrow",
		"linesasstring", "lineasstring", "rawblob", "msgpack", "null":
		return 0, true
	case "csvwithnames", "tabseparatedwithnames", "tsvwithnames", "tabseparatedrawwithnames", "tsvrawwithnames",
		"jsoncompacteachrowwithnames", "jsoncompactstringseachrowwithnames":
		return 1, true
	case "csvwithnamesandtypes", "tabseparatedwithnamesandtypes", "tsvwithnamesandtypes",
		"tabseparatedrawwithnamesandtypes", "tsvrawwithnamesandtypes",
		"jsoncompacteachrowwithnamesandtypes", "jsoncompactstringseachrowwithnamesandtypes":
		return 2, true
	}
	return 0, false
}

// cut takes the header off a chunk. A name in CSV may hold a line end inside its quotes.
func (n headerLines) cut(data []byte) []byte {
	for ; n > 0; n-- {
		quoted, i := false, 0
		for ; i < len(data) && (data[i] != '\n' || quoted); i++ {
			if data[i] == '"' && !(i > 0 && data[i-1] == '\\') {
				quoted = !quoted
			}
		}
		data = data[min(i+1, len(data)):]
	}
	return data
}

// ReadAll reads what is left of the result and closes it.
func (r *Result) ReadAll(ctx context.Context) ([]byte, error) {
	defer r.Close()
	var out bytes.Buffer
	for {
		chunk, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return out.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
		out.Write(chunk)
	}
}
