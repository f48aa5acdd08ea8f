package local

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxStatement is how long a statement may be that carries no rows (max_query_size of a server is a quarter of it;
// generated SQL gets long).
const maxStatement = 1 << 20

// Handler speaks ClickHouse's HTTP protocol in front of the engine, so that clickhouse-go, curl, Grafana and other
// clients work as with a server. Users are "default" (or none), who may do everything, and "reader", who is held to
// Reader's rules; `readonly=1` does the same for one request. There are no passwords: it must listen on loopback only.
type Handler struct {
	engine   *Engine
	version  string
	timezone string
	sessions sessions
	limits   map[string]string
}

// NewHandler returns the protocol's handler; readerLimits are for "reader", nil takes ReaderLimits.
func NewHandler(ctx context.Context, e *Engine, readerLimits map[string]string) (*Handler, error) {
	version, err := e.QueryBytes(ctx, Query{SQL: "SELECT version(), timezone()"})
	if err != nil {
		return nil, fmt.Errorf("ask the ClickHouse engine for its version: %w", err)
	}
	number, timezone, _ := strings.Cut(strings.TrimSpace(string(version)), "\t")
	return &Handler{engine: e, version: number, timezone: timezone, limits: readerLimits}, nil
}

// Close ends the HTTP sessions that are open. The engine stays open.
func (h *Handler) Close() { h.sessions.closeAll() }

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-ClickHouse-Server-Display-Name", "afterclick")
	if err := fromHere(r); err != nil {
		h.fail(w, r, "", err)
		return
	}
	switch r.URL.Path {
	case "/ping", "/replicas_status":
		io.WriteString(w, "Ok.\n")
	case "/", "/query":
		h.serve(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, "There is no handle %s\n\nUse / or /ping for health checks.\nSend queries from your program with POST method or GET /?query=...\n", r.URL.Path)
	}
}

// fromHere refuses what a web page could make a browser send: a foreign Origin, or a name that was bent towards
// loopback. Whoever may open connections on this machine is let in, as with a server without a password.
func fromHere(r *http.Request) error {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ok := loopbackName(host)
	if origin := r.Header.Get("Origin"); ok && origin != "" {
		u, err := url.Parse(origin)
		ok = err == nil && loopbackName(u.Hostname())
	}
	if !ok {
		return &Error{Code: 497, Name: "ACCESS_DENIED", Message: "Only programs of this machine may ask; Host and Origin must be loopback."}
	}
	return nil
}

func loopbackName(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// serve runs one statement.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request) {
	req, err := parseRequest(r, h.limits)
	if err != nil {
		h.fail(w, r, "", err)
		return
	}
	if req.empty {
		io.WriteString(w, "Ok.\n")
		return
	}
	w.Header().Set("X-ClickHouse-Query-Id", req.queryID)
	w.Header().Set("X-ClickHouse-Timezone", h.timezone)
	if tz := req.query.Settings["session_timezone"]; tz != "" {
		w.Header().Set("X-ClickHouse-Timezone", tz)
	}
	if err := h.run(w, r, req); err != nil {
		h.fail(w, r, req.queryID, err)
	}
}

// errSent is an error that was already told to the client.
var errSent = errors.New("sent")

func (h *Handler) run(w http.ResponseWriter, r *http.Request, req *request) error {
	ctx := r.Context()
	started := time.Now()
	c, release, err := h.connection(ctx, req)
	if err != nil {
		return err
	}
	defer release()
	if req.insert {
		stats, err := c.insert(ctx, req.query, req.data)
		if err != nil {
			return err
		}
		w.Header().Set("X-ClickHouse-Summary", summary(stats, time.Since(started)))
		return nil
	}
	result, err := c.start(ctx, req.query)
	if err != nil {
		return err
	}
	defer result.Close()
	w.Header().Set("X-ClickHouse-Summary", summary(result.Stats, time.Since(started)))
	w.Header().Set("X-ClickHouse-Format", result.Format)
	w.Header().Set("Content-Type", contentType(result.Format))
	return h.send(ctx, w, r, req, result)
}

