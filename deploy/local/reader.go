package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/afterclick/afterclick/schemas/access"
)

// ErrReadOnly is behind every refusal of what a reader must not do.
var ErrReadOnly = errors.New("this connection only reads")

// refuse is ClickHouse's error for it, naming what was refused.
func refuse(what string) error {
	return &Error{164, "READONLY", what + " is refused: this connection only reads.", ErrReadOnly}
}

// ReaderLimits bound a reader's query: those of package access, and a mark in the log of queries.
var ReaderLimits = func() map[string]string {
	limits := maps.Clone(access.Limits)
	limits["log_comment"] = "reader"
	return limits
}()

// readerPatience is how long a reader's statement waits for a place among the others.
const readerPatience = 5 * time.Second

// place takes one of the readers' places.
func (e *Engine) place(ctx context.Context) error {
	timeout := time.NewTimer(readerPatience)
	defer timeout.Stop()
	select {
	case e.readers <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a place among %d readers: %w", cap(e.readers), ctx.Err())
	case <-timeout.C:
		return &Error{Code: 202, Name: "TOO_MANY_SIMULTANEOUS_QUERIES",
			Message: fmt.Sprintf("Too many simultaneous queries: %d of readers run already, and none ended within %s.", cap(e.readers), readerPatience)}
	}
}

// Reader runs read-only statements on an engine.
type Reader struct {
	engine *Engine
	limits map[string]string
}

// Reader returns a read-only view; nil limits are ReaderLimits.
func (e *Engine) Reader(limits map[string]string) *Reader { return &Reader{e, limits} }

// Query runs one reading statement. What writes, defines, kills, leaves the engine or holds several statements is
// refused with an error that is ErrReadOnly.
func (r *Reader) Query(ctx context.Context, q Query) (*Result, error) {
	q.Access, q.Limits = ReadOnly, r.limits
	return r.engine.Query(ctx, q)
}

