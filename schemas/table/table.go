package table

import (
	"fmt"
	"slices"
	"strings"
)

// Schema is what ClickHouse knows of a table.
type Schema struct {
	Name     string // what the table holds, and the name of the view that analysts read
	Internal bool   // bookkeeping: there is no view, the table has the plain name
	Comment  string
	Columns  []Field
	Defaults []Field // columns that the server fills when rows are inserted
	// Engine, with its arguments. A row's identity is its whole sort key; of rows with the same identity the engine keeps the one
	// of the highest revision.
	Engine string
	// Partition must be a function of the first expressions of Order: versions of one row that lie in two partitions never meet.
	Partition string
	Order     string
}

// Field is a column as ClickHouse knows it.
type Field struct {
	Name, Type, Default, Codec, Comment string
	// Never: a time of 0 says that it did not happen, and is NULL in the views.
	Never bool
}

// Stored is the name of the table itself. The plain name belongs to the view over it, which shows each row once.
func (s *Schema) Stored() string {
	if s.Internal {
		return s.Name
	}
	return "stored_" + s.Name
}

// All are all columns, in the order of the table.
func (s *Schema) All() []Field { return append(slices.Clone(s.Columns), s.Defaults...) }

// Create is the statement that creates the table in the database of the connection.
func (s *Schema) Create() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS %s\n(\n", s.Stored())
	all := s.All()
	for i, f := range all {
		fmt.Fprintf(&b, "    %s", f.Definition())
		if i < len(all)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, ")\nENGINE = %s\n", s.Engine)
	if s.Partition != "" {
		fmt.Fprintf(&b, "PARTITION BY %s\n", s.Partition)
	}
	order := s.Order
	if strings.Contains(order, ",") {
		order = "(" + order + ")"
	}
	fmt.Fprintf(&b, "ORDER BY %s\n", order)
	fmt.Fprintf(&b, "COMMENT %s", Quote(s.Comment))
	return b.String()
}

// Definition is the column in a CREATE or ALTER statement.
func (f Field) Definition() string {
	d := Identifier(f.Name) + " " + f.Type
	if f.Default != "" {
		d += " DEFAULT " + f.Default
	}
	d += " COMMENT " + Quote(f.Comment)
	if f.Codec != "" {
		d += " CODEC(" + f.Codec + ")"
	}
	return d
}

// Identifier is a column's name as SQL wants it: those of parallel arrays have a dot.
func Identifier(name string) string {
	if strings.Contains(name, ".") {
		return "`" + name + "`"
	}
	return name
}

// Quote makes s a string literal of ClickHouse.
func Quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// Table is a table of rows R: what ClickHouse knows of it, and how a row becomes a value of each column.
type Table[R any] struct {
	Schema
	columns []Column[R]
}

// Column is one column of a table of rows R.
type Column[R any] struct {
	Field
	make func() values[R]
}

// values is the memory of one column in one block.
type values[R any] interface {
	add(*R)
	reset()
	bytes() int
	encode(*Output)
	slice() any
}

func define[R any](s Schema, columns ...Column[R]) *Table[R] {
	for _, c := range columns {
		s.Columns = append(s.Columns, c.Field)
	}
	return &Table[R]{Schema: s, columns: columns}
}

// col declares a column with one value per row.
func col[R, V any](name string, k kind[V], comment string, get func(*R) V) Column[R] {
	return Column[R]{
		Field: Field{Name: name, Type: k.name, Comment: comment, Never: k.never},
		make:  func() values[R] { return &scalar[R, V]{k.make(), get} },
	}
}

// named declares a column with one of a few names per row.
func named[R any, S ~string](name string, e enum[S], comment string, get func(*R) S) Column[R] {
	return col(name, e.kind, comment, func(r *R) int8 { return e.number(get(r)) })
}

// list declares a column with an array per row: one value for each element. Lists over the same elements run in parallel.
func list[R, E, V any](name string, k kind[V], comment string, elements func(*R) []E, get func(*E) V) Column[R] {
	return Column[R]{
		Field: Field{Name: name, Type: "Array(" + k.name + ")", Comment: comment},
		make:  func() values[R] { return &array[R, E, V]{sink: k.make(), elements: elements, get: get} },
	}
}

// packed sets the codec of a column.
func packed[R any](codec string, c Column[R]) Column[R] {
	c.Codec = codec
	return c
}

// index is the place of a column that must exist.
func (t *Table[R]) index(column string) int {
	for i, f := range t.Columns {
		if f.Name == column {
			return i
		}
	}
	panic("table " + t.Name + " has no column " + column)
}

type scalar[R, V any] struct {
	sink[V]
	get func(*R) V
}

func (c *scalar[R, V]) add(r *R) { c.put(c.get(r)) }
func (c *scalar[R, V]) encode(o *Output) {
	c.prefix(&o.Buffer)
	c.sink.encode(o)
}

type array[R, E, V any] struct {
	sink[V]
	ends     fixed[uint64]
	n        uint64
	elements func(*R) []E
	get      func(*E) V
}

func (c *array[R, E, V]) add(r *R) {
	all := c.elements(r)
	for i := range all {
		c.put(c.get(&all[i]))
	}
	c.n += uint64(len(all))
	c.ends.put(c.n)
}

func (c *array[R, E, V]) reset() {
	c.sink.reset()
	c.ends.reset()
	c.n = 0
}

func (c *array[R, E, V]) bytes() int { return c.sink.bytes() + c.ends.bytes() }
func (c *array[R, E, V]) slice() any { return c.slices(c.ends.data) }
func (c *array[R, E, V]) encode(o *Output) {
	c.prefix(&o.Buffer)
	c.ends.encode(o)
	c.sink.encode(o)
}
