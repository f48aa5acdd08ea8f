package local

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// request is what an HTTP request asks for.
type request struct {
	query    Query
	empty    bool      // no statement at all
	insert   bool      // the rows come in data, in query.Format
	data     io.Reader // after decompression
	queryID  string
	session  string // session_id
	timeout  string // session_timeout
	check    bool   // session_check
	revision int    // client_protocol_version: how Native blocks must look
	compress bool   // compress=1: ClickHouse's own frames
	frames   string // LZ4, ZSTD, NONE
	encoding bool   // enable_http_compression
	level    int
}

// parseRequest reads the URL and as much of the body as the statement takes.
func parseRequest(r *http.Request, limits map[string]string) (*request, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("the URL's parameters: %v", err)
	}
	req := &request{queryID: randomHex(16), frames: "LZ4", query: Query{Limits: limits, Settings: map[string]string{}, Params: map[string]string{}}}
	body, err := bodyOf(r, values)
	if err != nil {
		return nil, err
	}
	if body, err = req.form(r, body, values); err != nil {
		return nil, err
	}
	if err := req.user(r, values); err != nil {
		return nil, err
	}
	if err := req.parameters(values); err != nil {
		return nil, err
	}
	if r.Method != http.MethodPost && r.Method != http.MethodPut && req.query.Access == Full {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return nil, &Error{Code: 48, Name: "NOT_IMPLEMENTED", Message: "Method " + r.Method + " is not supported."}
		}
		req.query.Access = NoWrites
	}
	return req, req.statement(values.Get("query"), body, r.ContentLength)
}

func badRequest(format string, args ...any) error {
	return &Error{Code: 36, Name: "BAD_ARGUMENTS", Message: fmt.Sprintf(format, args...)}
}

// bodyOf undoes the compression of the body.
func bodyOf(r *http.Request, values url.Values) (body io.Reader, err error) {
	body = r.Body
	if body == nil {
		body = http.NoBody
	}
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body, err = zlib.NewReader(body)
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(body, zstd.WithDecoderConcurrency(1)); err == nil {
			body = z.IOReadCloser()
		}
	default:
		return nil, &Error{Code: 89, Name: "UNKNOWN_COMPRESSION_METHOD", Message: "Unknown compression method " + encoding + " (gzip, deflate and zstd are known)."}
	}
	if err != nil {
		return nil, &Error{Code: 271, Name: "CANNOT_DECOMPRESS", Message: "The body is not " + r.Header.Get("Content-Encoding") + ": " + err.Error() + "."}
	}
	if on(values.Get("decompress")) {
		body = &frameReader{r: body}
	}
	return body, nil
}

// form takes the statement and parameters out of a posted form.
func (req *request) form(r *http.Request, body io.Reader, values url.Values) (io.Reader, error) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return body, nil
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, badRequest("the form: %v", err)
	}
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return http.NoBody, nil
		}
		if err != nil {
			return nil, badRequest("the form: %v", err)
		}
		if part.FileName() != "" || values.Has(part.FormName()+"_structure") || values.Has(part.FormName()+"_types") {
			return nil, &Error{Code: 48, Name: "NOT_IMPLEMENTED", Message: "External tables are not supported by the embedded engine."}
		}
		value, err := io.ReadAll(io.LimitReader(part, maxStatement+1))
		if err != nil || len(value) > maxStatement {
			return nil, badRequest("the form field %s is too long or broken", part.FormName())
		}
		values.Set(part.FormName(), string(value))
	}
}

// user finds out who asks: URL, header or basic authentication.
func (req *request) user(r *http.Request, values url.Values) error {
	name := values.Get("user")
	if basic, _, ok := r.BasicAuth(); ok && basic != "" {
		name = basic
	}
	if header := r.Header.Get("X-ClickHouse-User"); header != "" {
		name = header
	}
	switch name {
	case "", "default":
	case "reader":
		req.query.Access = ReadOnly
	default:
		return &Error{Code: 516, Name: "AUTHENTICATION_FAILED", Message: name + ": Authentication failed: the embedded engine knows the users default and reader."}
	}
	return nil
}

