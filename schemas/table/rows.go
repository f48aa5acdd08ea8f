package table

import "github.com/afterclick/afterclick/schemas/event"

// Status says what became of a record that decodes.
type Status string

const (
	Accepted  Status = "accepted"
	Duplicate Status = "duplicate" // its id was known already
	Late      Status = "late"      // older than the clock minus the horizon: stored, touches no state
)

// Event is a row of events: a record of one of the four source topics that decodes.
type Event struct {
	Topic      string // the source topic's name in Kafka
	Partition  int32
	Offset     int64
	SourceTime event.Time
	Status     Status
	Kind       event.Topic // clickstream, orders, deliveries, reviews
	Header     event.Header
	Visitor    event.VisitorID
	Customer   event.CustomerID
	Order      event.OrderID
	Review     event.ReviewID
	Product    event.ProductID
	URL        string
	Value      float64
	Body       []byte // the record's value as it came: enough to feed it again
	Revision   uint64
}

// Session is a row of sessions.
type Session struct {
	Visitor        event.VisitorID
	Start          event.Time
	ID             uint64 // hash(visitor, start)
	End            event.Time
	Customer       event.CustomerID // the last one seen in the session
	Source         event.Source
	TrackerSession event.SessionID
	Channel        string
	Referrer       string // its host
	Campaign       string
	Device         string
	OS             string
	Browser        string
	Bot            bool
	Country        string
	Landing        string // path of the first page
	Exit           string // path of the last page
	Stage          Stage  // the deepest, visit to order
	View           event.Time
	Research       event.Time
	Cart           event.Time
	Checkout       event.Time
	Order          event.Time
	Track          event.Time
	Contact        event.Time
	CheckoutStep   string // the last step named while in checkout
	Events         uint32
	ProductViews   uint32
	CartAdds       uint32
	Orders         []event.OrderID // completed in this session, in order of time
	Revision       uint64
	IsDeleted      bool
}

// Identity is a row of identities: within one session, a visitor was seen as a customer from–to.
type Identity struct {
	Visitor   event.VisitorID
	Start     event.Time // of the session
	From      event.Time // first event that names the customer, in an unbroken run
	To        event.Time // last event of that run
	Customer  event.CustomerID
	Revision  uint64
	IsDeleted bool
}

// Touch is one session's part in a journey.
type Touch struct {
	Session        uint64
	Visitor        event.VisitorID
	Start          event.Time
	Source         event.Source
	Channel        string
	Referrer       string
	Campaign       string
	Landing        string
	Device         string
	FirstSeen      event.Time
	SessionsBefore uint32
}

// Journey is a row of journeys: everything that happened around one order. A time of 0 means that it did not happen (yet).
type Journey struct {
	Month    event.Time // first of the month, UTC, of Placed, or of the earliest event while no placed event is known
	Order    event.OrderID
	Customer event.CustomerID
	Visitor  event.VisitorID
	Stage    Stage // the deepest
	// from the touches
	Visit    event.Time // start of the earliest session that had to do with the order
	View     event.Time
	Research event.Time
	Cart     event.Time
	Checkout event.Time
	// from the order
	Placed          event.Time
	Paid            event.Time
	PromisedAt      event.Time // when the first promise was given
	PromiseFirst    event.Time // arrive by, as first promised
	PromiseLast     event.Time // arrive by, as promised or estimated last
	PromiseChanges  uint32
	Warranty        event.Time
	Cancelled       event.Time
	CancelReason    string
	ReturnRequested event.Time
	ReturnReason    string
	Returned        event.Time
	Refunded        event.Time
	RefundAmount    float64
	Replaced        event.Time
	Channel         string // where it was ordered
	Total           float64
	Currency        string
	Warehouse       string
	Country         string
	Region          string
	Items           []event.Item
	// from the delivery
	Carrier          string
	Tracking         string
	Packed           event.Time
	Shipped          event.Time // handed over to the carrier
	InTransit        event.Time
	OutForDelivery   event.Time
	Attempted        event.Time // the first failed attempt
	Attempts         uint32
	Delivered        event.Time
	Confirmed        event.Time
	ExceptionLate    event.Time
	ExceptionLost    event.Time
	ExceptionDamaged event.Time
	ExceptionRefused event.Time
	Track            event.Time // first look at the tracking page
	Tracks           uint32
	Contact          event.Time // first contact opened
	Contacts         uint32
	Reviewed         event.Time // first review posted
	Reviews          uint32     // that are not removed
	Stars            float64    // 1 to 5, of the latest review; 0 = none
	CaseOpened       event.Time // the first negative opinion
	CaseAnswered     event.Time
	CasePromised     event.Time // contact was promised
	CaseContactDue   event.Time // ... until
	CaseResolved     event.Time
	CaseResolution   string
	Touches          []Touch // in order of start
	FirstEvent       event.Time
	LastEvent        event.Time
	Events           uint32
	Revision         uint64
	IsDeleted        bool
}

// Sentiment of an opinion: by its rating where there is one.
type Sentiment string

const (
	Negative Sentiment = "negative" // at most 2 of 5 stars
	Neutral  Sentiment = "neutral"
	Positive Sentiment = "positive" // at least 4 of 5 stars
	Unscored Sentiment = "unscored" // neither rating nor a text that says it
)

// Promise says what became of an order's arrival promise, as far as facts tell; what depends on the present is decided by views.
type Promise string

const (
	PromiseNone   Promise = "none"   // no promise is known
	PromiseOpen   Promise = "open"   // promised, neither delivered nor attempted yet
	PromiseKept   Promise = "kept"   // delivered by the first promise
	PromiseBroken Promise = "broken" // delivered after it
)

// Review is a row of reviews: the latest version of an opinion, with the verdict of its journey.
type Review struct {
	Month           event.Time // first of the month, UTC, of Posted (of the earliest event while no posted event is known)
	Order           event.OrderID
	Review          event.ReviewID
	Kind            string // review, mention
	Customer        event.CustomerID
	Source          event.Source
	Author          string
	Posted          event.Time
	Edited          event.Time // the latest edit
	Removed         event.Time
	Rating          float64 // as given
	RatingMax       float64
	Stars           float64 // on 1 to 5; 0 = none
	Sentiment       Sentiment
	Title           string
	Text            string
	Language        string
	Reach           float64
	Subjects        []event.Subject
	Answered        event.Time // the first answer
	ContactPromised event.Time
	ContactDue      event.Time
	Resolved        event.Time
	Resolution      string
	// the verdict of its journey
	Promise   Promise
	DaysLate  float64 // delivered minus first promise in days, negative = early; 0 unless both are known
	Delivered event.Time
	Carrier   string
	Warehouse string
	Country   string
	Region    string
	Returned  bool // returned or refunded
	Verified  bool // the order is known to have been placed
	Revision  uint64
	IsDeleted bool
}

// DeadLetter is a row of dead_letters: a record that was refused.
type DeadLetter struct {
	Topic      string
	Partition  int32
	Offset     int64
	SourceTime event.Time
	Reason     string // a short slug for grouping: "bad_json", "missing_field", "time_ahead"
	Field      string // the field that broke the rule, if one did
	Detail     string // a sentence that helps
	Key        []byte
	Body       []byte // up to 256 kB, beyond that empty
	Size       uint64 // of the value
	Hash       uint64 // xxhash64 of the value
}
