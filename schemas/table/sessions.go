package table

import "github.com/afterclick/afterclick/schemas/event"

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
	TrafficSource  string // who sent the visitor
	Campaign       string
	Device         string
	OS             string
	Browser        string
	Bot            bool
	Country        string
	Region         string
	Category       string // of the products looked at
	Segment        string // of the customer, as Generation, HomeCountry and CustomerSince
	Generation     string
	HomeCountry    string
	CustomerSince  event.Time
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
	PageViews      uint32
	ProductViews   uint32
	CartAdds       uint32
	Orders         []event.OrderID // completed in this session, in order of time
	Revision       uint64
	IsDeleted      bool
}

// Sessions is the table of sessions.
var Sessions = define(Schema{
	Name: "sessions",
	Comment: "A visitor's activity without a gap of more than 30 minutes (unless configured otherwise), at most 24 hours. " +
		"A new version of a row replaces the one before.",
	Engine:    "ReplacingMergeTree(revision, is_deleted)",
	Partition: "toYYYYMM(start)",
	// Day first, for analysts; then the quarter-hour, so that a refresh of the funnel reads just its buckets, and merges meet rows
	// almost as they came. start itself must not be in it: a condition on start would then look there, and not prune by the day.
	Order: "toDate(start), toStartOfFifteenMinutes(start), visitor, toUnixTimestamp64Milli(start)",
},
	col("visitor", text, "Device or browser id.", func(r *Session) string { return string(r.Visitor) }),
	col("start", moment, "Time of the first event, UTC. Filter by it: the table is sorted by its day.",
		func(r *Session) event.Time { return r.Start }),
	col("id", uint64s, "Id of the session: a hash of visitor and start.", func(r *Session) uint64 { return r.ID }),
	col("end", moment, "Time of the last event so far, UTC.", func(r *Session) event.Time { return r.End }),
	col("customer", text, "Known person's id, the last one seen in the session; empty if nobody logged in.",
		func(r *Session) string { return string(r.Customer) }),
	col("source", word, "Who told the events: web, app.", func(r *Session) string { return string(r.Source) }),
	col("tracker_session", text, "The tracker's own id of the session.", func(r *Session) string { return string(r.TrackerSession) }),
	col("channel", word, "Marketing channel that brought the visitor.", func(r *Session) string { return r.Channel }),
	col("referrer", word, "Host of the page before the first.", func(r *Session) string { return r.Referrer }),
	col("traffic_source", word, "Who sent the visitor: utm_source, else the network that a click id names, else the name of the site before; "+
		"empty: nobody.", func(r *Session) string { return r.TrafficSource }),
	col("campaign", word, "Campaign that brought the visitor.", func(r *Session) string { return r.Campaign }),
	col("device", word, "Kind of device: desktop, mobile, tablet, tv, bot or unknown.", func(r *Session) string { return r.Device }),
	col("os", word, "Operating system.", func(r *Session) string { return r.OS }),
	col("browser", word, "Browser.", func(r *Session) string { return r.Browser }),
	col("bot", flag, "Whether the visitor is a machine.", func(r *Session) bool { return r.Bot }),
	col("country", word, "Country, ISO 3166-1 alpha-2, as the events say, else by the address; unknown if neither tells.",
		func(r *Session) string { return r.Country }),
	col("region", word, "Region in the country, as the events say, else by the address; unknown if neither tells.",
		func(r *Session) string { return r.Region }),
	col("category", word, "Category of most products that were looked at or put into the cart, of equals the one seen last; empty: none were; "+
		"unknown: the catalogue does not have them.", func(r *Session) string { return r.Category }),
	col("segment", word, "The customer's segment; empty: nobody logged in; unknown: it is not told of that customer.",
		func(r *Session) string { return r.Segment }),
	col("generation", word, "The customer's generation by year of birth: greatest (to 1927), silent (to 1945), boomer (to 1964), gen_x (to 1980), "+
		"millennial (to 1996), gen_z (to 2012), alpha (to 2024); empty: nobody logged in; unknown: it is not told of that customer.",
		func(r *Session) string { return r.Generation }),
	col("home_country", word, "Country that the customer lives in; empty: nobody logged in; unknown: it is not told of that customer.",
		func(r *Session) string { return r.HomeCountry }),
	col("customer_since", when, "Day of the customer's first order, as far as it is told.", func(r *Session) event.Time { return r.CustomerSince }),
	col("landing", text, "Path of the first page.", func(r *Session) string { return r.Landing }),
	col("exit", text, "Path of the last page.", func(r *Session) string { return r.Exit }),
	col("stage", stages.kind, "Deepest stage reached, visit to order. A session that went quiet there dropped off there.",
		func(r *Session) int8 { return int8(r.Stage) }),
	col("view", when, "First look at a product.", func(r *Session) event.Time { return r.View }),
	col("research", when, "First search, comparison or reading of reviews.", func(r *Session) event.Time { return r.Research }),
	col("cart", when, "First time that something was put into the cart.", func(r *Session) event.Time { return r.Cart }),
	col("checkout", when, "First start of the checkout.", func(r *Session) event.Time { return r.Checkout }),
	col("order", when, "First order completed.", func(r *Session) event.Time { return r.Order }),
	col("track", when, "First look at a tracking page.", func(r *Session) event.Time { return r.Track }),
	col("contact", when, "First contact opened.", func(r *Session) event.Time { return r.Contact }),
	col("checkout_step", word, "Last step named while in the checkout, such as address or payment.",
		func(r *Session) string { return r.CheckoutStep }),
	col("events", uint32s, "Events of the session.", func(r *Session) uint32 { return r.Events }),
	col("page_views", uint32s, "Pages looked at: events of type page. A look at a product, a list or the cart that a shop tells instead of its page is not among them.",
		func(r *Session) uint32 { return r.PageViews }),
	col("product_views", uint32s, "Looks at products.", func(r *Session) uint32 { return r.ProductViews }),
	col("cart_adds", uint32s, "Times that something was put into the cart.", func(r *Session) uint32 { return r.CartAdds }),
	list("orders", text, "Orders completed in the session, in order of time.",
		func(r *Session) []event.OrderID { return r.Orders }, func(o *event.OrderID) string { return string(*o) }),
	col("revision", uint64s, "Version of the row: the highest wins.", func(r *Session) uint64 { return r.Revision }),
	col("is_deleted", deleted, "1: the session was absorbed by another, or starts at another time now.",
		func(r *Session) bool { return r.IsDeleted }),
)
