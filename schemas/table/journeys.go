package table

import "github.com/afterclick/afterclick/schemas/event"

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
	Ordered        event.Time // the order was completed in it
	Track          event.Time // first look at the order's tracking page
	Tracks         uint32
	Contact        event.Time // first contact opened about the order
	Contacts       uint32
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
	PromiseChanged  event.Time // last
	Warranty        event.Time
	Cancelled       event.Time
	CancelReason    string
	ReturnRequested event.Time
	ReturnReason    string
	Returned        event.Time
	Refunded        event.Time
	RefundAmount    float64
	RefundReason    string
	Replaced        event.Time
	ReplaceReason   string
	Channel         string // where it was ordered
	Kind            event.OrderKind
	Renews          event.OrderID // the order of the period before
	ShipBy          event.Time    // to be handed over by, as first planned
	Total           float64
	Currency        string
	Value           Maybe  // Total in the reporting currency
	ValueFrom       string // where Value is from: total, items, catalogue, unknown
	RefundValue     Maybe  // RefundAmount in the reporting currency
	Segment         string // of the customer, as Generation, HomeCountry and CustomerSince
	Generation      string
	HomeCountry     string
	CustomerSince   event.Time
	Warehouse       string
	Country         string
	Region          string
	Items           []event.Item
	// from the delivery
	Carrier           string
	Tracking          string
	Packed            event.Time
	Shipped           event.Time // handed over to the carrier
	InTransit         event.Time
	OutForDelivery    event.Time
	Attempted         event.Time // the first failed attempt
	Attempts          uint32
	Delivered         event.Time
	Confirmed         event.Time
	ExceptionLate     event.Time
	ExceptionLost     event.Time
	ExceptionDamaged  event.Time
	ExceptionRefused  event.Time
	Exceptions        uint32
	Track             event.Time // first look at the tracking page
	Tracks            uint32
	Contact           event.Time // first contact opened
	Contacts          uint32
	Reviewed          event.Time // first review posted
	Reviews           uint32     // that are not removed
	Stars             float64    // 1 to 5, of the latest review; 0 = none
	CaseOpened        event.Time // the first negative opinion
	CaseAnswered      event.Time
	CasePromised      event.Time // contact was promised
	CaseContactDue    event.Time // ... until
	CaseContacted     event.Time // the first answer or resolution after it
	CaseResolved      event.Time
	CaseResolution    string
	CaseReopened      event.Time // the last complaint after it was resolved
	CaseResolvedAgain event.Time // the first resolution after that
	Touches           []Touch    // in order of start
	FirstEvent        event.Time
	LastEvent         event.Time
	Events            uint32
	Revision          uint64
	IsDeleted         bool
}

