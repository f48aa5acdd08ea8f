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
	if len(value) == 0 {
		return nil, refusal(event.BadJSON, "the record is empty (a tombstone?); an event is a JSON object")
	}
	if !utf8.Valid(value) {
		return nil, refusal(event.BadJSON, "not UTF-8 from byte %d on", validPrefix(value))
	}
	if deeper(value, MaxDepth) {
		return nil, refusal(event.BadJSON, "nested deeper than %d", MaxDepth)
	}
	target := d.empty(topic)
	rest, err := json.Parse(value, target, json.ZeroCopy|json.DontMatchCaseInsensitiveStructFields)
	if err != nil || len(rest) > 0 || !isObject(value) {
		return nil, explain(value, target, err)
	}
	d.dropNull()
	d.event.Normalize()
	return &d.event, nil
}

// empty makes the event of a topic as good as new, but for the memory of its lists, and returns what to decode into.
func (d *Decoder) empty(topic event.Topic) any {
	d.event = event.Event{Topic: topic}
	switch topic {
	case event.Clickstream:
		d.click = event.Click{}
		d.event.Click = &d.click
		return &d.click
	case event.Orders:
		d.order = event.Order{Items: emptied(d.order.Items)}
		d.event.Order = &d.order
		return &d.order
	case event.Deliveries:
		d.delivery = event.Delivery{}
		d.event.Delivery = &d.delivery
		return &d.delivery
	case event.Reviews:
		d.review = event.Review{Subjects: emptied(d.review.Subjects)}
		d.event.Review = &d.review
		return &d.review
	case event.Touches:
		d.touch = event.Touch{}
		d.event.Touch = &d.touch
		return &d.touch
	}
	panic(fmt.Sprintf("decode: no event has topic %s", topic))
}

// emptied must clear the whole capacity: the JSON decoder fills elements that are there already, field by field.
func emptied[T any](s []T) []T {
	s = s[:cap(s)]
	clear(s)
	return s[:0]
}

// dropNull makes properties that are null the same as properties that are left out, as the decoder does for all other fields.
func (d *Decoder) dropNull() {
	var p *json.RawMessage
	switch d.event.Topic {
	case event.Clickstream:
		p = &d.click.Properties
	case event.Orders:
		p = &d.order.Properties
	case event.Deliveries:
		p = &d.delivery.Properties
	case event.Reviews:
		p = &d.review.Properties
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
