package event

import "github.com/segmentio/encoding/json"

// Types of the reviews topic.
const (
	Posted          Type = "posted"
	Edited          Type = "edited"
	Removed         Type = "removed"
	Mention         Type = "mention" // social: names no order, maybe has no rating
	Answered        Type = "answered"
	ContactPromised Type = "contact_promised" // "we will contact you"
	Resolved        Type = "resolved"         // see the resolutions
)

// ReviewTypes are all types of the reviews topic.
var ReviewTypes = []Type{Posted, Edited, Removed, Mention, Answered, ContactPromised, Resolved}

// Resolutions of a case.
const (
	ResolvedRefund      = "refund"
	ResolvedReplacement = "replacement"
	ResolvedAnswer      = "answer"
)

// Resolutions are all ways to resolve a case.
var Resolutions = []string{ResolvedRefund, ResolvedReplacement, ResolvedAnswer}

// Kinds of a subject.
const (
	SubjectProduct = "product"
	SubjectBrand   = "brand"
	SubjectCarrier = "carrier"
	SubjectShop    = "shop"
)

// SubjectKinds are all kinds of a subject.
var SubjectKinds = []string{SubjectProduct, SubjectBrand, SubjectCarrier, SubjectShop}

// Review is an event of an opinion's life: a review or mention, its edits, answers and resolution. All events of one opinion name
// the same order, or all name none.
type Review struct {
	Header
	Review     ReviewID   `json:"review"`
	Order      OrderID    `json:"order,omitempty"`
	Customer   CustomerID `json:"customer,omitempty"`
	Subjects   []Subject  `json:"subjects,omitempty"` // at least one with mention, and with posted that names no order
	Rating     float64    `json:"rating,omitempty"`   // from rating_min to rating_max; none was given if all three are left out
	RatingMin  float64    `json:"rating_min,omitempty"`
	RatingMax  float64    `json:"rating_max,omitempty"` // 5 when left out and a rating is given
	Title      string     `json:"title,omitempty"`
	Text       string     `json:"text,omitempty"`
	Language   string     `json:"language,omitempty"` // ISO 639-1, if known; pt-BR counts as pt
	Author     string     `json:"author,omitempty"`
	Reach      float64    `json:"reach,omitempty"`      // how many people are likely to see it: followers, views
	Contact    Time       `json:"contact,omitempty"`    // contact promised until
	Resolution string     `json:"resolution,omitempty"` // required with resolved
	// Properties are free: a JSON object, kept as it came.
	Properties json.RawMessage `json:"properties,omitempty"`
}

// Subject is what an opinion is about.
type Subject struct {
	Kind string `json:"kind"` // product, brand, carrier, shop
	ID   string `json:"id"`
}
