package decode

import (
	"bytes"
	"reflect"
	"slices"
	"unicode/utf8"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/schemas/event"
)

// Bounds of one record: what it says must fit an epoch, and a transaction.
const (
	// MaxParts is how many events a record may have.
	MaxParts = 10_000
	// MaxGrowth is how many times the size over which records are refused the events of one record may have together.
	MaxGrowth = 16
)

// Reader reads the records of one source, in one goroutine.
type Reader struct {
	source *Source
	format Format
	limit  int
	json   Decoder
	out    Events
	parts  []Part
	buffer []byte
}

// Part is one event of a record: what is routed, or why it is set aside. It is valid until the next Read.
type Part struct {
	Kind event.Topic
	// Key is event.Event.Key, Body the canonical JSON: the record's own bytes where the record is that.
	Key  string
	Body []byte // without IP addresses, see WithoutIP
	IP   string // that a click names
	// Refusal is set instead if the event is a dead letter, and then Raw has the bytes that it was made from.
	Refusal *event.Refusal
	Raw     []byte
}

// Reader returns a new reader. Records of more than limit bytes are refused, and so are events that would be larger as canonical JSON.
func (s *Source) Reader(limit int) *Reader {
	if limit == 0 {
		limit = DefaultMaxBytes
	}
	return &Reader{source: s, format: s.make(), limit: limit, json: Decoder{MaxBytes: limit}}
}

// Read returns what a record says, in its order: at least one part. An error means that it cannot be read now, though maybe later.
func (d *Reader) Read(r *Record, rules event.Rules) ([]Part, error) {
	d.parts = d.parts[:0]
	if d.source.direct {
		value, ip := WithoutIP(r.Value) // before all else: what is refused is quoted
		e, err := d.json.Decode(d.source.options.Holds[0], value)
		if err == nil {
			err = e.Validate(rules, r.Time)
		}
		if err != nil {
			return append(d.parts, Part{Refusal: err.(*event.Refusal), Raw: value}), nil
		}
		d.parts = append(d.parts, Part{Kind: e.Topic, Key: e.Key(), Body: value, IP: ip})
		return d.parts, nil
	}
	d.out.reset()
	if len(r.Value) > d.limit {
		d.out.Refuse(refusal(event.TooLarge, "%d bytes, the limit is %d", len(r.Value), d.limit))
	} else if err := d.format.Decode(r, &d.out); err != nil {
		return nil, err
	}
	if len(d.out.list) > MaxParts {
		n := len(d.out.list)
		d.out.reset()
		d.out.Refuse(refusal(event.TooLarge, "the record has %d events, the limit is %d: send smaller batches", n, MaxParts))
	}
	if len(d.out.list) == 0 {
		d.out.Refuse(refusal(event.BadValue, "the record has no event: an empty batch?"))
	}
	if d.buffer = d.buffer[:0]; cap(d.buffer) > 4*d.limit {
		d.buffer = nil // one unusual record
	}
	for i := range d.out.list {
		d.parts = append(d.parts, d.part(r, &d.out.list[i], rules))
	}
	return d.parts, nil
}

// part makes canonical JSON of an event.
func (d *Reader) part(r *Record, e *Decoded, rules event.Rules) Part {
	p := Part{Kind: e.Topic, Refusal: e.Refusal, Raw: e.Raw}
	if e.Raw == nil {
		p.Raw = r.Value
	}
	if p.Refusal != nil {
		return p
	}
	h := headerOf(&e.Event)
	if h.Source == "" {
		h.Source = d.source.options.Source
	}
	e.Normalize()
	if err := e.Validate(rules, r.Time); err != nil {
		p.Refusal = err.(*event.Refusal)
		if name := theirs(d.format, e.Topic, p.Refusal.Field); name != "" {
			p.Refusal.Field = name
		}
		return p
	}
	if !slices.Contains(d.source.options.Holds, e.Topic) {
		p.Refusal = refusal(event.UnknownType, "type %s is one of %s, but the topic is said to hold %s", h.Type, e.Topic, list(d.source.options.Holds))
		return p
	}
	if e.Topic == event.Clickstream {
		p.IP, e.Click.IP = e.Click.IP, ""
	}
	start := len(d.buffer)
	body, err := json.Append(d.buffer, pointer(&e.Event), 0)
	if err != nil {
		p.Refusal = refusal(event.BadValue, "cannot be written as JSON: %v", err)
		return p
	}
	d.buffer = body
	p.Body, _ = WithoutIP(body[start:len(body):len(body)])
	switch {
	case len(p.Body) > d.limit:
		p.Refusal = refusal(event.TooLarge, "%d bytes as canonical JSON, the limit is %d", len(p.Body), d.limit)
	case len(body) > MaxGrowth*d.limit:
		p.Refusal = refusal(event.TooLarge, "the events of the record are more than %d bytes together: send smaller batches", MaxGrowth*d.limit)
	case bytes.Contains(p.Body, []byte(`\ufffd`)) && !isText(reflect.ValueOf(pointer(&e.Event)).Elem()), !utf8.Valid(p.Body):
		p.Refusal = refusal(event.BadValue, "has text that is not UTF-8")
	case deeper(p.Body, MaxDepth):
		p.Refusal = refusal(event.BadValue, "properties are nested deeper than %d", MaxDepth)
	default:
		p.Key = e.Key()
		return p
	}
	d.buffer, p.Body = d.buffer[:start], nil
	return p
}

// isText tells whether all text in v is UTF-8. The encoder writes \ufffd for what is not.
func isText(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return utf8.ValidString(v.String())
	case reflect.Struct:
		for i := range v.NumField() {
			if !isText(v.Field(i)) {
				return false
			}
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			return utf8.Valid(v.Bytes())
		}
		for i := range v.Len() {
			if !isText(v.Index(i)) {
				return false
			}
		}
	}
	return true
}

// theirs asks a format that may be a Namer.
func theirs(f Format, kind event.Topic, field string) string {
	if n, ok := f.(Namer); ok {
		return n.Theirs(kind, field)
	}
	return ""
}

func headerOf(e *event.Event) *event.Header {
	switch e.Topic {
	case event.Clickstream:
		return &e.Click.Header
	case event.Orders:
		return &e.Order.Header
	case event.Deliveries:
		return &e.Delivery.Header
	}
	return &e.Review.Header
}
