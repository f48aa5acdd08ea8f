package event

import "github.com/segmentio/encoding/json"

// Types of the orders topic.
const (
	Placed          Type = "placed"
	Paid            Type = "paid"
	Promised        Type = "promised" // an arrival time was given, or changed
	WarrantyAdded   Type = "warranty_added"
	Cancelled       Type = "cancelled"
	ReturnRequested Type = "return_requested"
	Returned        Type = "returned"
	Refunded        Type = "refunded"
	ReplacementSent Type = "replacement_sent"
)

// OrderTypes are all types of the orders topic.
var OrderTypes = []Type{Placed, Paid, Promised, WarrantyAdded, Cancelled, ReturnRequested, Returned, Refunded, ReplacementSent}

// OrderKind says what is ordered: to keep, to get again and again, or to use for a time.
type OrderKind string

// Kinds of an order.
const (
	Purchase     OrderKind = "purchase"
	Subscription OrderKind = "subscription"
	Rental       OrderKind = "rental"
)

// OrderKinds are all kinds of an order.
var OrderKinds = []OrderKind{Purchase, Subscription, Rental}

// Order is an event of an order's life in the shop.
type Order struct {
	Header
	Order     OrderID    `json:"order"`
	Customer  CustomerID `json:"customer,omitempty"`
	Visitor   VisitorID  `json:"visitor,omitempty"`
	Channel   string     `json:"channel,omitempty"` // where it was ordered: web, app, store, phone, email
	Kind      OrderKind  `json:"kind,omitempty"`    // purchase when left out
	Renews    OrderID    `json:"renews,omitempty"`  // the order of the period before, of a subscription or rental that goes on by itself
	Items     []Item     `json:"items,omitempty"`
	Total     float64    `json:"total,omitempty"` // in currency, what the customer pays
	Currency  string     `json:"currency,omitempty"`
	Promise   Time       `json:"promise,omitempty"` // arrive by; may come with placed, is required with promised
	ShipBy    Time       `json:"ship_by,omitempty"` // to be handed over to the carrier by, so that the promise can be kept
	Warehouse string     `json:"warehouse,omitempty"`
	Country   string     `json:"country,omitempty"` // shipped to, ISO 3166-1 alpha-2
	Region    string     `json:"region,omitempty"`  // shipped to
	Amount    float64    `json:"amount,omitempty"`  // refunded, in currency
	Reason    string     `json:"reason,omitempty"`  // of a cancellation or return
	// Properties are free: a JSON object, kept as it came.
	Properties json.RawMessage `json:"properties,omitempty"`
}

// Item is a line of an order.
type Item struct {
	Product  ProductID `json:"product"`
	Category string    `json:"category,omitempty"`
	Brand    string    `json:"brand,omitempty"`
	Seller   string    `json:"seller,omitempty"`
	Quantity float64   `json:"quantity,omitempty"` // 1 when left out
	Price    float64   `json:"price,omitempty"`    // of one, in the order's currency
}
