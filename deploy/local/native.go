package local

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// From this revision on a Native block names, per column, whether it is serialized in a special way.
const revisionCustomSerialization = 54454

// blockInfo is what stands before a block from revision 1 on: not an overflow row, no bucket, end.
var blockInfo = []byte{1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0}

// reframe copies blocks in Native form of revision 0, which is what the embedded engine writes, in the form that a
// client of the given revision reads. Only the frame differs (the block's info and a flag per column); the columns'
// bytes are copied as they are. data must hold whole blocks.
func reframe(w io.Writer, data []byte, revision int) error {
	var head []byte
	for len(data) > 0 {
		c := cursor{data: data}
		columns, rows := c.uvarint(), c.uvarint()
		head = head[:0]
		if revision > 0 {
			head = append(head, blockInfo...)
		}
		head = append(head, data[:c.pos]...)
		for range columns {
			from := c.pos
			c.bytes(c.uvarint())
			name := string(c.bytes(c.uvarint()))
			if c.err != nil {
				return c.err
			}
			head = append(head, data[from:c.pos]...)
			if revision >= revisionCustomSerialization {
				head = append(head, 0)
			}
			if _, err := w.Write(head); err != nil {
				return err
			}
			head = head[:0]
			from = c.pos
			if rows > 0 {
				t, err := parseType(name)
				if err != nil {
					return err
				}
				c.prefix(t)
				c.column(t, rows)
			}
			if c.err != nil {
				return fmt.Errorf("a column of type %s: %w", name, c.err)
			}
			if _, err := w.Write(data[from:c.pos]); err != nil {
				return err
			}
		}
		if _, err := w.Write(head); err != nil {
			return err
		}
		data = data[c.pos:]
	}
	return nil
}

// columnType is a ClickHouse type, as far as its bytes are concerned.
type columnType struct {
	kind  byte // 'f'ixed, 's'tring, 'n'ullable, 'a'rray, 't'uple, 'm'ap, 'l'ow cardinality
	width uint64
	inner []columnType
}

var fixedWidths = map[string]uint64{
	"UInt8": 1, "Int8": 1, "Bool": 1, "Enum8": 1, "Nothing": 1,
	"UInt16": 2, "Int16": 2, "Date": 2, "Enum16": 2, "BFloat16": 2,
	"UInt32": 4, "Int32": 4, "Float32": 4, "DateTime": 4, "Date32": 4, "IPv4": 4, "Time": 4, "Decimal32": 4,
	"UInt64": 8, "Int64": 8, "Float64": 8, "DateTime64": 8, "Time64": 8, "Decimal64": 8,
	"UInt128": 16, "Int128": 16, "UUID": 16, "IPv6": 16, "Decimal128": 16,
	"UInt256": 32, "Int256": 32, "Decimal256": 32,
}

// geo types are names for arrays and tuples.
var geoTypes = map[string]string{
	"Point": "Tuple(Float64, Float64)", "Ring": "Array(Point)", "LineString": "Array(Point)",
	"Polygon": "Array(Ring)", "MultiLineString": "Array(LineString)", "MultiPolygon": "Array(Polygon)",
}

func parseType(name string) (columnType, error) {
	base, args := name, []string(nil)
	if open := strings.IndexByte(name, '('); open >= 0 && strings.HasSuffix(name, ")") {
		base, args = name[:open], splitTypes(name[open+1:len(name)-1])
	}
	if width, ok := fixedWidths[base]; ok {
		return columnType{kind: 'f', width: width}, nil
	}
	if same, ok := geoTypes[base]; ok {
		return parseType(same)
	}
	if strings.HasPrefix(base, "Interval") {
		return columnType{kind: 'f', width: 8}, nil
	}
	var t columnType
	switch {
	case base == "String":
		return columnType{kind: 's'}, nil
	case base == "FixedString" && len(args) == 1:
		n, err := strconv.ParseUint(args[0], 10, 32)
		return columnType{kind: 'f', width: n}, err
	case base == "Decimal" && len(args) > 0:
		precision, err := strconv.Atoi(args[0])
		width := uint64(32)
		switch {
		case precision <= 9:
			width = 4
		case precision <= 18:
			width = 8
		case precision <= 38:
			width = 16
		}
		return columnType{kind: 'f', width: width}, err
	case base == "SimpleAggregateFunction" && len(args) == 2:
		return parseType(args[1])
	case base == "Nullable" && len(args) == 1:
		t.kind = 'n'
	case base == "Array" && len(args) == 1:
		t.kind = 'a'
	case base == "LowCardinality" && len(args) == 1:
		t.kind = 'l'
	case base == "Map" && len(args) == 2:
		t.kind = 'm'
	case base == "Tuple":
		t.kind = 't'
	case base == "Nested":
		tuple, err := parseType("Tuple" + name[len(base):])
		return columnType{kind: 'a', inner: []columnType{tuple}}, err
	default:
		return t, &Error{Code: 48, Name: "NOT_IMPLEMENTED", Message: "The embedded engine's HTTP side does not carry " + name + " in Native form; cast the column, or ask for another FORMAT."}
	}
	for _, arg := range args {
		if t.kind == 't' {
			arg = elementType(arg)
		}
		inner, err := parseType(arg)
		if err != nil {
			return t, err
		}
		t.inner = append(t.inner, inner)
	}
	if t.kind == 't' && len(t.inner) == 0 {
		return columnType{kind: 'f', width: 1}, nil
	}
	return t, nil
}

