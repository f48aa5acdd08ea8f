package event

import (
	"fmt"
	"slices"
	"strings"
)

// Validate returns a *Refusal that names the first field that breaks a rule of the contract, or nil. sourceTime is when the
// record was written, 0 if that is not known. A valid click costs no allocation.
func (e *Event) Validate(rules Rules, sourceTime Time) error {
	var c checks
	switch e.Topic {
	case Clickstream:
		c.click(e.Click, rules, sourceTime)
	case Orders:
		c.order(e.Order, rules, sourceTime)
	case Deliveries:
		c.delivery(e.Delivery, rules, sourceTime)
	case Reviews:
		c.review(e.Review, rules, sourceTime)
	case Touches:
		c.touch(e.Touch)
	default:
		panic("event: Validate of an event without a topic")
	}
	if c.refusal != nil {
		return c.refusal
	}
	return nil
}

// Normalize gives codes their one spelling: countries and currencies in upper case, languages in lower case without region.
func (e *Event) Normalize() {
	switch e.Topic {
	case Clickstream:
		e.Click.Country, e.Click.Currency = strings.ToUpper(e.Click.Country), strings.ToUpper(e.Click.Currency)
	case Orders:
		e.Order.Country, e.Order.Currency = strings.ToUpper(e.Order.Country), strings.ToUpper(e.Order.Currency)
	case Deliveries:
		e.Delivery.Country = strings.ToUpper(e.Delivery.Country)
	case Reviews:
		e.Review.Language = strings.ToLower(languageOf(e.Review.Language))
	}
}

func (c *checks) header(h *Header, known []Type, rules Rules, sourceTime Time) {
	if h.Version > ContractVersion {
		c.refuse(UnknownVersion, "version", "is %d, but this Afterclick knows the contract's version %d only: upgrade it, or send that", h.Version, ContractVersion)
	}
	c.id("id", string(h.ID))
	switch {
	case h.Type == "":
		c.refuse(MissingField, "type", "is required and must not be empty")
	case known != nil && !slices.Contains(known, h.Type):
		c.refuse(UnknownType, "type", "%q is no type of this topic, which are: %s", clip(string(h.Type)), list(known))
	case len(h.Type) > MaxType:
		c.tooLong("type", string(h.Type), MaxType)
	}
	c.name("type", string(h.Type))
	c.time(h.Time, sourceTime, rules.MaxAhead)
	c.id("source", string(h.Source))
}

func (c *checks) click(v *Click, rules Rules, sourceTime Time) {
	c.header(&v.Header, nil, rules, sourceTime)
	c.id("visitor", string(v.Visitor))
	c.name("customer", string(v.Customer))
	c.name("session", string(v.Session))
	c.line("url", v.URL)
	c.line("referrer", v.Referrer)
	c.line("user_agent", v.UserAgent)
	c.country(v.Country)
	c.name("region", v.Region)
	c.name("ip", v.IP)
	c.name("product", string(v.Product))
	c.name("order", string(v.Order))
	c.name("step", v.Step)
	c.amount("value", v.Value)
	c.currency(v.Currency)
	c.properties(v.Properties)
	if v.Order == "" && (v.Type == CheckoutCompleted || v.Type == TrackingViewed) {
		c.refuse(MissingField, "order", "is required with type %s: it is what joins the visit to the order", v.Type)
	}
}

func (c *checks) order(v *Order, rules Rules, sourceTime Time) {
	c.header(&v.Header, OrderTypes, rules, sourceTime)
	c.place("order", string(v.Order))
	c.name("customer", string(v.Customer))
	c.name("visitor", string(v.Visitor))
	c.name("channel", v.Channel)
	if len(v.Items) > MaxItems {
		c.refuse(BadValue, "items", "may have at most %d, came with %d", MaxItems, len(v.Items))
	}
	oneOf(c, "kind", v.Kind, OrderKinds)
	c.name("renews", string(v.Renews))
	for i := range v.Items {
		c.item(i, &v.Items[i])
	}
	c.amount("total", v.Total)
	c.currency(v.Currency)
	c.moment("promise", v.Promise)
	c.moment("ship_by", v.ShipBy)
	c.name("warehouse", v.Warehouse)
	c.country(v.Country)
	c.name("region", v.Region)
	c.amount("amount", v.Amount)
	c.line("reason", v.Reason)
	c.properties(v.Properties)
	if v.Type == Promised && v.Promise == 0 {
		c.refuse(MissingField, "promise", "is required with type promised: the time by which the order is to arrive")
	}
}