// parameters sorts the URL's parameters into what the protocol takes and what are settings.
func (req *request) parameters(values url.Values) (err error) {
	for name, all := range values {
		value := all[len(all)-1]
		switch name {
		case "query", "user", "password", "quota_key", "decompress", "stacktrace", "role", "close_session",
			"send_progress_in_http_headers", "http_headers_progress_interval_ms", "add_http_cors_header", "http_write_exception_in_output_format",
			"http_response_buffer_size", "buffer_size", "http_wait_end_of_query", "http_response_headers", "http_zlib_compression_level":
		case "database":
			req.query.Database = value
		case "default_format":
			req.query.Format = value
		case "query_id":
			if value != "" {
				req.queryID = value
			}
		case "session_id":
			req.session = value
		case "session_timeout":
			req.timeout = value
		case "session_check":
			req.check = on(value)
		case "wait_end_of_query":
			req.query.Whole = on(value)
		case "client_protocol_version":
			if req.revision, err = strconv.Atoi(value); err != nil {
				return badRequest("client_protocol_version: %v", err)
			}
		case "compress":
			req.compress = on(value)
		case "network_compression_method":
			req.frames = strings.ToUpper(value)
		case "network_zstd_compression_level":
			req.level, _ = strconv.Atoi(value)
		case "enable_http_compression":
			req.encoding = on(value)
		case "readonly":
			switch value {
			case "0", "false":
			case "2":
				req.query.Access = max(req.query.Access, NoWrites)
			default:
				req.query.Access = ReadOnly
			}
		default:
			if p, ok := strings.CutPrefix(name, "param_"); ok {
				req.query.Params[p] = value
				continue
			}
			req.query.Settings[name] = value
		}
	}
	return nil
}

func on(value string) bool { return value != "" && value != "0" && value != "false" }

// statement finds the statement in the URL and the body, and where the rows of an INSERT begin.
func (req *request) statement(sql string, body io.Reader, length int64) error {
	if sql != "" {
		if head, ok := parseInsert(sql+"\n", true); ok && head.format != "" {
			return req.insertFrom(head, sql+"\n", body)
		}
		sql += "\n"
	}
	// A first look is enough for the head of an INSERT; only other statements are read to their end.
	look := int64(64 << 10)
	if length > 0 && length < look {
		look = length + 1
	}
	buffer := make([]byte, look)
	n, err := fill(body, buffer)
	if err == nil {
		if head, ok := parseInsert(sql+string(buffer), false); ok && head.format != "" {
			return req.insertFrom(head, sql+string(buffer), body)
		}
		rest := make([]byte, maxStatement+1-n)
		var m int
		m, err = fill(body, rest)
		buffer, n = append(buffer, rest[:m]...), n+m
		if err == nil {
			return &Error{Code: 62, Name: "SYNTAX_ERROR", Message: fmt.Sprintf("Syntax error: Max query size exceeded (a statement may have %d bytes).", maxStatement)}
		}
	}
	if err != io.EOF {
		return fmt.Errorf("read the statement: %w", err)
	}
	sql += string(buffer[:n])
	if head, ok := parseInsert(sql, true); ok && head.format != "" {
		return req.insertFrom(head, sql, http.NoBody)
	}
	req.query.SQL = strings.TrimSpace(sql)
	req.empty = req.query.SQL == ""
	return nil
}

// insertFrom makes the request an insert of the rows behind the head, in the text or in the body.
func (req *request) insertFrom(head insertHead, sql string, body io.Reader) error {
	inline := sql[head.inline:]
	if head.infile {
		return &Error{Code: 78, Name: "UNKNOWN_TYPE_OF_QUERY", Message: "Query has infile and was send directly to server."}
	}
	if head.format == "Values" {
		// Values may hold expressions and {name:Type}, which only the statement as a whole knows; so what is short
		// runs as one text.
		rest, err := io.ReadAll(io.LimitReader(body, maxStatement))
		if err != nil {
			return fmt.Errorf("read the statement: %w", err)
		}
		if len(rest) < maxStatement {
			req.query.SQL = strings.TrimSpace(sql + string(rest))
			return nil
		}
		body = io.MultiReader(bytes.NewReader(rest), body)
	}
	req.insert = true
	req.query.SQL, req.query.Format = head.statement, head.format
	req.data = body
	if strings.TrimSpace(inline) != "" {
		req.data = io.MultiReader(strings.NewReader(inline), body)
	}
	return nil
}
