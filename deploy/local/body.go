package local

import (
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/zstd"
)

// body writes a result to an HTTP client, in the form and compression that it asked for.
type body struct {
	out      io.Writer
	closers  []io.Closer // from the outermost compression inwards
	client   *sink
	revision int // of Native blocks; 0 leaves them as they are
	lost     bool
}

// sink remembers that the client has gone.
type sink struct {
	http.ResponseWriter
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.ResponseWriter.Write(p)
	if err != nil {
		s.err = err
	}
	return n, err
}

func newBody(w http.ResponseWriter, r *http.Request, req *request, format string) (*body, error) {
	b := &body{client: &sink{ResponseWriter: w}}
	b.out = b.client
	if strings.EqualFold(format, "Native") {
		b.revision = req.revision
	}
	if req.encoding {
		accept := strings.ToLower(r.Header.Get("Accept-Encoding"))
		switch {
		case strings.Contains(accept, "gzip"):
			w.Header().Set("Content-Encoding", "gzip")
			b.push(gzip.NewWriter(b.out))
		case strings.Contains(accept, "deflate"):
			w.Header().Set("Content-Encoding", "deflate")
			b.push(zlib.NewWriter(b.out))
		case strings.Contains(accept, "zstd"):
			z, err := zstd.NewWriter(b.out, zstd.WithEncoderConcurrency(1))
			if err != nil {
				return nil, err
			}
			w.Header().Set("Content-Encoding", "zstd")
			b.push(z)
		}
	}
	if req.compress {
		method := compress.LZ4
		switch req.frames {
		case "LZ4":
		case "LZ4HC":
			method = compress.LZ4HC
		case "ZSTD":
			method = compress.ZSTD
		case "NONE":
			method = compress.None
		default:
			return nil, &Error{Code: 89, Name: "UNKNOWN_COMPRESSION_METHOD", Message: "Unknown compression method " + req.frames + "."}
		}
		b.push(&frameWriter{w: b.out, c: compress.NewWriter(compress.Level(req.level), method)})
	}
	return b, nil
}

func (b *body) push(w io.WriteCloser) {
	b.out = w
	b.closers = append([]io.Closer{w}, b.closers...)
}

func (b *body) write(chunk []byte) (err error) {
	if b.revision > 0 {
		err = reframe(b.out, chunk, b.revision)
	} else {
		_, err = b.out.Write(chunk)
	}
	b.lost = b.client.err != nil
	return err
}

func (b *body) close() error {
	for _, c := range b.closers {
		if err := c.Close(); err != nil {
			return errSent
		}
	}
	return nil
}

// abandon sends what was written so far, without a proper end.
func (b *body) abandon() { b.close() }
