// Package view holds what analysts read. A view has the plain name (sessions) and shows each row once, in its latest version, without
// those that were taken back; times that never came are NULL. The table below it (stored_sessions) holds versions of rows and is the
// pipeline's own: count() on it may count a row twice.
package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/afterclick/afterclick/schemas/cell"
	"github.com/afterclick/afterclick/schemas/table"
)

// View is a view with its comments.
type View struct {
	Name    string
	Comment string
	Columns []Column
	Query   string
	// Parameters: the view is read like a function, cases_at(at = '2026-03-01'). ClickHouse keeps no comments for the columns of such a
	// view, so they are told in the comment of the view.
	Parameters bool
}

// Column is a column of a view.
type Column struct {
	Name, Type, Comment string
}

// Create is the statement that makes the view, whether it exists or not.
func (v View) Create() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE OR REPLACE VIEW %s\n", v.Name)
	comment, columns := v.Comment, v.Columns
	if v.Parameters && len(columns) > 0 {
		comment, columns = comment+" Columns: "+told(columns), nil
	}
	for i, c := range columns {
		start, end := "    ", ",\n"
		if i == 0 {
			start = "(\n    "
		}
		if i == len(columns)-1 {
			end = "\n)\n"
		}
		fmt.Fprintf(&b, "%s%s %s COMMENT %s%s", start, table.Identifier(c.Name), c.Type, table.Quote(c.Comment), end)
	}
	fmt.Fprintf(&b, "AS %s\nCOMMENT %s", v.Query, table.Quote(comment))
	return b.String()
}

// told are the comments of columns as one text.
func told(columns []Column) string {
	var all []string
	for _, c := range columns {
		all = append(all, c.Name+" ("+strings.TrimSuffix(c.Comment, ".")+")")
	}
	return strings.Join(all, ", ") + "."
}

// part is a column of a view with its expression.
type part struct {
	name, typ, expr, comment string
}

// selecting makes a view of columns with their expressions; from is all that follows them in the query.
func selecting(v View, from string, parts ...part) View {
	var exprs []string
	for _, p := range parts {
		v.Columns = append(v.Columns, Column{p.name, p.typ, p.comment})
		exprs = append(exprs, p.expr+" AS "+table.Identifier(p.name))
	}
	v.Query = "SELECT " + strings.Join(exprs, ",\n    ") + "\n" + from
	return v
}

// Types of columns.
const (
	text    = "String"
	word    = "LowCardinality(String)"
	moment  = "DateTime64(3, 'UTC')"
	when    = "Nullable(DateTime64(3, 'UTC'))"
	number  = "Float64"
	maybe   = "Nullable(Float64)"
	count   = "UInt64"
	uint32s = "UInt32"
	flag    = "Bool"
	texts   = "Array(String)"
)

// days are the days from one time to another: a fraction, negative if the other comes before, NULL if one of them never came.
func days(from, to string) string {
	return fmt.Sprintf("dateDiff('millisecond', %s, %s) / 86400000", from, to)
}

// Views are all views, those that others read first.
func Views() []View {
	views := []View{events()}
	for _, s := range []*table.Schema{&table.Sessions.Schema, &table.Identities.Schema, &table.Journeys.Schema, &table.Reviews.Schema, &table.DeadLetters.Schema} {
		views = append(views, latest(s))
	}
	for _, c := range cell.Cells() {
		v := cells(c)
		if c == cell.Funnel {
			views = append(views, withBots(v))
			v = withoutBots(v)
		}
		views = append(views, v)
	}
	return append(views, ledger(), sessionClicks(), sightings(), knownSessions(), promises(), delays(), cases(), backlog(), returns(),
		reviewOrders(), customerOrders(), customers(), cohorts(), secondOrder(), experienceEffect(), wonBack(), timeline(),
		dropOff(), paths(), restatements())
}

// latest shows each row of a table once.
func latest(s *table.Schema) View {
	v := View{Name: s.Name, Comment: strings.TrimSuffix(s.Comment, " A new version of a row replaces the one before.")}
	var exprs []string
	for _, f := range s.Columns {
		if f.Name == "revision" || f.Name == "is_deleted" {
			continue
		}
		c := Column{f.Name, f.Type, f.Comment}
		expr := table.Identifier(f.Name)
		if f.Never {
			c.Type = "Nullable(" + f.Type + ")"
			c.Comment = strings.TrimSuffix(c.Comment, ".") + "; NULL: never."
			expr = never(expr) + " AS " + expr
		}
		v.Columns, exprs = append(v.Columns, c), append(exprs, expr)
	}
	// A row's partition is a function of its sort key, so versions of one row never lie in two.
	v.Query = fmt.Sprintf("SELECT %s\nFROM %s AS t FINAL\nSETTINGS do_not_merge_across_partitions_select_final = 1",
		strings.Join(exprs, ",\n    "), s.Stored())
	return v
}

func never(expr string) string { return "nullIf(t." + expr + ", toDateTime64(0, 3, 'UTC'))" }

// funnelWithBots is the view of the funnel's cells that leaves nothing out.
const funnelWithBots = table.CellFunnel + "_with_bots"

func withBots(v View) View {
	v.Name = funnelWithBots
	v.Comment += " Bots are among them, by the column bot; the view " + table.CellFunnel + " is without them."
	return v
}

// withoutBots is what is meant by default: bots would make a funnel of anything.
func withoutBots(v View) View {
	isBot := func(c Column) bool { return c.Name == "bot" }
	v.Columns = slices.DeleteFunc(slices.Clone(v.Columns), isBot)
	v.Comment += " Sessions of bots are left out; " + funnelWithBots + " has them, too."
	v.Query = "SELECT * EXCEPT (bot)\nFROM " + funnelWithBots + "\nWHERE NOT bot"
	return v
}

func cells(c *cell.Cell) View {
	v := View{Name: c.Name, Comment: c.Comment, Query: c.View()}
	for _, f := range c.Columns[:len(c.Columns)-1] { // without the version
		v.Columns = append(v.Columns, Column{f.Name, f.Type, f.Comment})
	}
	return v
}
