package decode

import (
	"bytes"
	"math"
	"strconv"
	"unsafe"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/schemas/event"
)

// node is a piece of valid JSON without space around it; nil is what is not there. Formats of others read records with it: one pass for
// what they need, and the rest can be kept as it came.
type node []byte

// parse returns the JSON object that a record is.
func parse(value []byte) (node, *event.Refusal) {
	n, r := parseAny(value)
	if r == nil && n[0] != '{' {
		r = wrongType("", "an object", n)
	}
	return n, r
}

// parseAny returns the JSON value that a record is.
func parseAny(value []byte) (node, *event.Refusal) {
	if r := readable(value); r != nil {
		return nil, r
	}
	if !json.Valid(value) {
		return nil, explain(value, new(json.RawMessage), nil)
	}
	return node(bytes.Trim(value, " \t\r\n")), nil
}

func (n node) isObject() bool { return len(n) > 0 && n[0] == '{' }
func (n node) isList() bool   { return len(n) > 0 && n[0] == '[' }
func (n node) isString() bool { return len(n) > 0 && n[0] == '"' }

// absent tells what is not there, and null, which means the same.
func (n node) absent() bool { return len(n) == 0 || n[0] == 'n' }

// members calls f for the members of an object, in their order; of something else there are none. A key is what stands between the
// quotes, without its escapes if it has any.
func (n node) members(f func(key string, value node)) {
	if !n.isObject() {
		return
	}
	for i := skipSpace(n, 1); n[i] != '}'; {
		end := stringEnd(n, i)
		key := n[i:end]
		i = skipSpace(n, skipSpace(n, end)+1) // over the colon
		end = valueEnd(n, i)
		f(text(key), n[i:end:end])
		if i = skipSpace(n, end); n[i] == ',' {
			i = skipSpace(n, i+1)
		}
	}
}

// each calls f for the elements of a list; of something else there are none.
func (n node) each(f func(i int, element node)) {
	if !n.isList() {
		return
	}
	count := 0
	for i := skipSpace(n, 1); n[i] != ']'; {
		end := valueEnd(n, i)
		f(count, n[i:end:end])
		count++
		if i = skipSpace(n, end); n[i] == ',' {
			i = skipSpace(n, i+1)
		}
	}
}

// get follows keys into objects. Of a key told twice the last wins.
func (n node) get(keys ...string) node {
	for _, want := range keys {
		var found node
		n.members(func(key string, value node) {
			if key == want {
				found = value
			}
		})
		n = found
	}
	return n
}

// text returns a string, or a number or truth value as it is written: many senders write ids as numbers. ok is false if there is
// something else; nothing at all is the empty string.
func (n node) text() (s string, ok bool) {
	switch {
	case n.absent():
		return "", true
	case n.isString():
		return text(n), true
	case n.isObject(), n.isList():
		return "", false
	}
	return stringOf(n), true
}

// number returns a number, or a string that holds one: many senders write prices in quotes. Nothing at all, or an empty string, is 0.
func (n node) number() (v float64, ok bool) {
	if n.absent() {
		return 0, true
	}
	s, ok := n.text()
	if !ok || n[0] == 't' || n[0] == 'f' {
		return 0, false
	}
	if s == "" {
		return 0, true
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, false
	}
	return v, true
}

// time returns a time as the contract writes it: RFC 3339, or milliseconds since 1970.
func (n node) time() (t event.Time, err error) {
	if n.absent() || string(n) == `""` {
		return 0, nil
	}
	return t, t.UnmarshalJSON(n)
}

// text returns what a JSON string says.
func text(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return stringOf(quoted[1 : len(quoted)-1])
	}
	var s string
	if _, err := json.Parse(quoted, &s, 0); err != nil {
		return stringOf(quoted[1 : len(quoted)-1])
	}
	return s
}

// stringOf is b without a copy; b must not be changed as long as the result lives.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func skipSpace(b []byte, i int) int {
	for b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r' {
		i++
	}
	return i
}

// stringEnd returns the index behind the string that begins at i.
func stringEnd(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// valueEnd returns the index behind the value that begins at i.
func valueEnd(b []byte, i int) int {
	switch b[i] {
	case '"':
		return stringEnd(b, i)
	case '{', '[':
		depth := 0
		for {
			switch b[i] {
			case '"':
				i = stringEnd(b, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
	}
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] > ' ' {
		i++
	}
	return i
}
