package event

import "github.com/segmentio/encoding/json"

// Types of the deliveries topic.
const (
	Packed          Type = "packed"
	HandedOver      Type = "handed_over" // from the warehouse to the carrier
	InTransit       Type = "in_transit"
	OutForDelivery  Type = "out_for_delivery"
	Attempted       Type = "attempted" // nobody there
	EstimateChanged Type = "estimate_changed"
	Exception       Type = "exception" // see the kinds
	Delivered       Type = "delivered"
	Confirmed       Type = "confirmed" // by the customer
)

// DeliveryTypes are all types of the deliveries topic.
var DeliveryTypes = []Type{Packed, HandedOver, InTransit, OutForDelivery, Attempted, EstimateChanged, Exception, Delivered, Confirmed}

// Kinds of a delivery's exception.
const (
	ExceptionLate    = "late"
	ExceptionLost    = "lost"
	ExceptionDamaged = "damaged"
	ExceptionRefused = "refused"
)

// ExceptionKinds are all kinds of a delivery's exception.
var ExceptionKinds = []string{ExceptionLate, ExceptionLost, ExceptionDamaged, ExceptionRefused}

// Delivery is an event of an order's way to the customer.
type Delivery struct {
	Header
	Order     OrderID `json:"order"`
	Carrier   string  `json:"carrier,omitempty"`
	Tracking  string  `json:"tracking,omitempty"` // the carrier's number of the parcel
	Warehouse string  `json:"warehouse,omitempty"`
	Country   string  `json:"country,omitempty"`
	Region    string  `json:"region,omitempty"`
	Estimate  Time    `json:"estimate,omitempty"`  // arrive by, required with estimate_changed
	Exception string  `json:"exception,omitempty"` // its kind, required with exception
	Reason    string  `json:"reason,omitempty"`
	// Properties are free: a JSON object, kept as it came.
	Properties json.RawMessage `json:"properties,omitempty"`
}
