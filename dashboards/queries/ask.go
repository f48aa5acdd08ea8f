package queries

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// question is SQL whose values are bound: whatever a person typed reaches the server as a parameter, never as SQL.
type question struct {
	params clickhouse.Parameters
}

// text binds a value and returns what stands for it.
func (q *question) text(v string) string {
	if q.params == nil {
		q.params = clickhouse.Parameters{}
	}
	name := "p" + strconv.Itoa(len(q.params)+1)
	q.params[name] = escape.Replace(v)
	return "{" + name + ":String}"
}

// escape: the server reads parameters as it reads tab-separated values.
var escape = strings.NewReplacer("\\", "\\\\", "\t", "\\t", "\n", "\\n", "\r", "\\r", "\x00", "\\0")

// moment binds a time, which the tables compare in UTC.
func (q *question) moment(t time.Time) string { return "toDateTime64(" + q.clock(t) + ", 3, 'UTC')" }

// clock is a time as parameters of views take it.
func (q *question) clock(t time.Time) string {
	return q.text(t.UTC().Format("2006-01-02 15:04:05.000"))
}

func (q *question) ask(ctx context.Context, conn clickhouse.Conn, into any, sql string) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(q.params))
	return conn.Select(ctx, into, sql)
}

// Condition is what must hold of a field: that it is one of Is, or like Like, or, with neither, that it is not empty. With Not, that
// it is not so.
type Condition struct {
	Field string
	Is    []string
	Like  string // of SQL: % is any text, _ any letter
	Not   bool
}

// on is the condition in SQL, with the expressions that fields stand for.
func (c Condition) on(q *question, expr func(*question, string) (string, error)) (string, error) {
	field, err := expr(q, c.Field)
	if err != nil {
		return "", err
	}
	var sql string
	switch {
	case len(c.Is) > 0 && c.Like != "":
		return "", fmt.Errorf("the condition on %s has both values and a pattern", c.Field)
	case len(c.Is) > 0:
		var values []string
		for _, v := range c.Is {
			values = append(values, q.text(v))
		}
		sql = field + " IN (" + strings.Join(values, ", ") + ")"
	case c.Like != "":
		sql = field + " LIKE " + q.text(c.Like)
	default:
		sql = field + " != ''"
	}
	if c.Not {
		sql = "NOT (" + sql + ")"
	}
	return sql, nil
}

// all joins conditions, which all must hold.
func all(q *question, conditions []Condition, expr func(*question, string) (string, error)) (string, error) {
	sql := []string{"1"}
	for _, c := range conditions {
		s, err := c.on(q, expr)
		if err != nil {
			return "", err
		}
		sql = append(sql, s)
	}
	return strings.Join(sql[min(1, len(sql)-1):], " AND "), nil
}

// named finds a field in a list of those that may be asked for.
func named(what, name string, fields map[string]string) (string, error) {
	if expr, ok := fields[name]; ok {
		return expr, nil
	}
	return "", fmt.Errorf("%s %q is not known: %s", what, name, strings.Join(sorted(fields), ", "))
}
