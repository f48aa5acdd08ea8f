package decode

import (
	"bytes"

	"github.com/segmentio/encoding/json"
)

var ipKey = []byte(`"ip"`)

// WithoutIP returns an event's JSON without any member called ip, however deep it lies, and the address that the event itself names.
// What is refused goes through it as well, so it takes any bytes: of what is no JSON it removes what looks like such a member. The result
// is a function of the bytes alone, so that they can be compared later; without such a member it is value itself. Addresses are used
// to look up where a visitor is and are stored nowhere: neither on our topics nor in a table.
func WithoutIP(value []byte) (rest []byte, ip string) {
	if !bytes.Contains(value, ipKey) && (bytes.IndexByte(value, '\\') < 0 || !bytes.Contains(value, []byte(`\u00`))) {
		return value, ""
	}
	s := ipScanner{value: value, rest: make([]byte, 0, len(value))}
	s.scan()
	if s.kept == 0 {
		return value, ""
	}
	return append(s.rest, value[s.kept:]...), s.ip
}

// loose are bytes that may be JSON: unlike in a node, nothing is sure.
type loose []byte

// ipScanner goes over JSON once.
type ipScanner struct {
	value loose
	rest  []byte // of value[:kept]
	kept  int
	ip    string
}

func (s *ipScanner) scan() {
	v := s.value
	depth := 0
	before := -1 // where the last thing that is no space stands
	for i := 0; i < len(v); i++ {
		switch c := v[i]; c {
		case ' ', '\t', '\r', '\n':
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := v.stringEnd(i)
			if colon := v.skipSpace(end); colon < len(v) && v[colon] == ':' && isIPKey(v[i:end]) {
				from := v.skipSpace(colon + 1)
				to := v.valueEnd(from)
				if depth == 1 {
					s.ip = looseText(v[from:to]) // of several the last one counts, and one that is no text is none
				}
				// With the comma before it, else with the one after it.
				begin := i
				if before >= s.kept && v[before] == ',' {
					begin = before
				} else if next := v.skipSpace(to); next < len(v) && v[next] == ',' {
					to = next + 1
				}
				s.rest = append(s.rest, v[s.kept:begin]...)
				s.kept = to
				i = to - 1
				continue
			}
			i = end - 1
		}
		before = i
	}
}

// isIPKey takes a string with its quotes, which may be missing at its end.
func isIPKey(quoted []byte) bool {
	return bytes.Equal(quoted, ipKey) || bytes.IndexByte(quoted, '\\') >= 0 && looseText(quoted) == "ip"
}

// looseText reads a JSON string; it is empty if that is none.
func looseText(quoted []byte) (s string) {
	if n := len(quoted); n >= 2 && quoted[0] == '"' && quoted[n-1] == '"' && bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : n-1])
	}
	if json.Unmarshal(quoted, &s) != nil {
		return ""
	}
	return s
}

// stringEnd is where the string that begins at i ends, behind its quote.
func (v loose) stringEnd(i int) int {
	if end := bytes.IndexByte(v[i+1:], '"'); end >= 0 && bytes.IndexByte(v[i+1:i+1+end], '\\') < 0 {
		return i + end + 2
	}
	for i++; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(v)
}

func (v loose) skipSpace(i int) int {
	for i < len(v) && (v[i] == ' ' || v[i] == '\t' || v[i] == '\r' || v[i] == '\n') {
		i++
	}
	return i
}

// valueEnd is where the value that begins at i ends.
func (v loose) valueEnd(i int) int {
	for depth := 0; i < len(v); i++ {
		switch v[i] {
		case '"':
			if i = v.stringEnd(i) - 1; depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(v)
}
