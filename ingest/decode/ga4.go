package decode

import (
	"fmt"
	"slices"
	"strings"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/schemas/event"
)

// ga4Definition is a row of Google Analytics' export to BigQuery (events_*, events_intraday_*) as JSON, whole numbers in quotes or not. See
// https://support.google.com/analytics/answer/7029846.
var ga4Definition = definition{
	name:    "ga4",
	holds:   []event.Topic{event.Clickstream, event.Orders},
	several: true,
	options: []string{OptionTypes},
	open: func(o *Options) (func() Format, error) {
		types, err := typeOf(OptionTypes, o.Holds, o.Types)
		if err != nil {
			return nil, err
		}
		clicks, orders := slices.Contains(o.Holds, event.Clickstream), slices.Contains(o.Holds, event.Orders)
		return func() Format { return &ga4{types: types, clicks: clicks, orders: orders} }, nil
	},
}

// ga4Types are the names of events that are types of ours.
var ga4Types = map[string]event.Type{
	"page_view": event.Page, "screen_view": event.Page,
	"view_item_list": event.ProductList, "view_item": event.Product,
	"search": event.Search, "view_search_results": event.Search,
	"add_to_cart": event.CartAdded, "remove_from_cart": event.CartRemoved, "view_cart": event.CartViewed,
	"begin_checkout": event.CheckoutStarted, "add_shipping_info": event.CheckoutStep, "add_payment_info": event.CheckoutStep,
	"purchase": event.CheckoutCompleted,
}

var ga4Steps = map[string]string{"add_shipping_info": "shipping", "add_payment_info": "payment"}

// ga4Orders are those that are events of an order.
var ga4Orders = map[string]event.Type{"purchase": event.Placed, "refund": event.Refunded}

// ga4OneProduct are the events whose first item is the product that they are about.
var ga4OneProduct = []string{"view_item", "select_item", "add_to_cart", "remove_from_cart", "add_to_wishlist"}

type ga4 struct {
	types          map[string]event.Type
	clicks, orders bool
	pick           picker
	rest           rest
	row            ga4Row
}

// ga4Row is one row, taken apart.
type ga4Row struct {
	name, micros, visitor, customer, platform             node
	params, items, ecommerce, geo, collected              node
	page, referrer, session, value, currency, transaction node // parameters
	campaign                                              [len(utm)]node
	kept                                                  []ga4Member // parameters without a field
	left                                                  []ga4Member // members of the row without a field
	identity                                              []byte      // what makes the id
}

type ga4Member struct {
	key   string
	value node
}

// utm are the parts of a campaign: what stands in a URL behind utm_, and in collected_traffic_source.
var utm = [...]struct{ name, collected string }{{"campaign", "manual_campaign_name"}, {"source", "manual_source"}, {"medium", "manual_medium"},
	{"term", "manual_term"}, {"content", "manual_content"}}

func (g *ga4) Decode(r *Record, out *Events) error {
	n, wrong := parse(r.Value)
	if wrong != nil {
		out.Refuse(wrong)
		return nil
	}
	g.pick = picker{}
	begin := out.Len()
	g.read(n)
	g.tell(out)
	if g.pick.wrong != nil {
		if out.Len() == begin {
			out.Refuse(g.pick.wrong)
		} else {
			out.Spoil(g.pick.wrong)
		}
	}
	return nil
}

// ga4Identity are the members that make the id. Others are filled in later, and the same event may be exported twice, within the day and
// at its end.
var ga4Identity = []string{"event_name", "event_timestamp", "user_pseudo_id", "event_bundle_sequence_id", "batch_event_index", "batch_page_id",
	"batch_ordering_id", "event_params", "items", "stream_id"}

// ga4Fields are members of a row that are fields of ours, that say what these say, or that say how the export went.
var ga4Fields = []string{"event_name", "event_timestamp", "user_pseudo_id", "user_id", "platform", "event_params", "items", "ecommerce",
	"event_date", "event_bundle_sequence_id", "event_server_timestamp_offset", "batch_event_index", "batch_page_id", "batch_ordering_id"}

