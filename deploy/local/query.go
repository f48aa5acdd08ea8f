package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unsafe"
)

// Stats is what the engine says about a statement: rows and bytes that it read from tables and wrote.
type Stats struct {
	ReadRows, ReadBytes       uint64
	WrittenRows, WrittenBytes uint64
}

func (s *Stats) add(lib *library, result uintptr) {
	s.ReadRows += lib.resultStorageRows(result)
	s.ReadBytes += lib.resultStorageBytes(result)
	s.WrittenRows += lib.resultRowsWritten(result)
	s.WrittenBytes += lib.resultBytesWritten(result)
}

// Query runs a statement. Rows of formats whose chunks can simply follow each other (Native, CSV, TabSeparated,
// JSONEachRow, RowBinary and relatives) are streamed as the engine makes them; a document such as JSON or Parquet
// comes as one piece, held in the engine's memory. A cancelled ctx kills the query.
func (e *Engine) Query(ctx context.Context, q Query) (*Result, error) {
	c, err := e.acquire(ctx, q.Access)
	if err != nil {
		return nil, err
	}
	if err = c.prepare(q); err == nil {
		var r *Result
		if r, err = c.start(ctx, q); err == nil {
			r.owned = true
			return r, nil
		}
	}
	c.release()
	return nil, err
}

// QueryBytes runs a statement and returns the whole result.
func (e *Engine) QueryBytes(ctx context.Context, q Query) ([]byte, error) {
	r, err := e.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	return r.ReadAll(ctx)
}

// Exec runs a statement and drops its result.
func (e *Engine) Exec(ctx context.Context, sql string) error {
	_, err := e.QueryBytes(ctx, Query{SQL: sql})
	return err
}

// start runs the query on a prepared connection.
func (c *conn) start(ctx context.Context, q Query) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := c.check(q); err != nil {
		return nil, err
	}
	format := q.Format
	if format == "" {
		format = "TabSeparated"
	}
	o := outlineOf(q.SQL)
	r := &Result{c: c, Format: format}
	if o.format != "" {
		r.Format = o.format
	}
	header, canStream := streamable(r.Format)
	if canStream && !q.Whole && !o.totals && !shaped(q.Settings) && (o.first == "SELECT" || o.first == "WITH" || o.first == "(") {
		r.header = header
		err := r.open(ctx, q, format)
		if err == nil {
			return r, nil
		}
		r.drop()
		r.closeStream()
		if !errors.Is(err, errNotStreamed) {
			return nil, err
		}
	}
	if err := r.whole(ctx, q, format); err != nil {
		return nil, err
	}
	return r, nil
}

// shaped says whether settings of the query give its result a beginning or an end beside its rows.
func shaped(settings map[string]string) bool {
	for _, name := range []string{"extremes", "output_format_json_array_of_rows"} {
		if v, asked := settings[name]; asked && v != "0" && v != "false" {
			return true
		}
	}
	return false
}

// prepare brings the connection into the circumstances of the query.
func (c *conn) prepare(q Query) error {
	var setup []string
	if q.Database != "" && q.Database != "default" {
		setup = append(setup, "USE "+quoteName(q.Database))
	}
	settings := q.Settings
	if q.Access == ReadOnly {
		var err error
		if settings, err = readerSettings(settings, q.Limits); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if !settingName(name) {
			return &Error{Code: 115, Name: "UNKNOWN_SETTING", Message: fmt.Sprintf("Unknown setting %q.", name)}
		}
		setup = append(setup, "SET "+name+" = "+quoteText(settings[name]))
	}
	switch q.Access {
	case NoWrites:
		setup = append(setup, "SET readonly = 2")
	case ReadOnly:
		setup = append(setup, "SET readonly = 1") // last: it cannot be undone
	}
	if len(setup) == 0 {
		return nil
	}
	return c.run(strings.Join(setup, "; "))
}

// run executes statements whose results do not matter.
func (c *conn) run(sql string) error {
	result := c.e.lib.query(c.c, textPointer(sql), uintptr(len(sql)), textPointer("Null"), 4)
	defer c.e.lib.destroyResult(result)
	return parseError(text(c.e.lib.resultError(result)))
}

// value runs a statement that returns one text.
func (c *conn) value(sql string) (string, error) {
	lib := c.e.lib
	const format = "RawBLOB"
	result := lib.query(c.c, textPointer(sql), uintptr(len(sql)), textPointer(format), uintptr(len(format)))
	defer lib.destroyResult(result)
	if err := parseError(text(lib.resultError(result))); err != nil {
		return "", err
	}
	n := lib.resultLength(result)
	if n == 0 {
		return "", nil
	}
	return string(unsafe.Slice((*byte)(pointer(lib.resultBuffer(result))), n)), nil
}

func cancelled(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

func settingName(name string) bool {
	for i := range len(name) {
		if !isWord(name[i]) && name[i] != '.' {
			return false
		}
	}
	return name != ""
}

// quoteName and quoteText write an identifier and a string literal.
func quoteName(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}

func quoteText(s string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(s) + "'"
}