func (c *checks) item(i int, v *Item) {
	var in checks
	in.id("product", string(v.Product))
	in.name("category", v.Category)
	in.name("brand", v.Brand)
	in.name("seller", v.Seller)
	in.amount("quantity", v.Quantity)
	in.amount("price", v.Price)
	c.element("items", i, in)
}

func (c *checks) delivery(v *Delivery, rules Rules, sourceTime Time) {
	c.header(&v.Header, DeliveryTypes, rules, sourceTime)
	c.place("order", string(v.Order))
	c.name("carrier", v.Carrier)
	c.name("tracking", v.Tracking)
	c.name("warehouse", v.Warehouse)
	c.country(v.Country)
	c.name("region", v.Region)
	c.moment("estimate", v.Estimate)
	oneOf(c, "exception", v.Exception, ExceptionKinds)
	c.line("reason", v.Reason)
	c.properties(v.Properties)
	if v.Type == EstimateChanged && v.Estimate == 0 {
		c.refuse(MissingField, "estimate", "is required with type estimate_changed: the time by which the order is to arrive now")
	}
	if v.Type == Exception && v.Exception == "" {
		c.refuse(MissingField, "exception", "is required with type exception: one of %s", list(ExceptionKinds))
	}
}

func (c *checks) review(v *Review, rules Rules, sourceTime Time) {
	c.header(&v.Header, ReviewTypes, rules, sourceTime)
	c.place("review", string(v.Review))
	c.name("order", string(v.Order))
	c.name("customer", string(v.Customer))
	if len(v.Subjects) > MaxSubject {
		c.refuse(BadValue, "subjects", "may have at most %d, came with %d", MaxSubject, len(v.Subjects))
	}
	for i := range v.Subjects {
		c.subject(i, &v.Subjects[i])
	}
	c.rating(v.Rating, v.RatingMin, v.RatingMax)
	c.line("title", v.Title)
	if len(v.Text) > MaxText {
		c.tooLong("text", v.Text, MaxText)
	}
	c.language(v.Language)
	c.name("author", v.Author)
	c.amount("reach", v.Reach)
	c.moment("contact", v.Contact)
	oneOf(c, "resolution", v.Resolution, Resolutions)
	c.properties(v.Properties)
	switch {
	case v.Type == Posted && len(v.Subjects) == 0 && v.Order == "":
		c.refuse(MissingField, "subjects", "at least one is required with type posted that names no order: what the review is about")
	case v.Type == Mention && len(v.Subjects) == 0:
		c.refuse(MissingField, "subjects", "at least one is required with type mention: what it is about")
	case v.Type == Resolved && v.Resolution == "":
		c.refuse(MissingField, "resolution", "is required with type resolved: one of %s", list(Resolutions))
	}
}

func (c *checks) subject(i int, v *Subject) {
	var in checks
	if v.Kind == "" {
		in.refuse(MissingField, "kind", "is required: one of %s", list(SubjectKinds))
	}
	oneOf(&in, "kind", v.Kind, SubjectKinds)
	in.id("id", v.ID)
	c.element("subjects", i, in)
}

// touch checks what no journey can do without. Touches come from our own machines.
func (c *checks) touch(v *Touch) {
	c.place("order", string(v.Order))
	c.id("visitor", string(v.Visitor))
	if v.Session == 0 {
		c.refuse(MissingField, "session", "is required")
	}
	if v.Start == 0 {
		c.refuse(MissingField, "start", "is required")
	}
}

// place checks the id that says to which journey the event belongs.
func (c *checks) place(field, s string) {
	if s == "" {
		c.refuse(Unplaceable, field, "is required and must not be empty: without it no journey can have this event")
		return
	}
	c.name(field, s)
}

// oneOf checks a word that may be left out.
func oneOf[S ~string](c *checks, field string, s S, words []S) {
	if s != "" && !slices.Contains(words, s) {
		c.refuse(BadValue, field, "must be one of %s, came as %q", list(words), clip(string(s)))
	}
}

// element takes over what the checks of a list's element found.
func (c *checks) element(field string, i int, in checks) {
	if r := in.refusal; r != nil {
		c.refuse(r.Reason, fmt.Sprintf("%s[%d].%s", field, i, r.Field), "%s", r.Detail)
	}
}

func list[S ~string](words []S) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(w))
	}
	return b.String()
}
