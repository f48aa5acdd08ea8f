package sim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/afterclick/afterclick/schemas/table"
)

// ClickHouse keeps tables as ReplacingMergeTree does once all is merged: of the rows with one sort key, in one partition, the one with
// the highest revision; of equals the last. It reads keys and engines off the tables' own definitions.
type ClickHouse struct {
	tables map[string]*merged
	// Conflicts tell of rows of one key and revision that differ, which must never be: which one wins is chance.
	Conflicts []string
}

type merged struct {
	schema   *table.Schema
	key      []keyPart
	revision int // column, -1 without
	deleted  int
	rows     map[string]Row
	seen     map[string]string // key and revision → values
}

// keyPart is one expression of a sort key.
type keyPart struct {
	column int
	of     func(ms int64) int64 // nil: the column itself
}

// Row is a row of a table, each value as text.
type Row struct {
	Revision uint64
	Deleted  bool
	Values   string // of all columns, see Fields
}

const separator = "\x1f"

// Fields names the values of a row that are not empty or 0, leaving out its revision if bare.
func (r Row) Fields(s *table.Schema, bare bool) string {
	var b strings.Builder
	for i, v := range strings.Split(r.Values, separator) {
		if name := s.Columns[i].Name; v != "" && v != "0" && v != "[]" && v != "false" && (!bare || name != "revision") {
			fmt.Fprintf(&b, " %s=%s", name, v)
		}
	}
	return b.String()
}

// NewClickHouse is an empty database.
func NewClickHouse() *ClickHouse { return &ClickHouse{tables: map[string]*merged{}} }

// functions are what sort keys and partitions are made of, of milliseconds.
var functions = map[string]func(int64) int64{
	"toDate":                  func(ms int64) int64 { return ms / 86_400_000 },
	"toYYYYMM":                func(ms int64) int64 { t := time.UnixMilli(ms).UTC(); return int64(t.Year()*100) + int64(t.Month()) },
	"toStartOfFifteenMinutes": func(ms int64) int64 { return ms - ms%table.Quarter },
	"toUnixTimestamp64Milli":  func(ms int64) int64 { return ms },
}

func define(s *table.Schema) *merged {
	m := &merged{schema: s, revision: -1, deleted: -1, rows: map[string]Row{}, seen: map[string]string{}}
	column := func(name string) int {
		i := slices.IndexFunc(s.Columns, func(f table.Field) bool { return f.Name == name })
		if i < 0 {
			panic("sim: table " + s.Name + " has no column " + name)
		}
		return i
	}
	expressions := strings.Split(s.Order, ", ")
	if s.Partition != "" {
		expressions = append([]string{s.Partition}, expressions...)
	}
	for _, e := range expressions {
		name, inner, called := strings.Cut(strings.TrimSuffix(e, ")"), "(")
		if !called {
			m.key = append(m.key, keyPart{column: column(e)})
			continue
		}
		of := functions[name]
		if of == nil {
			panic("sim: table " + s.Name + ": unknown function in a key: " + e)
		}
		m.key = append(m.key, keyPart{column(inner), of})
	}
	if _, args, ok := strings.Cut(strings.TrimSuffix(s.Engine, ")"), "("); ok {
		names := strings.Split(args, ", ")
		m.revision = column(names[0])
		if len(names) > 1 {
			m.deleted = column(names[1])
		}
	}
	return m
}

// Insert takes a block.
func (c *ClickHouse) Insert(b table.Block) { c.Send(b)() }

// Send takes a block off its owner, who may use its memory again. It is inserted when the result is called.
func (c *ClickHouse) Send(b table.Block) (land func()) {
	name := b.Schema().Name
	m := c.tables[name]
	if m == nil {
		m = define(b.Schema())
		c.tables[name] = m
	}
	columns := make([][]string, len(m.schema.Columns))
	for i := range columns {
		columns[i] = texts(b.Slice(i))
	}
	count := b.Rows()
	return func() { c.insert(m, name, columns, count) }
}