// readerMay are the settings beside the limits that a reader may bring along: how results look and time zones.
// Everything else could lift a limit in some roundabout way.
func readerMay(name string) bool {
	for _, prefix := range []string{"output_format_", "format_", "date_time_", "join_use_nulls", "session_timezone", "extremes",
		"result_overflow_mode", "timeout_overflow_mode", "max_threads", "max_block_size", "log_comment", "final",
		"use_query_cache", "enable_http_compression", "totals_mode", "aggregate_functions_null_for_empty", "enable_unaligned_array_join"} {
		if name == prefix || strings.HasSuffix(prefix, "_") && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// readerSettings are the limits, lowered by what the reader asks for.
func readerSettings(asked, limits map[string]string) (map[string]string, error) {
	if limits == nil {
		limits = ReaderLimits
	}
	out := make(map[string]string, len(limits)+len(asked))
	for name, limit := range limits {
		out[name] = limit
	}
	for name, value := range asked {
		limit, limited := limits[name]
		switch {
		case limited && name != "log_comment":
			// 0 stands for no limit at all.
			have, haveErr := strconv.ParseFloat(limit, 64)
			want, wantErr := strconv.ParseFloat(value, 64)
			if haveErr == nil && wantErr == nil && want > 0 && (want < have || have == 0) {
				out[name] = value
			}
		case limited || readerMay(name):
			out[name] = value
		case name == "readonly" && (value == "1" || value == "2"):
		default:
			return nil, &Error{164, "READONLY", "Cannot modify '" + name + "' setting in readonly mode.", ErrReadOnly}
		}
	}
	return out, nil
}

// What the engine's own parser says about a statement (chdb_query_analysis_v1).
type analysis struct {
	size, statements, flags, class uint32
}

const (
	classReadOnly = 0
	classControl  = 3
	classUnknown  = 4
)

func (c *conn) analyse(sql string) (a analysis) {
	a.size = uint32(unsafe.Sizeof(a))
	c.e.lib.classify(c.c, textPointer(sql), uintptr(len(sql)), nil, 0, unsafe.Pointer(&a))
	return a
}

// check refuses what a server would refuse and libchdb, which thinks that it is a client, would do: several statements
// at once, and INTO OUTFILE and FROM INFILE, which touch files of this machine even with readonly=1. For a reader the
// engine's own parser must also say that the statement leaves no trace.
func (c *conn) check(q Query) error {
	a := c.analyse(q.SQL)
	if a.statements > 1 {
		e := &Error{Code: 62, Name: "SYNTAX_ERROR", Message: "Syntax error (Multi-statements are not allowed): send one statement per query."}
		if q.Access == ReadOnly {
			e.cause = ErrReadOnly
		}
		return e
	}
	what := file(q.SQL)
	if first := outlineOf(q.SQL).first; what == "" && a.class == classControl && answers(first) {
		// Of all that only answers, the parser files nothing under control but what writes a file. So this holds even
		// where our reading of the text and the engine's differ.
		what = first + " INTO OUTFILE"
	}
	if what != "" {
		e := &Error{Code: 358, Name: "INTO_OUTFILE_NOT_ALLOWED", Message: what + " is not allowed."}
		if q.Access == ReadOnly {
			e.cause = ErrReadOnly
		}
		return e
	}
	if q.Access != ReadOnly {
		return nil
	}
	if a.class == classReadOnly && a.statements == 1 {
		return c.checkParts(q.SQL)
	}
	if a.class == classUnknown {
		// It does not parse: let the engine say where, without running it.
		if err := c.run("SELECT formatQuerySingleLine(" + quoteText(q.SQL) + ")"); err != nil {
			return err
		}
	}
	o := outlineOf(q.SQL)
	if o.first == "" {
		return refuse("An empty statement")
	}
	return refuse(o.first)
}

// checkParts looks into a reading statement, in the form that the engine's parser gives it. readonly=1 alone does not
// hold there: a SETTINGS clause in a subquery lifts it (and every limit) for that subquery, and the function file()
// reads any file of this machine, as libchdb takes itself for clickhouse-local.
func (c *conn) checkParts(sql string) error {
	formatted, err := c.value("SELECT formatQuerySingleLine(" + quoteText(sql) + ")")
	if err != nil {
		return err
	}
	for t := next(formatted, 0); t.kind != tokenEnd; t = next(formatted, t.end) {
		switch {
		case t.kind == tokenWord && strings.EqualFold(formatted[t.pos:t.end], "file"),
			t.kind == tokenQuoted && strings.EqualFold(formatted[t.pos+1:t.end-1], "file"):
			// Anywhere, not only before a bracket: * APPLY(file) calls it as well.
			return refuse("file")
		case t.is(formatted, "SETTINGS"):
			if name, ok := settingsAllowed(formatted, t.end); !ok {
				return &Error{164, "READONLY", "Cannot modify '" + name + "' setting in readonly mode.", ErrReadOnly}
			}
		}
	}
	return nil
}

// settingsAllowed reads a SETTINGS clause, if it is one and not a column of that name, and returns the first setting
// in it that a reader may not bring along. A value that it does not understand is not allowed either.
func settingsAllowed(sql string, pos int) (string, bool) {
	for {
		name := next(sql, pos)
		equals := next(sql, name.end)
		for equals.char(sql, '.') {
			part := next(sql, equals.end)
			name.end, equals = part.end, next(sql, part.end)
		}
		if name.kind != tokenWord && name.kind != tokenQuoted || !equals.char(sql, '=') {
			return "", true
		}
		if setting := sql[name.pos:name.end]; !readerMay(setting) {
			return setting, false
		}
		end, ok := valueEnd(sql, equals.end)
		if !ok {
			return sql[name.pos:name.end], false
		}
		comma := next(sql, end)
		if !comma.char(sql, ',') {
			return "", true
		}
		pos = comma.end
	}
}

// answers says whether a statement that begins so returns rows and does nothing else.
func answers(first string) bool {
	switch first {
	case "SELECT", "WITH", "(", "FROM", "VALUES", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK", "TABLE":
		return true
	}
	return false
}

// file finds INTO OUTFILE and FROM INFILE, whatever stands between the two words.
func file(sql string) string {
	var last token
	for t := next(sql, 0); t.kind != tokenEnd; t = next(sql, t.end) {
		switch {
		case last.is(sql, "INTO") && t.is(sql, "OUTFILE"):
			return "INTO OUTFILE"
		case last.is(sql, "FROM") && t.is(sql, "INFILE"):
			return "FROM INFILE"
		}
		last = t
	}
	return ""
}