// connection prepares a connection for the request: a new one, or the one of its HTTP session.
func (h *Handler) connection(ctx context.Context, req *request) (*conn, func(), error) {
	if req.session != "" {
		return h.sessions.take(ctx, h.engine, req)
	}
	c, err := h.engine.acquire(ctx, req.query.Access)
	if err != nil {
		return nil, nil, err
	}
	if err := c.prepare(req.query); err != nil {
		c.release()
		return nil, nil, err
	}
	return c, c.release, nil
}

// send writes the result. Until its first bytes are out, an error still gets a status of its own; after that it goes
// into the body, framed as ClickHouse does it, and the connection breaks off.
func (h *Handler) send(ctx context.Context, w http.ResponseWriter, r *http.Request, req *request, result *Result) error {
	tag := randomHex(8)
	w.Header().Set("X-ClickHouse-Exception-Tag", tag)
	out, err := newBody(w, r, req, result.Format)
	if err != nil {
		return err
	}
	sent := false
	for {
		chunk, err := result.Next(ctx)
		if err == nil {
			sent = true
			err = out.write(chunk)
			if err == nil {
				continue
			}
			if out.lost {
				return errSent // the client has gone
			}
		}
		if errors.Is(err, io.EOF) {
			return out.close()
		}
		if !sent {
			return err
		}
		text := h.text(err)
		out.abandon()
		fmt.Fprintf(w, "\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", tag, text, len(text), tag)
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // no proper end of the chunked body: the client must not take it for whole
	}
}

// text is an error in ClickHouse's form.
func (h *Handler) text(err error) string {
	return asError(err).Error() + " (version " + h.version + " (embedded))"
}

// asError finds or makes ClickHouse's error.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	switch {
	case errors.Is(err, ErrClosed):
		return &Error{Code: 236, Name: "ABORTED", Message: err.Error(), cause: err}
	case errors.Is(err, context.Canceled):
		return &Error{Code: 394, Name: "QUERY_WAS_CANCELLED", Message: err.Error(), cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: 159, Name: "TIMEOUT_EXCEEDED", Message: err.Error(), cause: err}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Code: 33, Name: "CANNOT_READ_ALL_DATA", Message: err.Error(), cause: err}
	}
	return &Error{Code: 1002, Name: "UNKNOWN_EXCEPTION", Message: err.Error(), cause: err}
}

// fail sends an error with a status of its own.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, queryID string, err error) {
	if errors.Is(err, errSent) {
		return
	}
	e := asError(err)
	header := w.Header()
	header.Del("X-ClickHouse-Format")
	header.Del("Content-Encoding")
	// A client that is still sending rows would not look for an answer before it has sent them all.
	if r.Body != nil {
		io.CopyN(io.Discard, r.Body, 256<<20)
	}
	header.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.Code))
	header.Set("Content-Type", "text/plain; charset=UTF-8")
	if queryID != "" {
		header.Set("X-ClickHouse-Query-Id", queryID)
	}
	w.WriteHeader(httpStatus(e.Code))
	io.WriteString(w, h.text(e)+"\n")
}

func summary(s Stats, elapsed time.Duration) string {
	return fmt.Sprintf(`{"read_rows":"%d","read_bytes":"%d","written_rows":"%d","written_bytes":"%d","total_rows_to_read":"0","result_rows":"%d","result_bytes":"%d","elapsed_ns":"%d"}`,
		s.ReadRows, s.ReadBytes, s.WrittenRows, s.WrittenBytes, s.WrittenRows, s.WrittenBytes, elapsed.Nanoseconds())
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func contentType(format string) string {
	switch f := strings.ToLower(format); {
	case strings.HasPrefix(f, "json") && strings.Contains(f, "eachrow"), f == "ndjson", f == "jsonlines":
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(f, "json"):
		return "application/json; charset=UTF-8"
	case strings.HasPrefix(f, "csv"):
		return "text/csv; charset=UTF-8; header=" + map[bool]string{true: "present", false: "absent"}[strings.Contains(f, "withnames")]
	case strings.HasPrefix(f, "tabseparated"), strings.HasPrefix(f, "tsv"):
		return "text/tab-separated-values; charset=UTF-8"
	case f == "native", strings.HasPrefix(f, "rowbinary"), f == "parquet", f == "arrow", f == "orc":
		return "application/octet-stream"
	case f == "xml":
		return "application/xml; charset=UTF-8"
	}
	return "text/plain; charset=UTF-8"
}
