package decode

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/schemas/event"
)

// A place is where a value is found: what stands right of a field's name in `fields`.
//
//	$.checkout.ref          member of member of the record
//	$['a b'][0].c           a name that is no word; an element of a list, counted from 0
//	$.id or $.order_id      the first that is there
//	$.at as unix            for times: unix, unix_ms, unix_us (since 1970), or a layout of Go: 2006-01-02 15:04:05
//	@key  @time  @header.x  the record's key, its time, its header x
//	erp                     anything else is a constant
type place struct {
	text string // as it is written
	ways []way  // the first that gives something
	when func(n node) (event.Time, error)
}

// way is one of the alternatives of a place.
type way struct {
	text     string
	constant node
	record   byte   // 'k', 't' or 'h': of the record itself
	header   string // with 'h'
	steps    []step // into the value
}

// step goes from a value into it.
type step struct {
	key   string
	index int // of a list, if key is not used
	list  bool
}

func parsePlace(text string, zone *time.Location) (p place, err error) {
	p.text = strings.TrimSpace(text)
	rest := p.text
	if strings.HasPrefix(rest, "$") || strings.HasPrefix(rest, "@") {
		if before, format, ok := strings.Cut(rest, " as "); ok {
			if p.when, err = timeFormat(strings.TrimSpace(format), zone); err != nil {
				return p, err
			}
			rest = before
		}
	}
	alternatives := []string{rest}
	if strings.HasPrefix(rest, "$") || strings.HasPrefix(rest, "@") {
		alternatives = strings.Split(rest, " or ")
	}
	for _, a := range alternatives {
		w, err := parseWay(strings.TrimSpace(a))
		if err != nil {
			return p, err
		}
		p.ways = append(p.ways, w)
	}
	return p, nil
}

func parseWay(text string) (w way, err error) {
	w.text = text
	switch {
	case text == "@key":
		w.record = 'k'
	case text == "@time":
		w.record = 't'
	case strings.HasPrefix(text, "@header.") && len(text) > len("@header."):
		w.record, w.header = 'h', text[len("@header."):]
	case strings.HasPrefix(text, "@"):
		return w, fmt.Errorf("%q is none of @key, @time, @header.NAME", text)
	case strings.HasPrefix(text, "$"):
		w.steps, err = parseSteps(text[1:])
		if err != nil {
			return w, fmt.Errorf("%q is no path like $.checkout.ref, $['a b'] or $.lines[0].sku: %w", text, err)
		}
	default:
		w.constant = json.AppendEscape(nil, text, 0)
	}
	return w, nil
}

func parseSteps(text string) (steps []step, err error) {
	for text != "" {
		switch {
		case text[0] == '.':
			end := strings.IndexAny(text[1:], ".[")
			if end < 0 {
				end = len(text) - 1
			}
			if end == 0 {
				return nil, errors.New("a name is missing behind a dot")
			}
			steps, text = append(steps, step{key: text[1 : 1+end]}), text[1+end:]
		case strings.HasPrefix(text, "['"):
			end := strings.Index(text, "']")
			if end < 0 {
				return nil, errors.New("['NAME has no end")
			}
			steps, text = append(steps, step{key: text[2:end]}), text[end+2:]
		case strings.HasPrefix(text, "[*]"):
			return nil, errors.New("name the list itself, without [*]; its elements are items or subjects")
		case text[0] == '[':
			number, after, ok := strings.Cut(text[1:], "]")
			n, err := strconv.Atoi(number)
			if !ok || err != nil || n < 0 {
				return nil, fmt.Errorf("[%s must be a number from 0 and ]", number)
			}
			steps, text = append(steps, step{index: n, list: true}), after
		default:
			return nil, fmt.Errorf("%q begins neither with a dot nor with [", text)
		}
	}
	return steps, nil
}

// pathOf reads a path of the option fields, where nothing else may stand.
func pathOf(name, path string) ([]step, error) {
	if !strings.HasPrefix(path, "$") || path == "$" {
		return nil, fmt.Errorf("%s: %s: %q is no path, like $.parcel.reference", OptionFields, name, path)
	}
	steps, err := parseSteps(path[1:])
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %q is no path, like $.parcel.reference: %w", OptionFields, name, path, err)
	}
	return steps, nil
}

// follow goes the steps; what is not there is nil.
func (n node) follow(steps []step) node {
	for _, s := range steps {
		if !s.list {
			n = n.get(s.key)
			continue
		}
		var found node
		n.each(func(i int, e node) {
			if i == s.index {
				found = e
			}
		})
		n = found
	}
	return n
}

// find returns what is there, in n or in the record.
func (p *place) find(n node, r *Record, out *Events) node {
	for i := range p.ways {
		if found := first(p.ways[i].find(n, r, out)); found != nil {
			return found
		}
	}
	return nil
}

func (w *way) find(n node, r *Record, out *Events) node {
	quoted := func(b []byte) node {
		if b == nil {
			return nil
		}
		if !utf8.Valid(b) {
			return node("\"\xff\"") // the Reader refuses it; escaping would make something else of it
		}
		return json.AppendEscape(out.Bytes(0), string(b), 0)
	}
	switch {
	case w.constant != nil:
		return w.constant
	case w.record == 'k':
		return quoted(r.Key)
	case w.record == 'h':
		return quoted(r.Header(w.header))
	case w.record == 't':
		return strconv.AppendInt(out.Bytes(0), int64(r.Time), 10)
	}
	return n.follow(w.steps)
}

// top returns the member of the record that a way takes as a whole, or "".
func (w *way) top() string {
	if len(w.steps) == 1 && !w.steps[0].list {
		return w.steps[0].key
	}
	return ""
}

// time reads a time as the place says it is written.
func (p *place) time(n node) (event.Time, error) {
	if p.when == nil || n.absent() {
		return n.time()
	}
	return p.when(n)
}

// timeFormat returns how to read a time; zone is where the clocks are of times that come without one.
func timeFormat(format string, zone *time.Location) (func(n node) (event.Time, error), error) {
	if per, ok := map[string]float64{"unix": 1000, "unix_ms": 1, "unix_us": 1e-3}[format]; ok {
		return func(n node) (event.Time, error) {
			v, ok := n.number()
			if ms := v * per; ok && math.Abs(ms) < 1e17 {
				return event.Time(math.Floor(ms)), nil
			}
			return 0, fmt.Errorf("%.64s is no number, as %s is", n, format)
		}, nil
	}
	layout := strings.Trim(format, `"`)
	moment := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	if again, err := time.Parse(layout, moment.Format(layout)); err != nil || !again.Equal(moment) {
		return nil, fmt.Errorf("%q is neither unix, unix_ms, unix_us nor a layout of Go that has day, month and year, like 2006-01-02 15:04:05", format)
	}
	return func(n node) (event.Time, error) {
		s, ok := n.text()
		if !ok {
			return 0, fmt.Errorf("%.64s is no time like %s", n, layout)
		}
		t, err := time.ParseInLocation(layout, s, zone)
		if err != nil {
			return 0, fmt.Errorf("%.64q is no time like %s", s, layout)
		}
		return event.TimeOf(t), nil
	}, nil
}
