package shop

import "github.com/afterclick/afterclick/schemas/event"

// page is what a visit looks at or does.
type page uint8

const (
	home page = iota
	list
	detail
	results
	reviews
	comparison
	cart
	added
	removed
	checkout
	address
	payment
	thanks
	tracking
	contact
)

var pageTypes = [...]event.Type{
	home: event.Page, list: event.ProductList, detail: event.Product, results: event.Search, reviews: event.ReviewsRead,
	comparison: event.Compare, cart: event.CartViewed, added: event.CartAdded, removed: event.CartRemoved,
	checkout: event.CheckoutStarted, address: event.CheckoutStep, payment: event.CheckoutStep, thanks: event.CheckoutCompleted,
	tracking: event.TrackingViewed, contact: event.ContactOpened,
}

const shopURL = "https://oakandember.example/"

// line is a product in a cart or an order.
type line struct {
	product  uint32
	quantity uint8
}

// look is a visit as far as its clicks tell of it.
type look struct {
	visitor  uint64
	session  uint64
	customer uint64 // 0: not logged in
	order    uint64 // 0: none
	lang     string
	topic    string // of a contact
	product  uint32 // on the page now; of a list, its category
	before   uint32 // ... on the page before
	pages    uint32 // seen before this one
	agent    uint16 // index into agents, or bots if it is one
	robot    bool
	failed   bool // the payment was refused
	place    uint8
	variant  uint8 // of the shop's experiments
	page     page
	previous page
	count    uint8 // lines in use
	lines    [4]line
}

// clicks writes the events of the clickstream.
type clicks struct {
	writer
	goods *catalogue
}

// write writes the click at time t. From says where the visit came from and is asked for its first click only.
func (w *clicks) write(v *look, id uint64, t int64, from *landing) {
	w.open(id, pageTypes[v.page], t, "web")
	w.hex("visitor", "v", v.visitor)
	if v.customer > 0 {
		w.number("customer", "c-", v.customer)
	}
	w.hex("session", "s", v.session)
	w.url(v, from)
	w.referrer(v, from)
	of := agents
	if v.robot {
		of = bots
	}
	a := &of[v.agent]
	w.text("user_agent", a.ua)
	w.text("country", places[v.place].country)
	p := &w.goods.all[v.product]
	switch v.page {
	case detail, reviews, added, removed:
		w.number("product", "p-", p.number)
	}
	if v.order > 0 {
		w.number("order", "o-", v.order)
	}
	switch v.page {
	case address:
		w.text("step", "address")
	case payment:
		w.text("step", "payment")
	}
	value := int64(0)
	switch v.page {
	case detail, added, removed:
		value = p.price
	case cart, checkout, address, payment, thanks:
		value = w.goods.total(v.lines[:v.count])
	}
	if value > 0 {
		w.cents("value", value)
		w.text("currency", "EUR")
	}
	w.properties(v, a, id)
	w.close()
}

func (w *clicks) url(v *look, from *landing) {
	w.field("url")
	w.b = append(w.b, '"')
	w.path(v, v.page, v.product)
	if v.pages == 0 && from.source != "" {
		mark := byte('?')
		switch v.page {
		case results, list, comparison:
			mark = '&'
		}
		w.b = append(w.b, mark)
		w.b = append(w.b, "utm_source="...)
		w.b = append(w.b, from.source...)
		w.b = append(w.b, "&utm_medium="...)
		w.b = append(w.b, from.medium...)
		w.b = append(w.b, "&utm_campaign="...)
		w.b = append(w.b, from.campaign...)
	}
	w.b = append(w.b, '"')
}

func (w *clicks) referrer(v *look, from *landing) {
	if v.pages == 0 {
		w.text("referrer", from.referrer)
		return
	}
	if v.robot {
		return
	}
	w.field("referrer")
	w.b = append(w.b, '"')
	w.path(v, v.previous, v.before)
	w.b = append(w.b, '"')
}

func (w *clicks) path(v *look, at page, product uint32) {
	w.b = append(w.b, shopURL...)
	w.b = append(w.b, v.lang...)
	w.b = append(w.b, '/')
	p := &w.goods.all[product]
	switch at {
	case list:
		w.b = append(w.b, "c/"...)
		w.b = append(w.b, categories[p.category].name...)
		w.b = append(w.b, "?page="...)
		w.b = append(w.b, byte('1'+product%4))
		w.b = append(w.b, "&sort=popular"...)
	case detail, added, reviews:
		w.b = append(w.b, "p/"...)
		w.b = append(w.b, p.slug...)
		if at == reviews {
			w.b = append(w.b, "/reviews"...)
		}
	case results:
		w.b = append(w.b, "search?q="...)
		w.b = append(w.b, p.words...)
	case comparison:
		w.b = append(w.b, "compare?with="...)
		w.b = append(w.b, p.slug...)
	case cart, removed:
		w.b = append(w.b, "cart"...)
	case checkout:
		w.b = append(w.b, "checkout"...)
	case address:
		w.b = append(w.b, "checkout/address"...)
	case payment:
		w.b = append(w.b, "checkout/payment"...)
	case thanks:
		w.b = append(w.b, "checkout/thank-you"...)
	case tracking:
		w.b = append(w.b, "account/tracking"...)
	case contact:
		w.b = append(w.b, "help/contact"...)
	}
}

func (w *clicks) properties(v *look, a *agent, id uint64) {
	w.b = append(w.b, `,"properties":{"view":`...)
	w.amount(int64(v.pages+1) * 100)
	w.whole("load_ms", int64(180+id>>40&1023))
	if !v.robot {
		w.text("screen", a.screen)
		w.text("variant", [2]string{"a", "b"}[v.variant&1])
	}
	w.text("topic", v.topic)
	if v.failed {
		w.text("error", "payment_failed")
	}
	w.b = append(w.b, '}')
}

func (c *catalogue) total(lines []line) int64 {
	sum := int64(0)
	for _, l := range lines {
		sum += c.all[l.product].price * int64(l.quantity)
	}
	return sum
}
