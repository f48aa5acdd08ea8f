// Package decode turns the bytes of a record into an event of the contract: one file per format.
package decode

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/schemas/event"
)

const (
	// DefaultMaxBytes is the size over which a record is refused, unless the config says otherwise.
	DefaultMaxBytes = 1 << 20
	// MaxDepth is how deep objects and lists may be nested. The contract itself needs 3; the rest is for free properties.
	MaxDepth = 64
)

// Decoder decodes canonical JSON. It keeps one event of each topic and fills it again and again, so it is not safe for concurrent
// use, and what Decode returned is overwritten by the next Decode. Decode never panics, whatever the bytes.
//
// What the contract leaves open is decided so: fields that it does not know are skipped, a field that is null counts as left
// out, of a key told twice the last wins (lists told twice merge element by element), and keys are case sensitive.
type Decoder struct {
	// MaxBytes is the size over which a record is refused; 0 means DefaultMaxBytes.
	MaxBytes int

	event    event.Event
	click    event.Click
	order    event.Order
	delivery event.Delivery
	review   event.Review
	touch    event.Touch
}

// Decode returns the event that value holds, normalized but not yet validated. Its strings point into value, so it is valid
// until the next Decode, and only as long as value is not changed. An error is always an *event.Refusal.
func (d *Decoder) Decode(topic event.Topic, value []byte) (*event.Event, error) {
	limit := d.MaxBytes
	if limit == 0 {
		limit = DefaultMaxBytes
	}
	if len(value) > limit {
		return nil, refusal(event.TooLarge, "%d bytes, the limit is %d", len(value), limit)
	}
	if r := readable(value); r != nil {
		return nil, r
	}
	d.empty(topic)
	if r := fill(&d.event, value); r != nil {
		return nil, r
	}
	d.event.Normalize()
	return &d.event, nil
}

// readable says why bytes cannot be given to the JSON decoder, or nil.
func readable(value []byte) *event.Refusal {
	if len(value) == 0 {
		return refusal(event.BadJSON, "the record is empty (a tombstone?); an event is a JSON object")
	}
	if !utf8.Valid(value) {
		return refusal(event.BadJSON, "not UTF-8 from byte %d on", validPrefix(value))
	}
	if deeper(value, MaxDepth) {
		return refusal(event.BadJSON, "nested deeper than %d", MaxDepth)
	}
	return nil
}

// fill reads canonical JSON that is readable into an empty event.
func fill(e *event.Event, value []byte) *event.Refusal {
	target := pointer(e)
	rest, err := json.Parse(value, target, json.ZeroCopy|json.DontMatchCaseInsensitiveStructFields)
	if err != nil || len(rest) > 0 || !isObject(value) {
		return explain(value, target, err)
	}
	dropNull(e)
	return nil
}

// empty makes the event of a topic as good as new, but for the memory of its lists.
func (d *Decoder) empty(topic event.Topic) {
	d.event = event.Event{Topic: topic}
	switch topic {
	case event.Clickstream:
		d.click = event.Click{}
		d.event.Click = &d.click
	case event.Orders:
		d.order = event.Order{Items: emptied(d.order.Items)}
		d.event.Order = &d.order
	case event.Deliveries:
		d.delivery = event.Delivery{}
		d.event.Delivery = &d.delivery
	case event.Reviews:
		d.review = event.Review{Subjects: emptied(d.review.Subjects)}
		d.event.Review = &d.review
	case event.Touches:
		d.touch = event.Touch{}
		d.event.Touch = &d.touch
	default:
		panic(fmt.Sprintf("decode: no event has topic %s", topic))
	}
}

// pointer is the event as what is decoded into and encoded from.
func pointer(e *event.Event) any {
	switch e.Topic {
	case event.Clickstream:
		return e.Click
	case event.Orders:
		return e.Order
	case event.Deliveries:
		return e.Delivery
	case event.Reviews:
		return e.Review
	}
	return e.Touch
}

// emptied must clear the whole capacity: the JSON decoder fills elements that are there already, field by field.
func emptied[T any](s []T) []T {
	s = s[:cap(s)]
	clear(s)
	return s[:0]
}

// dropNull makes properties that are null the same as properties that are left out, as the decoder does for all other fields.
func dropNull(e *event.Event) {
	var p *json.RawMessage
	switch e.Topic {
	case event.Clickstream:
		p = &e.Click.Properties
	case event.Orders:
		p = &e.Order.Properties
	case event.Deliveries:
		p = &e.Delivery.Properties
	case event.Reviews:
		p = &e.Review.Properties
	default:
		return
	}
	if string(*p) == "null" {
		*p = nil
	}
}

// isObject tells an object from null, which the JSON decoder takes for an event without any field.
func isObject(value []byte) bool {
	value = bytes.TrimLeft(value, " \t\r\n")
	return len(value) > 0 && value[0] == '{'
}

// deeper tells whether objects and lists are nested over limit deep. The JSON decoder calls itself for each level, so this must
// be known before it starts. Counting alone settles it for nearly every record.
func deeper(value []byte, limit int) bool {
	if bytes.Count(value, []byte{'{'})+bytes.Count(value, []byte{'['}) <= limit {
		return false
	}
	depth, inString := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case inString:
			if c == '\\' {
				i++
			} else if c == '"' {
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

func validPrefix(b []byte) int {
	n := 0
	for n < len(b) {
		r, size := utf8.DecodeRune(b[n:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return n
}

func refusal(reason, format string, args ...any) *event.Refusal {
	return &event.Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
