package event

import "github.com/segmentio/encoding/json"

// Types of the clickstream. A type that is not listed is kept and counts as a visit.
const (
	Page              Type = "page"
	ProductList       Type = "product_list"
	Product           Type = "product"
	Search            Type = "search"
	ReviewsRead       Type = "reviews_read"
	Compare           Type = "compare"
	CartViewed        Type = "cart_viewed"
	CartAdded         Type = "cart_added"
	CartRemoved       Type = "cart_removed"
	CheckoutStarted   Type = "checkout_started"
	CheckoutStep      Type = "checkout_step"
	CheckoutCompleted Type = "checkout_completed" // names the order
	TrackingViewed    Type = "tracking_viewed"    // names the order
	ContactOpened     Type = "contact_opened"     // may name the order
)

// ClickTypes are the known types of the clickstream; others are allowed.
var ClickTypes = []Type{Page, ProductList, Product, Search, ReviewsRead, Compare, CartViewed, CartAdded, CartRemoved,
	CheckoutStarted, CheckoutStep, CheckoutCompleted, TrackingViewed, ContactOpened}

// Click is an event of the clickstream: something that a visitor did.
type Click struct {
	Header
	Visitor   VisitorID  `json:"visitor"`
	Customer  CustomerID `json:"customer,omitempty"` // when logged in
	Session   SessionID  `json:"session,omitempty"`  // the tracker's own session, used with `session.by: tracker`
	URL       string     `json:"url,omitempty"`
	Referrer  string     `json:"referrer,omitempty"`
	UserAgent string     `json:"user_agent,omitempty"`
	Country   string     `json:"country,omitempty"` // ISO 3166-1 alpha-2, where the edge knows it
	Region    string     `json:"region,omitempty"`  // in the country, where the edge knows it
	// IP is the visitor's address, IPv4 or IPv6. Country and region are looked up by it where the event does not tell them; it is never stored.
	IP       string    `json:"ip,omitempty"`
	Product  ProductID `json:"product,omitempty"`
	Order    OrderID   `json:"order,omitempty"`
	Step     string    `json:"step,omitempty"`  // of the checkout: "address", "payment"
	Value    float64   `json:"value,omitempty"` // in currency
	Currency string    `json:"currency,omitempty"`
	// Properties are free: a JSON object, kept as it came.
	Properties json.RawMessage `json:"properties,omitempty"`
}
