// Package event is the contract: the canonical JSON of the four source topics (clickstream, orders, deliveries, reviews) and of
// the messages that the machines send each other, as Go types. The same contract is published as JSON Schema in this folder;
// a test holds the two together.
package event

import "fmt"

// Ids are types, so that a visitor is never taken for a customer.
type (
	// ID names one event. Two records with the same id are the same fact, told twice.
	ID string
	// VisitorID names a device or browser.
	VisitorID string
	// CustomerID names a known person.
	CustomerID string
	// SessionID is the tracker's own name of a session.
	SessionID string
	// OrderID names an order, and with it a journey.
	OrderID string
	// ProductID names what is sold.
	ProductID string
	// ReviewID names an opinion: a review or a mention.
	ReviewID string
	// Source says who told the event: "web", "app", "erp", "carrier-x", "trustpilot".
	Source string
	// Type says what happened; each topic has its own types.
	Type string
)

// Topic is one of the four kinds of source, or a message between machines.
type Topic uint8

// The topics. The order is part of the stored state and of the events table: append only.
const (
	Clickstream Topic = iota + 1
	Orders
	Deliveries
	Reviews
	Touches // SESSION tells JOURNEY what a session did for an order
)

var topicNames = [...]string{Clickstream: "clickstream", Orders: "orders", Deliveries: "deliveries", Reviews: "reviews", Touches: "touches"}

// SourceTopics are the topics that come from outside.
var SourceTopics = []Topic{Clickstream, Orders, Deliveries, Reviews}

func (t Topic) String() string {
	if int(t) < len(topicNames) && t > 0 {
		return topicNames[t]
	}
	return fmt.Sprintf("Topic(%d)", uint8(t))
}

// Header is what every event has.
type Header struct {
	Version uint32 `json:"version,omitempty"` // of this contract: 1, which may be left out
	ID      ID     `json:"id"`
	Type    Type   `json:"type"`
	Time    Time   `json:"time"` // when it happened
	Source  Source `json:"source"`
}

// ContractVersion is the version of the contract that this package is. A record of another one is refused, whatever is in it.
const ContractVersion = 1

// Event is one decoded record. Topic says which of the pointers is set; the others are nil.
type Event struct {
	Topic    Topic
	Click    *Click
	Order    *Order
	Delivery *Delivery
	Review   *Review
	Touch    *Touch
}

// Header returns the part that every event has; a touch, which is no event of the world, has its session's start as time.
func (e *Event) Header() Header {
	switch e.Topic {
	case Clickstream:
		return e.Click.Header
	case Orders:
		return e.Order.Header
	case Deliveries:
		return e.Delivery.Header
	case Reviews:
		return e.Review.Header
	case Touches:
		return Header{Type: "touch", Time: e.Touch.Start, Source: e.Touch.Source}
	}
	panic("event: Header of an event without a topic")
}

// Key names the state that the event belongs to, and is the key of its record on a machine's topic: the visitor for clicks, the
// order for everything that names one, else the review. The prefix keeps an order and a review of the same name apart.
func (e *Event) Key() string {
	switch e.Topic {
	case Clickstream:
		return string(e.Click.Visitor)
	case Orders:
		return OrderKey(e.Order.Order)
	case Deliveries:
		return OrderKey(e.Delivery.Order)
	case Touches:
		return OrderKey(e.Touch.Order)
	case Reviews:
		if e.Review.Order != "" {
			return OrderKey(e.Review.Order)
		}
		return ReviewKey(e.Review.Review)
	}
	panic("event: Key of an event without a topic")
}

// OrderKey is the state key of a journey.
func OrderKey(o OrderID) string { return "o:" + string(o) }

// ReviewKey is the state key of an opinion that names no order.
func ReviewKey(r ReviewID) string { return "r:" + string(r) }