func (g *ga4) read(n node) {
	kept, left, identity := g.row.kept[:0], g.row.left[:0], g.row.identity[:0]
	g.row = ga4Row{}
	c := &g.row
	universal := false
	n.members(func(key string, v node) {
		if slices.Contains(ga4Identity, key) {
			identity = append(append(append(identity, key...), ' '), v...)
		}
		switch key {
		case "event_name":
			c.name = v
		case "event_timestamp":
			c.micros = v
		case "user_pseudo_id":
			c.visitor = v
		case "user_id":
			c.customer = v
		case "platform":
			c.platform = v
		case "event_params":
			c.params = v
		case "items":
			c.items = v
		case "ecommerce":
			c.ecommerce = v
		case "geo":
			c.geo = v
		case "collected_traffic_source":
			c.collected = v
		case "hits":
			universal = true
		}
		if !slices.Contains(ga4Fields, key) {
			left = append(left, ga4Member{key, v})
		}
	})
	if universal && c.name == nil {
		g.pick.refuse(event.UnknownVersion, "hits", "this is a row of Universal Analytics, not of Google Analytics 4; its export ended in 2024, and is not read")
	}
	if !c.params.absent() && !c.params.isList() {
		g.pick.mistyped("event_params", "a list of key and value", c.params)
	}
	c.params.each(func(i int, p node) {
		key, _ := p.get("key").text()
		if key == "" {
			g.pick.refuse(event.WrongType, fmt.Sprintf("event_params[%d]", i), "must be an object with key and value, as in the export to BigQuery")
			return
		}
		v := ga4Value(p.get("value"))
		switch key {
		case "page_location":
			c.page = v
		case "page_referrer":
			c.referrer = v
		case "ga_session_id":
			c.session = v
		case "value":
			c.value = v
		case "currency":
			c.currency = v
		case "transaction_id":
			c.transaction = v
		default:
			for i := range utm {
				if key == utm[i].name {
					c.campaign[i] = v
				}
			}
			kept = append(kept, ga4Member{key, v})
		}
	})
	for i := range utm {
		c.campaign[i] = ga4Set(first(c.collected.get(utm[i].collected), c.campaign[i]))
	}
	c.kept, c.left, c.identity = kept, left, identity
}

// ga4Value is what a parameter has: one of string_value, int_value, float_value and double_value. Numbers may be in quotes.
func ga4Value(n node) (found node) {
	n.members(func(key string, v node) {
		if v.absent() {
			return
		}
		if key != "string_value" && v.isString() {
			if s := node(text(v)); len(s) > 0 && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Valid(s) {
				v = s
			}
		}
		found = v
	})
	return found
}

// ga4Set is nothing for what Google Analytics writes where it has nothing.
func ga4Set(n node) node {
	if s, ok := n.text(); ok && slices.Contains([]string{"(not set)", "(none)", "(direct)", "(data not available)", "(data deleted)"}, s) {
		return nil
	}
	return n
}

// tell adds what a row says: a click, an event of an order, or both.
func (g *ga4) tell(out *Events) {
	p, c := &g.pick, &g.row
	name := p.text("event_name", c.name)
	if name == "" {
		p.refuse(event.MissingField, "event_name", "is required: what was done, like view_item")
	}
	micros := p.number("event_timestamp", c.micros)
	if micros == 0 {
		p.refuse(event.MissingField, "event_timestamp", "is required: microseconds since 1970")
	}
	if t := event.Time(micros); micros != 0 && t < event.Earliest*100 {
		p.refuse(event.TimePast, "event_timestamp", fmt.Sprintf("%.64s is no number of microseconds since 1970", c.micros))
	}
	if p.wrong != nil {
		return
	}
	h := event.Header{ID: contentID("ga4", c.identity), Time: event.Time(micros / 1000), Source: event.Source(strings.ToLower(p.text("platform", c.platform)))}
	order, isOrder := ga4Orders[name]
	own, mapped := g.types[name]
	if mapped {
		order, isOrder = own, slices.Contains(event.OrderTypes, own)
	}
	isOrder = isOrder && g.orders
	click := g.clicks && !(isOrder && (mapped || order != event.Placed))
	if click {
		g.click(h, name, out)
	}
	if isOrder && p.wrong == nil {
		g.order(h, order, name, click, out)
	}
	if !click && !isOrder {
		p.refuse(event.UnknownType, "event_name", fmt.Sprintf("%.64q is nothing that the topic is said to hold: let it hold clickstream, too, or send only such events there", name))
	}
}