func (c *ClickHouse) insert(m *merged, name string, columns [][]string, count int) {
	values := make([]string, len(columns))
	for r := range count {
		for i := range columns {
			values[i] = columns[i][r]
		}
		key := m.keyOf(values)
		row := Row{Values: strings.Join(values, separator)}
		once := key
		if m.revision >= 0 {
			row.Revision, _ = strconv.ParseUint(values[m.revision], 10, 64)
			once += separator + values[m.revision]
		}
		row.Deleted = m.deleted >= 0 && values[m.deleted] == "1"
		if before, ok := m.seen[once]; ok && before != row.Values {
			c.Conflicts = append(c.Conflicts, fmt.Sprintf("%s: two rows of one key and revision:\n  %s\n  %s", name,
				Row{Values: before}.Fields(m.schema, false), row.Fields(m.schema, false)))
		}
		m.seen[once] = row.Values
		if before, ok := m.rows[key]; !ok || before.Revision <= row.Revision {
			m.rows[key] = row
		}
	}
}

func (m *merged) keyOf(values []string) string {
	var b strings.Builder
	for _, k := range m.key {
		v := values[k.column]
		if k.of != nil {
			ms, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				panic(err)
			}
			v = strconv.FormatInt(k.of(ms), 10)
		}
		b.WriteString(v)
		b.WriteString(separator)
	}
	return b.String()
}

// Rows are the visible rows of a table, by key.
func (c *ClickHouse) Rows(name string) map[string]Row {
	rows := map[string]Row{}
	if m := c.tables[name]; m != nil {
		for key, row := range m.rows {
			if !row.Deleted {
				rows[key] = row
			}
		}
	}
	return rows
}

// Values are the visible rows of a table, of some columns.
func (c *ClickHouse) Values(name string, columns ...string) (all [][]string) {
	m := c.tables[name]
	if m == nil {
		return nil
	}
	for _, row := range m.rows {
		if row.Deleted {
			continue
		}
		values, some := strings.Split(row.Values, separator), []string(nil)
		for _, want := range columns {
			some = append(some, values[slices.IndexFunc(m.schema.Columns, func(f table.Field) bool { return f.Name == want })])
		}
		all = append(all, some)
	}
	return all
}

// Differ says how many visible rows of a table differ between two databases, and shows the first. bare compares without revisions.
func Differ(got, want *ClickHouse, name string, bare bool) (n int, first string) {
	a, b := got.Rows(name), want.Rows(name)
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		g, isGot := a[key]
		w, isWanted := b[key]
		show := func(is bool, r Row) string {
			if !is {
				return " (none)"
			}
			for _, c := range []*ClickHouse{got, want} {
				if m := c.tables[name]; m != nil {
					return r.Fields(m.schema, bare)
				}
			}
			return ""
		}
		same := isGot && isWanted && g.Values == w.Values
		if !same && isGot && isWanted && bare {
			same = show(true, g) == show(true, w)
		}
		if same {
			continue
		}
		if n++; n == 1 {
			first = fmt.Sprintf("%s:\n  got %s\n  want%s", name, show(isGot, g), show(isWanted, w))
		}
	}
	return n, first
}

// texts turns a column into text.
func texts(slice any) []string {
	switch s := slice.(type) {
	case []string:
		return s
	case []bool:
		return each(s, strconv.FormatBool)
	case []int8:
		return each(s, func(v int8) string { return strconv.Itoa(int(v)) })
	case []uint8:
		return each(s, func(v uint8) string { return strconv.Itoa(int(v)) })
	case []int32:
		return each(s, func(v int32) string { return strconv.Itoa(int(v)) })
	case []int64:
		return each(s, func(v int64) string { return strconv.FormatInt(v, 10) })
	case []uint32:
		return each(s, func(v uint32) string { return strconv.FormatUint(uint64(v), 10) })
	case []uint64:
		return each(s, func(v uint64) string { return strconv.FormatUint(v, 10) })
	case []float64:
		return each(s, func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) })
	case []*float64:
		return each(s, func(v *float64) string {
			if v == nil {
				return ""
			}
			return "=" + strconv.FormatFloat(*v, 'g', -1, 64) // 0 is not unknown
		})
	case [][]string:
		return each(s, list)
	case [][]int8:
		return each(s, list)
	case [][]int64:
		return each(s, list)
	case [][]uint32:
		return each(s, list)
	case [][]uint64:
		return each(s, list)
	case [][]float64:
		return each(s, list)
	}
	panic(fmt.Sprintf("sim: a column of %T", slice))
}

func list[V any](v []V) string {
	if len(v) == 0 {
		return "[]"
	}
	return fmt.Sprintf("%q", each(v, func(v V) string { return fmt.Sprint(v) }))
}

func each[V any](s []V, text func(V) string) []string {
	all := make([]string, len(s))
	for i, v := range s {
		all[i] = text(v)
	}
	return all
}
