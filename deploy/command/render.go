package command

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// shownRows is how many rows a terminal shows; all of them are for pipes.
const shownRows = 1000

// render writes all rows and returns how many there were. width is that of the terminal, or 0.
func render(w io.Writer, rows driver.Rows, format string, width int) (int, error) {
	out := bufio.NewWriter(w)
	var f interface {
		header(columns []column) error
		row(values []any) error
		end(total int) error
	}
	switch {
	case format == "csv":
		f = &csvRows{w: csv.NewWriter(out)}
	case format == "json":
		f = &jsonRows{w: out, list: true}
	case format == "jsonl":
		f = &jsonRows{w: out}
	case width > 0:
		f = &prettyRows{w: out, width: width}
	default:
		f = &plainRows{w: out}
	}
	var columns []column
	for _, t := range rows.ColumnTypes() {
		columns = append(columns, column{t.Name(), t.DatabaseTypeName(), t.ScanType()})
	}
	if err := f.header(columns); err != nil {
		return 0, err
	}
	n := 0
	for ; rows.Next(); n++ {
		targets, values := make([]any, len(columns)), make([]any, len(columns))
		for i, c := range columns {
			targets[i] = reflect.New(c.scan).Interface()
		}
		if err := rows.Scan(targets...); err != nil {
			return n, err
		}
		for i, c := range columns {
			values[i] = plainValue(reflect.ValueOf(targets[i]).Elem(), c.kind)
		}
		if err := f.row(values); err != nil {
			return n, err
		}
	}
	if err := rows.Err(); err != nil {
		return n, err
	}
	if err := f.end(n); err != nil {
		return n, err
	}
	return n, out.Flush()
}

type column struct {
	name, kind string // kind is ClickHouse's type
	scan       reflect.Type
}

// plainRows are for pipes: a line of names, then a line per row, with tabs between.
type plainRows struct{ w *bufio.Writer }

func (f *plainRows) header(columns []column) error {
	for i, c := range columns {
		f.cell(i, c.name)
	}
	return f.w.WriteByte('\n')
}

func (f *plainRows) row(values []any) error {
	for i, v := range values {
		f.cell(i, cellText(v))
	}
	return f.w.WriteByte('\n')
}

var escapeTabs = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

func (f *plainRows) cell(i int, s string) {
	if i > 0 {
		f.w.WriteByte('\t')
	}
	escapeTabs.WriteString(f.w, s) // an error of a bufio.Writer stays until Flush
}

func (f *plainRows) end(int) error { return nil }

type csvRows struct{ w *csv.Writer }

func (f *csvRows) header(columns []column) error {
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	return f.w.Write(names)
}

func (f *csvRows) row(values []any) error {
	cells := make([]string, len(values))
	for i, v := range values {
		if v != nil {
			cells[i] = cellText(v)
		}
	}
	return f.w.Write(cells)
}

func (f *csvRows) end(int) error { f.w.Flush(); return f.w.Error() }

// jsonRows are objects, one a line, in a list or not.
type jsonRows struct {
	w       *bufio.Writer
	list    bool
	columns []column
	n       int
}

func (f *jsonRows) header(columns []column) error { f.columns = columns; return nil }

func (f *jsonRows) row(values []any) error {
	if f.list {
		f.w.WriteString(map[bool]string{true: "[\n", false: ",\n"}[f.n == 0])
	}
	f.n++
	f.w.WriteByte('{')
	for i, v := range values {
		name, err := json.Marshal(f.columns[i].name)
		if err != nil {
			return err
		}
		value, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("column %s: %w", f.columns[i].name, err)
		}
		if i > 0 {
			f.w.WriteByte(',')
		}
		f.w.Write(name)
		f.w.WriteByte(':')
		f.w.Write(value)
	}
	f.w.WriteByte('}')
	if !f.list {
		f.w.WriteByte('\n')
	}
	return nil
}

func (f *jsonRows) end(int) error {
	if f.list {
		if f.n == 0 {
			f.w.WriteString("[")
		}
		f.w.WriteString("\n]\n")
	}
	return nil
}

// prettyRows are for eyes: a box, or, where that is wider than the terminal, a block of lines per row.
type prettyRows struct {
	w       *bufio.Writer
	width   int
	columns []column
	rows    []table.Row
}

func (f *prettyRows) header(columns []column) error { f.columns = columns; return nil }

func (f *prettyRows) row(values []any) error {
	if len(f.rows) < shownRows {
		row := make(table.Row, len(values))
		for i, v := range values {
			row[i] = cellText(v)
		}
		f.rows = append(f.rows, row)
	}
	return nil
}

func (f *prettyRows) end(total int) error {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	header := table.Row{}
	var configs []table.ColumnConfig
	for i, c := range f.columns {
		header = append(header, c.name)
		if isNumber(c.scan) {
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	t.AppendHeader(header)
	t.AppendRows(f.rows)
	t.SetColumnConfigs(configs)
	box := t.Render()
	first, _, _ := strings.Cut(box, "\n")
	if len(f.columns) == 0 || text.StringWidthWithoutEscSequences(first) <= f.width {
		fmt.Fprintln(f.w, box)
	} else {
		f.blocks()
	}
	if more := total - len(f.rows); more > 0 {
		fmt.Fprintf(f.w, "… and %d rows more; --format csv shows all\n", more)
	}
	return nil
}

func (f *prettyRows) blocks() {
	widest := 0
	for _, c := range f.columns {
		widest = max(widest, text.StringWidthWithoutEscSequences(c.name))
	}
	for n, row := range f.rows {
		fmt.Fprintf(f.w, "─── %d\n", n+1)
		for i, c := range f.columns {
			fmt.Fprintf(f.w, "%s  %s\n", text.Pad(c.name, widest, ' '), row[i])
		}
	}
}

func isNumber(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Float64
}
