// Package feed is what can be fed into the source topics: a simulated shop, imported history, and the sender that puts either
// into Kafka. Its word for all of them is a Stream of Records.
package feed

import (
	"fmt"
	"iter"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/schemas/event"
)

// Record is one record of a source topic, before it is sent.
type Record struct {
	Topic event.Topic
	// Key is the plain id that the topic is keyed by: the visitor, the order, or the review that names no order.
	Key []byte
	// Time is when it happened, as Value says it too.
	Time event.Time
	// Arrival is when the source told it: the source time. Never before Time.
	Arrival event.Time
	// Value is the canonical JSON of the event.
	Value []byte
}

// Stream yields records in order of Arrival. Key and Value are valid only until the next one is asked for.
type Stream = iter.Seq[Record]

// Of streams events that are in order of time and arrive at once. They must be events of source topics.
func Of(events []event.Event) Stream {
	return func(yield func(Record) bool) {
		for i := range events {
			r, err := Encode(&events[i])
			if err != nil {
				panic(err) // an importer made what is no event
			}
			if !yield(r) {
				return
			}
		}
	}
}

// Encode makes the record of an event that arrives at once, in memory of its own.
func Encode(e *event.Event) (Record, error) {
	var body any
	key := e.Key()
	switch e.Topic {
	case event.Clickstream:
		body = e.Click
	case event.Orders:
		body, key = e.Order, string(e.Order.Order)
	case event.Deliveries:
		body, key = e.Delivery, string(e.Delivery.Order)
	case event.Reviews:
		body, key = e.Review, string(e.Review.Order)
		if key == "" {
			key = string(e.Review.Review)
		}
	default:
		return Record{}, fmt.Errorf("encode an event of topic %s, which is no source topic", e.Topic)
	}
	h := e.Header()
	value, err := json.Append(nil, body, 0)
	if err != nil {
		return Record{}, fmt.Errorf("encode %s %s: %w", h.Type, h.ID, err)
	}
	return Record{Topic: e.Topic, Key: []byte(key), Time: h.Time, Arrival: h.Time, Value: value}, nil
}