// splitTypes cuts "A, B(C, D)" at its outer commas.
func splitTypes(s string) (out []string) {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	depth, from := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\'', '`', '"':
			i = quotedEnd(s, i) - 1
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(s[from:i]))
				from = i + 1
			}
		}
	}
	return append(out, strings.TrimSpace(s[from:]))
}

// elementType drops the name of a tuple's element: `a b` Type → Type.
func elementType(s string) string {
	first := next(s, 0)
	if second := next(s, first.end); second.kind == tokenWord {
		return s[second.pos:]
	}
	return s
}

// cursor walks over a block. After the first error it stands still.
type cursor struct {
	data []byte
	pos  int
	err  error
}

var errShort = errors.New("the block ends early")

func (c *cursor) bytes(n uint64) []byte {
	if c.err != nil {
		return nil
	}
	if n > uint64(len(c.data)-c.pos) {
		c.err = errShort
		return nil
	}
	from := c.pos
	c.pos += int(n)
	return c.data[from:c.pos]
}

func (c *cursor) uvarint() uint64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Uvarint(c.data[c.pos:])
	if n <= 0 {
		c.err = errShort
		return 0
	}
	c.pos += n
	return v
}

func (c *cursor) uint64() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// prefix steps over what stands before a column's rows, for all its parts at once.
func (c *cursor) prefix(t columnType) {
	if t.kind == 'l' {
		c.uint64() // the version of the dictionary's keys
		return
	}
	for _, inner := range t.inner {
		c.prefix(inner)
	}
}

// column steps over the rows of a column.
func (c *cursor) column(t columnType, rows uint64) {
	if c.err != nil {
		return
	}
	if rows > uint64(len(c.data)) && !(t.kind == 'f' && t.width == 0) {
		c.err = errShort // every row takes a byte at least; guards the products below
		return
	}
	switch t.kind {
	case 'f':
		c.bytes(rows * t.width)
	case 's':
		for range rows {
			c.bytes(c.uvarint())
			if c.err != nil {
				return
			}
		}
	case 'n':
		c.bytes(rows)
		c.column(t.inner[0], rows)
	case 't':
		for _, inner := range t.inner {
			c.column(inner, rows)
		}
	case 'a', 'm':
		ends := c.bytes(rows * 8)
		if len(ends) == 0 {
			return
		}
		n := binary.LittleEndian.Uint64(ends[len(ends)-8:])
		for _, inner := range t.inner {
			c.column(inner, n)
		}
	case 'l':
		c.lowCardinality(t.inner[0], rows)
	}
}

// lowCardinality steps over a dictionary and the rows' indexes into it.
func (c *cursor) lowCardinality(keys columnType, rows uint64) {
	const globalDictionary, additionalKeys = 1 << 8, 1 << 9
	if keys.kind == 'n' {
		keys = keys.inner[0] // NULL is the first key, so no flags
	}
	for rows > 0 && c.err == nil {
		flags := c.uint64()
		if flags&globalDictionary != 0 || flags&additionalKeys == 0 || flags&0xff > 3 {
			c.err = errors.New("a dictionary of a kind that Native form does not have")
			return
		}
		c.column(keys, c.uint64())
		n := c.uint64()
		if n == 0 || n > rows {
			c.err = errShort
			return
		}
		c.bytes(n << (flags & 0xff))
		rows -= n
	}
}