// Journeys is the table of journeys.
var Journeys = define(Schema{
	Name: "journeys",
	Comment: "Everything that happened around one order, from its first touch to its last review: a time per stage, promises, items, " +
		"delivery, opinion, case, touches. A new version of a row replaces the one before.",
	Engine:    "ReplacingMergeTree(revision, is_deleted)",
	Partition: "toYYYYMM(month)",
	Order:     "month, order",
},
	col("month", moment, "First of the month, UTC, of placed, or of the earliest event while no placed event is known. Filter by it too: the table is sorted by it.",
		func(r *Journey) event.Time { return r.Month }),
	col("order", text, "Order id, and so the id of the journey.", func(r *Journey) string { return string(r.Order) }),
	col("customer", text, "Known person's id.", func(r *Journey) string { return string(r.Customer) }),
	col("visitor", text, "Device or browser id that ordered.", func(r *Journey) string { return string(r.Visitor) }),
	col("stage", stages.kind, "Deepest stage reached, visit to review.", func(r *Journey) int8 { return int8(r.Stage) }),
	col("visit", when, "Start of the earliest session that had to do with the order.",
		func(r *Journey) event.Time { return r.Visit }),
	col("view", when, "First look at a product in such a session.", func(r *Journey) event.Time { return r.View }),
	col("research", when, "First search, comparison or reading of reviews in such a session.",
		func(r *Journey) event.Time { return r.Research }),
	col("cart", when, "First time that something was put into the cart in such a session.",
		func(r *Journey) event.Time { return r.Cart }),
	col("checkout", when, "First start of the checkout in such a session.", func(r *Journey) event.Time { return r.Checkout }),
	col("placed", when, "Order placed.", func(r *Journey) event.Time { return r.Placed }),
	col("paid", when, "Order paid.", func(r *Journey) event.Time { return r.Paid }),
	col("promised_at", when, "When the first promise of an arrival time was given.",
		func(r *Journey) event.Time { return r.PromisedAt }),
	col("promise_first", when, "Arrive by, as first promised.", func(r *Journey) event.Time { return r.PromiseFirst }),
	col("promise_last", when, "Arrive by, as promised or estimated last.", func(r *Journey) event.Time { return r.PromiseLast }),
	col("promise_changes", uint32s, "Times that the promised or estimated arrival changed.",
		func(r *Journey) uint32 { return r.PromiseChanges }),
	col("promise_changed", when, "When the promised or estimated arrival changed last.",
		func(r *Journey) event.Time { return r.PromiseChanged }),
	col("warranty", when, "Warranty added.", func(r *Journey) event.Time { return r.Warranty }),
	col("cancelled", when, "Order cancelled.", func(r *Journey) event.Time { return r.Cancelled }),
	col("cancel_reason", word, "Reason of the cancellation.", func(r *Journey) string { return r.CancelReason }),
	col("return_requested", when, "Return requested.", func(r *Journey) event.Time { return r.ReturnRequested }),
	col("return_reason", word, "Reason of the return.", func(r *Journey) string { return r.ReturnReason }),
	col("returned", when, "Goods came back.", func(r *Journey) event.Time { return r.Returned }),
	col("refunded", when, "Money paid back.", func(r *Journey) event.Time { return r.Refunded }),
	col("refund_amount", floats, "Money paid back, in currency.", func(r *Journey) float64 { return r.RefundAmount }),
	col("refund_reason", word, "Why money was paid back.", func(r *Journey) string { return r.RefundReason }),
	col("replaced", when, "Replacement sent.", func(r *Journey) event.Time { return r.Replaced }),
	col("replace_reason", word, "Why a replacement was sent.", func(r *Journey) string { return r.ReplaceReason }),
	col("channel", word, "Where it was ordered: web, app, store, phone, email.", func(r *Journey) string { return r.Channel }),
	named("kind", orderKinds, "What was ordered: purchase, subscription (to get again and again), rental (to use for a time).",
		func(r *Journey) event.OrderKind { return r.Kind }),
	col("renews", text, "Order of the period before, of a subscription or rental that went on by itself; empty: the customer decided to order.",
		func(r *Journey) string { return string(r.Renews) }),
	col("ship_by", when, "To be handed over to the carrier by then, as first planned.", func(r *Journey) event.Time { return r.ShipBy }),
	col("total", floats, "What the customer pays, in currency.", func(r *Journey) float64 { return r.Total }),
	col("currency", word, "Currency, ISO 4217.", func(r *Journey) string { return r.Currency }),
	col("value", maybe, "What the customer pays, in the reporting currency at the rate of the order's day; NULL: not known.",
		func(r *Journey) Maybe { return r.Value }),
	col("value_from", word, "Where value is from. total: the order says it. items: its lines added up. catalogue: the same, some at the catalogue's "+
		"price, because the order tells none. unknown: there is no total, price or rate.", func(r *Journey) string { return r.ValueFrom }),
	col("refund_value", maybe, "Money paid back, in the reporting currency at the rate of the order's day; NULL: nothing, or not known.",
		func(r *Journey) Maybe { return r.RefundValue }),
	col("segment", word, "The customer's segment, as it was when the journey last changed; empty: nobody is known; unknown: it is not told of that customer.",
		func(r *Journey) string { return r.Segment }),
	col("generation", word, "The customer's generation by year of birth: greatest (to 1927), silent (to 1945), boomer (to 1964), gen_x (to 1980), "+
		"millennial (to 1996), gen_z (to 2012), alpha (to 2024); empty: nobody is known; unknown: it is not told of that customer.",
		func(r *Journey) string { return r.Generation }),
	col("home_country", word, "Country that the customer lives in; empty: nobody is known; unknown: it is not told of that customer.",
		func(r *Journey) string { return r.HomeCountry }),
	col("customer_since", when, "Day of the customer's first order, as far as it is told.", func(r *Journey) event.Time { return r.CustomerSince }),
	col("warehouse", word, "Warehouse that packs the order.", func(r *Journey) string { return r.Warehouse }),
	col("country", word, "Country shipped to, ISO 3166-1 alpha-2.", func(r *Journey) string { return r.Country }),
	col("region", word, "Region shipped to.", func(r *Journey) string { return r.Region }),
	list("items.product", text, "Products of the order, one element per line.",
		items, func(i *event.Item) string { return string(i.Product) }),
	list("items.category", word, "Their categories, as the order says, else as in the catalogue; unknown if neither tells.",
		items, func(i *event.Item) string { return i.Category }),
	list("items.brand", word, "Their brands, as the order says, else as in the catalogue; unknown if neither tells.",
		items, func(i *event.Item) string { return i.Brand }),
	list("items.seller", word, "Who sells them.",
		items, func(i *event.Item) string { return i.Seller }),
	list("items.quantity", floats, "How many of each.",
		items, func(i *event.Item) float64 { return i.Quantity }),
	list("items.price", floats, "Price of one, in currency.",
		items, func(i *event.Item) float64 { return i.Price }),
	col("carrier", word, "Carrier.", func(r *Journey) string { return r.Carrier }),
	col("tracking", text, "The carrier's number of the parcel.", func(r *Journey) string { return r.Tracking }),
	col("packed", when, "Parcel packed.", func(r *Journey) event.Time { return r.Packed }),
	col("shipped", when, "Parcel handed over to the carrier.", func(r *Journey) event.Time { return r.Shipped }),
	col("in_transit", when, "First sign of the parcel on its way.", func(r *Journey) event.Time { return r.InTransit }),
	col("out_for_delivery", when, "Parcel in the last vehicle.", func(r *Journey) event.Time { return r.OutForDelivery }),
	col("attempted", when, "First attempt that found nobody.", func(r *Journey) event.Time { return r.Attempted }),
	col("attempts", uint32s, "Attempts that found nobody.", func(r *Journey) uint32 { return r.Attempts }),
	col("delivered", when, "Parcel delivered.", func(r *Journey) event.Time { return r.Delivered }),
	col("confirmed", when, "Customer confirmed the delivery.", func(r *Journey) event.Time { return r.Confirmed }),
	col("exception_late", when, "First report of a delay.", func(r *Journey) event.Time { return r.ExceptionLate }),
	col("exception_lost", when, "First report of a loss.", func(r *Journey) event.Time { return r.ExceptionLost }),
	col("exception_damaged", when, "First report of a damage.", func(r *Journey) event.Time { return r.ExceptionDamaged }),
	col("exception_refused", when, "First report that the parcel was refused.",
		func(r *Journey) event.Time { return r.ExceptionRefused }),
	col("exceptions", uint32s, "Exceptions reported: delay, loss, damage, refusal.", func(r *Journey) uint32 { return r.Exceptions }),
	col("track", when, "First look at the tracking page.", func(r *Journey) event.Time { return r.Track }),
	col("tracks", uint32s, "Looks at the tracking page.", func(r *Journey) uint32 { return r.Tracks }),
	col("contact", when, "First contact opened about the order.", func(r *Journey) event.Time { return r.Contact }),
	col("contacts", uint32s, "Contacts opened about the order.", func(r *Journey) uint32 { return r.Contacts }),
	col("reviewed", when, "First review posted.", func(r *Journey) event.Time { return r.Reviewed }),
	col("reviews", uint32s, "Reviews that are not removed.", func(r *Journey) uint32 { return r.Reviews }),
	col("stars", floats, "1 to 5, of the latest review; 0: none.", func(r *Journey) float64 { return r.Stars }),
	col("case_opened", when, "First negative opinion.", func(r *Journey) event.Time { return r.CaseOpened }),
	col("case_answered", when, "First answer to it.", func(r *Journey) event.Time { return r.CaseAnswered }),
	col("case_promised", when, "First promise to contact the customer.", func(r *Journey) event.Time { return r.CasePromised }),
	col("case_contact_due", when, "Contact was promised until then.", func(r *Journey) event.Time { return r.CaseContactDue }),
	col("case_contacted", when, "First answer or resolution after contact was promised: the contact that came.",
		func(r *Journey) event.Time { return r.CaseContacted }),
	col("case_resolved", when, "Case resolved for the first time.", func(r *Journey) event.Time { return r.CaseResolved }),
	col("case_resolution", word, "How it was resolved: refund, replacement, answer.",
		func(r *Journey) string { return r.CaseResolution }),
	col("case_reopened", when, "Last complaint after the case was resolved: by an edit that is negative and no better than before, or by another opinion.",
		func(r *Journey) event.Time { return r.CaseReopened }),
	col("case_resolved_again", when, "First resolution after that.", func(r *Journey) event.Time { return r.CaseResolvedAgain }),
	list("touches.session", uint64s, "Ids of the sessions that had to do with the order, in order of start.",
		touches, func(t *Touch) uint64 { return t.Session }),
	list("touches.visitor", text, "Their visitors.",
		touches, func(t *Touch) string { return string(t.Visitor) }),
	list("touches.start", moment, "Their starts.",
		touches, func(t *Touch) event.Time { return t.Start }),
	list("touches.source", word, "Who told their events.",
		touches, func(t *Touch) string { return string(t.Source) }),
	list("touches.channel", word, "Marketing channel of each.",
		touches, func(t *Touch) string { return t.Channel }),
	list("touches.referrer", word, "Host of the page before each.",
		touches, func(t *Touch) string { return t.Referrer }),
	list("touches.campaign", word, "Campaign of each.",
		touches, func(t *Touch) string { return t.Campaign }),
	list("touches.landing", text, "Path of the first page of each.",
		touches, func(t *Touch) string { return t.Landing }),
	list("touches.device", word, "Kind of device of each.",
		touches, func(t *Touch) string { return t.Device }),
	list("touches.first_seen", moment, "When each visitor was first seen, as far back as is remembered.",
		touches, func(t *Touch) event.Time { return t.FirstSeen }),
	list("touches.sessions_before", uint32s, "Sessions of the visitor before each.",
		touches, func(t *Touch) uint32 { return t.SessionsBefore }),
	list("touches.ordered", moment, "When each completed the order; 1970: it did not.",
		touches, func(t *Touch) event.Time { return t.Ordered }),
	list("touches.track", moment, "First look at the order's tracking page in each; 1970: none.",
		touches, func(t *Touch) event.Time { return t.Track }),
	list("touches.tracks", uint32s, "Looks at the order's tracking page in each.",
		touches, func(t *Touch) uint32 { return t.Tracks }),
	list("touches.contact", moment, "First contact opened about the order in each; 1970: none.",
		touches, func(t *Touch) event.Time { return t.Contact }),
	list("touches.contacts", uint32s, "Contacts opened about the order in each.",
		touches, func(t *Touch) uint32 { return t.Contacts }),
	col("first_event", moment, "Earliest event of the journey.", func(r *Journey) event.Time { return r.FirstEvent }),
	col("last_event", moment, "Latest event of the journey.", func(r *Journey) event.Time { return r.LastEvent }),
	col("events", uint32s, "Events of the journey.", func(r *Journey) uint32 { return r.Events }),
	col("revision", uint64s, "Version of the row: the highest wins.", func(r *Journey) uint64 { return r.Revision }),
	col("is_deleted", deleted, "1: the journey belongs to another month now.", func(r *Journey) bool { return r.IsDeleted }),
)

func items(r *Journey) []event.Item { return r.Items }
func touches(r *Journey) []Touch    { return r.Touches }
