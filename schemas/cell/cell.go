// Package cell keeps the aggregates: funnel, delivery, reputation. A cell is one row of an aggregate: a quarter-hour, its dimensions,
// its counts. It is a pure function of the rows of its bucket, so the buckets that inserts touched are computed again, whole.
package cell

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/afterclick/afterclick/schemas/table"
)

// Cell is an aggregate: its table, and how its rows come from the source's.
type Cell struct {
	table.Schema
	source *table.Schema
	// at is the column of the source that says which bucket a row belongs to. If it is part of the source's sort key a row cannot
	// leave its bucket without a tombstone, and key is empty. Otherwise key is the sort key, its first column the month of at.
	at, key string
	from    string // ARRAY JOIN, if any
	where   string // rows that count
	exprs   []string
	count   string // the measure that counts rows
	// part is the expression of what a day's totals are by: the dimension within which counts add up.
	part     string
	measures []string
}

// part is a dimension or a measure: its column, and its expression over a row or the rows of the source.
type part struct {
	name, typ, expr, comment string
}

func define(c Cell, dimensions, measures []part) *Cell {
	c.Engine = "ReplacingMergeTree(version)"
	c.Partition = "toYYYYMM(bucket)"
	c.Columns = []table.Field{{Name: "bucket", Type: "DateTime('UTC')", Comment: "Start of the quarter-hour, UTC."}}
	order := []string{"bucket"}
	for _, p := range dimensions {
		order = append(order, p.name)
	}
	c.Order = strings.Join(order, ", ")
	for _, p := range slices.Concat(dimensions, measures) {
		c.Columns = append(c.Columns, table.Field{Name: p.name, Type: p.typ, Comment: p.comment})
		c.exprs = append(c.exprs, p.expr)
	}
	c.Columns = append(c.Columns, table.Field{Name: "version", Type: "DateTime64(6, 'UTC')",
		Comment: "When reading the rows for it began, by the server's clock."})
	c.count = measures[0].name
	for _, p := range measures {
		c.measures = append(c.measures, p.name)
	}
	return &c
}

// Cells are all aggregates.
func Cells() []*Cell { return []*Cell{Funnel, Delivery, Reputation} }

// quarterHour is the bucket that a time of the source belongs to.
func (c *Cell) quarterHour() string { return "toStartOfFifteenMinutes(" + c.at + ")" }

// compute inserts the cells of the buckets, as of version. What was there before under other dimensions has an older version than the
// bucket's and is void.
func (c *Cell) compute(buckets []time.Time, version string) string {
	names := make([]string, len(c.Columns))
	for i, f := range c.Columns {
		names[i] = f.Name
	}
	return fmt.Sprintf("INSERT INTO %s (%s)\n%s", c.Stored(), strings.Join(names, ", "),
		c.Query(c.within(buckets), "toDateTime64("+table.Quote(version)+", 6, 'UTC')"))
}

// Query groups the source's rows into cells. Condition is an expression over the source's columns, more are further columns.
func (c *Cell) Query(condition string, more ...string) string {
	return fmt.Sprintf("SELECT %s\nFROM %s FINAL%s\nWHERE %s AND %s\nGROUP BY ALL",
		strings.Join(slices.Concat([]string{c.quarterHour()}, c.exprs, more), ", "), c.source.Stored(), c.from, c.where, condition)
}

// within is the condition that a row of the source belongs to the buckets.
func (c *Cell) within(buckets []time.Time) string {
	var list, days, months []string
	for _, b := range buckets {
		list = append(list, table.Quote(b.Format(time.DateTime)))
		if day := table.Quote(b.Format(time.DateOnly)); !slices.Contains(days, day) {
			days = append(days, day)
		}
		if month := table.Quote(b.Format("2006-01-02")[:8] + "01 00:00:00"); !slices.Contains(months, month) {
			months = append(months, month)
		}
	}
	in := c.quarterHour() + " IN (" + strings.Join(list, ", ") + ")"
	if c.key == "" {
		return "toDate(" + c.at + ") IN (" + strings.Join(days, ", ") + ") AND " + in
	}
	// FINAL cannot use a condition outside of the sort key before it has merged. So find first, without FINAL and in a few columns,
	// the keys that any version has in these buckets.
	month := "month IN (" + strings.Join(months, ", ") + ")"
	return fmt.Sprintf("%s AND %s AND (%s) IN (SELECT %s FROM %s WHERE %s AND %s)",
		month, in, c.key, c.key, c.source.Stored(), month, in)
}

// left finds, within the months, the buckets whose cells count other rows than there are: rows have left them, by getting another
// time, or a tombstone that does not know it.
func (c *Cell) left(months []time.Time) string {
	var list []string
	for _, m := range months {
		list = append(list, table.Quote(m.Format(time.DateTime)))
	}
	in := "IN (" + strings.Join(list, ", ") + ")"
	return fmt.Sprintf(`SELECT bucket FROM (
    SELECT %s AS bucket, count() AS there, 0 AS counted FROM %s FINAL%s WHERE %s AND month %s GROUP BY bucket
    UNION ALL
    SELECT bucket, 0 AS there, sum(%s) AS counted FROM %s WHERE toStartOfMonth(bucket) %s GROUP BY bucket
) GROUP BY bucket HAVING sum(there) != sum(counted)`,
		c.quarterHour(), c.source.Stored(), c.from, c.where, in, c.count, c.Name, strings.ReplaceAll(in, " 00:00:00", ""))
}

// View is the query that shows the cells that count: those of their bucket's last refresh, or of one that is under way.
func (c *Cell) View() string {
	var names []string
	for _, f := range c.Columns[:len(c.Columns)-1] {
		names = append(names, "c."+f.Name+" AS "+f.Name)
	}
	return fmt.Sprintf(`SELECT %s
FROM %s AS c FINAL
INNER JOIN (
    SELECT toDateTime(at, 'UTC') AS bucket, max(version) AS refreshed FROM refreshed
    WHERE cell = %s AND scope = 'bucket' GROUP BY at
) AS r ON c.bucket = r.bucket
WHERE c.version >= r.refreshed`, strings.Join(names, ", "), c.Stored(), table.Quote(c.Name))
}