func (g *ga4) click(h event.Header, name string, out *Events) {
	p, c, v := &g.pick, &g.row, out.Click()
	v.Header = h
	if v.Type = g.types[name]; v.Type == "" {
		v.Type = ga4Types[name]
	}
	if v.Type == "" {
		v.Type = typeName(name)
	}
	v.Visitor, v.Customer = event.VisitorID(p.text("user_pseudo_id", c.visitor)), event.CustomerID(p.text("user_id", c.customer))
	v.Session = event.SessionID(p.text("event_params.ga_session_id", c.session))
	v.URL = withCampaign(p.text("event_params.page_location", c.page), c.campaignOf)
	v.Referrer = p.text("event_params.page_referrer", c.referrer)
	v.Order = event.OrderID(g.transaction())
	v.Step = ga4Steps[name]
	v.Value = p.number("event_params.value", first(c.value, c.ecommerce.get("purchase_revenue")))
	v.Currency = p.text("event_params.currency", c.currency)
	country, _ := c.geo.get("country").text()
	if v.Country = countryCode(country); v.Country != "" {
		v.Region = p.text("geo.region", ga4Set(c.geo.get("region")))
	}
	if slices.Contains(ga4OneProduct, name) {
		c.items.each(func(i int, item node) {
			if i == 0 {
				v.Product = event.ProductID(p.text("items[0].item_id", ga4Set(item.get("item_id"))))
			}
		})
	}
	g.addRest(name, v.Type)
	if hasMembers(c.ecommerce) {
		g.rest.add("_ecommerce", c.ecommerce)
	}
	if len(c.items) > len("[]") {
		g.rest.add("_items", c.items)
	}
	v.Properties = g.rest.end(out)
}

// campaignOf calls f for each part of the campaign.
func (c *ga4Row) campaignOf(f func(name, value string)) {
	for i := range utm {
		if s, ok := c.campaign[i].text(); ok {
			f(utm[i].name, s)
		}
	}
}

func (g *ga4) transaction() string {
	return g.pick.text("ecommerce.transaction_id", ga4Set(first(g.row.ecommerce.get("transaction_id"), g.row.transaction)))
}

// addRest keeps parameters under their names, and members of the row with an underscore before them.
func (g *ga4) addRest(name string, typ event.Type) {
	for _, m := range g.row.kept {
		g.rest.add(m.key, m.value)
	}
	if string(typ) != name {
		g.rest.addText("_event", name)
	}
	for _, m := range g.row.left {
		if s := string(m.value); s != "{}" && s != "[]" {
			g.rest.add("_"+m.key, m.value)
		}
	}
}

func (g *ga4) order(h event.Header, typ event.Type, name string, click bool, out *Events) {
	p, c, o := &g.pick, &g.row, out.Order()
	o.Header, o.Type = h, typ
	if click {
		o.ID += ":placed"
	}
	o.Visitor, o.Customer, o.Order = event.VisitorID(p.text("user_pseudo_id", c.visitor)), event.CustomerID(p.text("user_id", c.customer)), event.OrderID(g.transaction())
	switch h.Source {
	case "web":
		o.Channel = "web"
	case "ios", "android":
		o.Channel = "app"
	}
	o.Currency = p.text("event_params.currency", c.currency)
	if typ == event.Refunded {
		o.Amount = p.number("ecommerce.refund_value", first(c.ecommerce.get("refund_value"), c.value))
	} else {
		o.Total = p.number("event_params.value", first(c.value, c.ecommerce.get("purchase_revenue")))
	}
	if typ == event.Placed {
		c.items.each(func(i int, n node) {
			at := func(name string) string { return fmt.Sprintf("items[%d].%s", i, name) }
			o.Items = append(o.Items, event.Item{
				Product:  event.ProductID(p.text(at("item_id"), ga4Set(n.get("item_id")))),
				Category: p.text(at("item_category"), ga4Set(n.get("item_category"))),
				Brand:    p.text(at("item_brand"), ga4Set(n.get("item_brand"))),
				Quantity: p.number(at("quantity"), n.get("quantity")),
				Price:    p.number(at("price"), n.get("price")),
			})
		})
	}
	if !click {
		g.addRest(name, typ)
		if len(c.items) > len("[]") {
			g.rest.add("_items", c.items)
		}
		o.Properties = g.rest.end(out)
	}
}

// hasMembers tells whether an object says anything.
func hasMembers(n node) (any bool) {
	n.members(func(_ string, v node) { any = any || !ga4Set(v).absent() })
	return any
}

// ga4Names are where our fields come from.
var ga4Names = map[string]string{
	"type": "event_name", "time": "event_timestamp", "source": "platform", "visitor": "user_pseudo_id", "customer": "user_id",
	"session": "event_params.ga_session_id", "url": "event_params.page_location", "referrer": "event_params.page_referrer", "product": "items[0].item_id",
	"order": "ecommerce.transaction_id", "value": "event_params.value", "total": "event_params.value", "amount": "ecommerce.refund_value",
	"currency": "event_params.currency", "region": "geo.region",
}

func (g *ga4) Theirs(_ event.Topic, field string) string {
	if item, name, ok := strings.Cut(field, "]."); ok && strings.HasPrefix(item, "items[") {
		if theirs, ok := map[string]string{"product": "item_id", "category": "item_category", "brand": "item_brand"}[name]; ok {
			name = theirs
		}
		return item + "]." + name
	}
	return ga4Names[field]
}
