package table

import "github.com/afterclick/afterclick/schemas/event"

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
	Complained      event.Time // the first negative version
	Answered        event.Time // the first answer
	ContactPromised event.Time
	ContactDue      event.Time
	Contacted       event.Time // the first answer or resolution after it
	Resolved        event.Time // the first time
	Resolution      string
	Reopened        event.Time // the last complaint after it
	ResolvedAgain   event.Time // the first resolution after that
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

// Reviews is the table of opinions.
var Reviews = define(Schema{
	Name: "reviews",
	Comment: "An opinion, a review or a mention, in its latest version, with the verdict of its journey: late? returned? which carrier? " +
		"A new version of a row replaces the one before.",
	Engine:    "ReplacingMergeTree(revision, is_deleted)",
	Partition: "toYYYYMM(month)",
	Order:     "month, order, review",
},
	col("month", moment, "First of the month, UTC, of posted, or of the earliest event while no posted event is known. Filter by it too: the table is sorted by it.",
		func(r *Review) event.Time { return r.Month }),
	col("order", text, "Order that the opinion names; empty for most mentions.",
		func(r *Review) string { return string(r.Order) }),
	col("review", text, "Id of the opinion.", func(r *Review) string { return string(r.Review) }),
	named("kind", kinds, "review, or mention (social media, names no order).", func(r *Review) string { return r.Kind }),
	col("customer", text, "Known person's id.", func(r *Review) string { return string(r.Customer) }),
	col("source", word, "Where it was posted.", func(r *Review) string { return string(r.Source) }),
	col("author", text, "Name of the author, as shown.", func(r *Review) string { return r.Author }),
	col("posted", when, "Posted.", func(r *Review) event.Time { return r.Posted }),
	col("edited", when, "Last edited.", func(r *Review) event.Time { return r.Edited }),
	col("removed", when, "Removed.", func(r *Review) event.Time { return r.Removed }),
	col("rating", floats, "Rating as given.", func(r *Review) float64 { return r.Rating }),
	col("rating_max", floats, "Best rating possible; 0: no rating was given.", func(r *Review) float64 { return r.RatingMax }),
	col("stars", floats, "Rating on a scale from 1 to 5; 0: none.", func(r *Review) float64 { return r.Stars }),
	named("sentiment", sentiments, "negative (at most 2 stars), neutral, positive (at least 4 stars), or unscored.",
		func(r *Review) Sentiment { return r.Sentiment }),
	col("title", text, "Title.", func(r *Review) string { return r.Title }),
	col("text", text, "Text of the latest version.", func(r *Review) string { return r.Text }),
	col("language", word, "Language, ISO 639-1, if known.", func(r *Review) string { return r.Language }),
	col("reach", floats, "People who are likely to see it.", func(r *Review) float64 { return r.Reach }),
	list("subjects.kind", word, "Kinds of what it is about: product, brand, carrier, shop.",
		subjects, func(s *event.Subject) string { return s.Kind }),
	list("subjects.id", text, "Ids of what it is about.",
		subjects, func(s *event.Subject) string { return s.ID }),
	col("complained", when, "First version that was negative: a case begins.", func(r *Review) event.Time { return r.Complained }),
	col("answered", when, "First answer.", func(r *Review) event.Time { return r.Answered }),
	col("contact_promised", when, "When contact was promised.", func(r *Review) event.Time { return r.ContactPromised }),
	col("contact_due", when, "Contact was promised until then.", func(r *Review) event.Time { return r.ContactDue }),
	col("contacted", when, "First answer or resolution after contact was promised: the contact that came.",
		func(r *Review) event.Time { return r.Contacted }),
	col("resolved", when, "Resolved for the first time.", func(r *Review) event.Time { return r.Resolved }),
	col("resolution", word, "How it was resolved: refund, replacement, answer.", func(r *Review) string { return r.Resolution }),
	col("reopened", when, "Last edit after it was resolved that is negative and no better than before.",
		func(r *Review) event.Time { return r.Reopened }),
	col("resolved_again", when, "First resolution after that.", func(r *Review) event.Time { return r.ResolvedAgain }),
	named("promise", promises, "What became of the promise of arrival of its order: none, open, kept, broken.",
		func(r *Review) Promise { return r.Promise }),
	col("days_late", floats, "Days between the first promise and the delivery, negative: early; 0 unless both are known.",
		func(r *Review) float64 { return r.DaysLate }),
	col("delivered", when, "Delivery of its order.", func(r *Review) event.Time { return r.Delivered }),
	col("carrier", word, "Carrier of its order.", func(r *Review) string { return r.Carrier }),
	col("warehouse", word, "Warehouse of its order.", func(r *Review) string { return r.Warehouse }),
	col("country", word, "Country that its order was shipped to.", func(r *Review) string { return r.Country }),
	col("region", word, "Region that its order was shipped to.", func(r *Review) string { return r.Region }),
	col("returned", flag, "Whether its order was returned or refunded.", func(r *Review) bool { return r.Returned }),
	col("verified", flag, "Whether its order is known to have been placed.", func(r *Review) bool { return r.Verified }),
	col("revision", uint64s, "Version of the row: the highest wins.", func(r *Review) uint64 { return r.Revision }),
	col("is_deleted", deleted, "1: the opinion belongs to another month or order now.",
		func(r *Review) bool { return r.IsDeleted }),
)

func subjects(r *Review) []event.Subject { return r.Subjects }
