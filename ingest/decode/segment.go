package decode

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/afterclick/afterclick/schemas/event"
)

// segmentDefinition is what Segment and RudderStack send: calls of the Segment spec (track, page, screen, identify, alias, group), with the
// e-commerce spec's events, one a record or in the batches of the HTTP API. See https://segment.com/docs/connections/spec/.
var segmentDefinition = definition{
	name:    "segment",
	holds:   []event.Topic{event.Clickstream, event.Orders, event.Reviews},
	several: true,
	options: []string{OptionTypes},
	open: func(o *Options) (func() Format, error) {
		types, err := typeOf(OptionTypes, o.Holds, o.Types)
		if err != nil {
			return nil, err
		}
		has := func(kind event.Topic) bool { return slices.Contains(o.Holds, kind) }
		return func() Format {
			return &segment{types: types, clicks: has(event.Clickstream), orders: has(event.Orders), reviews: has(event.Reviews)}
		}, nil
	},
}

// segmentTypes are the e-commerce spec's events that are types of ours.
var segmentTypes = map[string]event.Type{
	"Products Searched":       event.Search,
	"Product List Viewed":     event.ProductList,
	"Product List Filtered":   event.ProductList,
	"Product Viewed":          event.Product,
	"Product Added":           event.CartAdded,
	"Product Removed":         event.CartRemoved,
	"Cart Viewed":             event.CartViewed,
	"Checkout Started":        event.CheckoutStarted,
	"Checkout Step Viewed":    event.CheckoutStep,
	"Checkout Step Completed": event.CheckoutStep,
	"Payment Info Entered":    event.CheckoutStep,
	"Order Completed":         event.CheckoutCompleted,
}

// segmentOrders are those that are events of an order.
var segmentOrders = map[string]event.Type{
	"Order Completed": event.Placed,
	"Order Updated":   event.Placed, // the order as it is now: the last word on it counts
	"Order Refunded":  event.Refunded,
	"Order Cancelled": event.Cancelled,
}

// segmentVersions are the versions of the tracking API that a call may name.
var segmentVersions = []string{"", "1", "1.0", "1.1", "2", "2.0"}

type segment struct {
	types                   map[string]event.Type
	clicks, orders, reviews bool
	pick                    picker
	rest                    rest
}

// segmentCall is one call, taken apart.
type segmentCall struct {
	typ, name, version                        node
	messageID, anonymousID, userID, channel   node
	timestamp, original, sentAt, receivedAt   node
	context, properties, traits               node
	pageName, category, previousID, groupID   node
	page, campaign, device, library, location node // of the context
}

func (s *segment) Decode(r *Record, out *Events) error {
	n, wrong := parse(r.Value)
	if wrong != nil {
		out.Refuse(wrong)
		return nil
	}
	batch := n.get("batch")
	if batch == nil {
		s.pick = picker{}
		s.call(r, n, node(nil), out)
		return nil
	}
	if !batch.isList() {
		out.Refuse(wrongType("batch", "a list", batch))
		return nil
	}
	batch.each(func(i int, call node) {
		out.From(call)
		s.pick = picker{}
		if !call.isObject() {
			out.Refuse(wrongType(fmt.Sprintf("batch[%d]", i), "an object", call))
			return
		}
		s.call(r, call, n, out)
	})
	return nil
}

// call reads one call. What a batch says for all of its calls counts where the call does not say it.
func (s *segment) call(r *Record, n, batch node, out *Events) {
	var c segmentCall
	c.read(n)
	if batch != nil {
		var all segmentCall
		all.read(batch)
		c.context, c.sentAt, c.receivedAt = first(c.context, all.context), first(c.sentAt, all.sentAt), first(c.receivedAt, all.receivedAt)
		c.channel, c.version = first(c.channel, all.channel), first(c.version, all.version)
	}
	c.context.members(func(key string, v node) {
		switch key {
		case "page":
			c.page = v
		case "campaign":
			c.campaign = v
		case "device":
			c.device = v
		case "library":
			c.library = v
		case "location":
			c.location = v
		}
	})
	p := &s.pick
	if version := p.text("version", c.version); !slices.Contains(segmentVersions, version) {
		p.refuse(event.UnknownVersion, "version", fmt.Sprintf("is %.64q, but this Afterclick knows versions 1, 1.1 and 2 of the tracking API: upgrade it, or send one of these", version))
	}
	typ := p.text("type", c.typ)
	name := typ
	switch typ {
	case "track":
		if name = p.text("event", c.name); name == "" {
			p.refuse(event.MissingField, "event", "is required with track: what was done, like Product Viewed")
		}
	case "page", "screen", "identify", "alias", "group":
	case "":
		p.refuse(event.MissingField, "type", "is required: track, page, screen, identify, alias or group")
	default:
		p.refuse(event.UnknownType, "type", fmt.Sprintf("%.64q is no call of the Segment spec, which are: track, page, screen, identify, alias, group", typ))
	}
	h := event.Header{ID: event.ID(p.text("messageId", c.messageID)), Time: s.time(r, &c), Source: event.Source(p.text("channel", c.channel))}
	if h.ID == "" {
		h.ID = contentID("segment", n)
	}
	begin := out.Len()
	s.tell(h, typ, name, &c, out)
	if p.wrong != nil {
		if out.Len() == begin {
			out.Refuse(p.wrong)
		} else {
			out.Spoil(p.wrong)
		}
	}
}

func (c *segmentCall) read(n node) {
	n.members(func(key string, v node) {
		switch key {
		case "type":
			c.typ = v
		case "event":
			c.name = v
		case "version":
			c.version = v
		case "messageId":
			c.messageID = v
		case "anonymousId":
			c.anonymousID = v
		case "userId":
			c.userID = v
		case "channel":
			c.channel = v
		case "timestamp":
			c.timestamp = v
		case "originalTimestamp":
			c.original = v
		case "sentAt":
			c.sentAt = v
		case "receivedAt":
			c.receivedAt = v
		case "context":
			c.context = v
		case "properties":
			c.properties = v
		case "traits":
			c.traits = v
		case "name":
			c.pageName = v
		case "category":
			c.category = v
		case "previousId":
			c.previousID = v
		case "groupId":
			c.groupID = v
		}
	})
}

// time returns when a call was made. With both timestamp and originalTimestamp the first has been corrected by the server for the
// device's clock. A raw call that says when it was received is corrected here as the spec does: timestamp = receivedAt − (sentAt −
// originalTimestamp). When the record was written does not help: it may have waited somewhere.
func (s *segment) time(r *Record, c *segmentCall) event.Time {
	p := &s.pick
	timestamp, original := p.time("timestamp", c.timestamp), p.time("originalTimestamp", c.original)
	sent, received := p.time("sentAt", c.sentAt), p.time("receivedAt", c.receivedAt)
	switch {
	case timestamp != 0 && original != 0:
		return timestamp
	case timestamp == 0 && original == 0:
		if received == 0 {
			received = r.Time
		}
		return received // the spec: when it arrived
	case timestamp == 0:
		timestamp = original
	}
	if sent >= timestamp && sent != 0 && received != 0 {
		return received - (sent - timestamp)
	}
	return timestamp
}

// tell adds what a call says: a click, an event of an order, an opinion.
func (s *segment) tell(h event.Header, typ, name string, c *segmentCall, out *Events) {
	own, mapped := s.types[name]
	order, isOrder := segmentOrders[name]
	if mapped {
		order, isOrder = own, slices.Contains(event.OrderTypes, own)
	}
	isOrder = isOrder && s.orders && (typ == "track" || mapped)
	review := s.reviews && typ == "track" && name == "Product Reviewed" && !mapped
	// An order that a server tells of, without a device, is no visit. So is what happens to an order later on.
	click := s.clicks && !(isOrder && (order != event.Placed || mapped || name == "Order Updated" || c.anonymousID.absent()))
	if click {
		s.click(h, typ, name, c, out)
	}
	if isOrder && s.pick.wrong == nil {
		s.order(h, order, name, click, c, out)
	}
	if review && s.pick.wrong == nil {
		s.review(h, click, c, out)
	}
	if !click && !isOrder && !review && s.pick.wrong == nil {
		what := "event"
		if typ != "track" {
			what = "type"
		}
		s.pick.refuse(event.UnknownType, what, fmt.Sprintf("%.64q is nothing that the topic is said to hold: let it hold clickstream, too, or send only such events there", name))
	}
}

func (s *segment) click(h event.Header, typ, name string, c *segmentCall, out *Events) {
	p, v := &s.pick, out.Click()
	v.Header = h
	v.Type = s.clickType(typ, name)
	v.Visitor, v.Customer = event.VisitorID(p.text("anonymousId", c.anonymousID)), event.CustomerID(p.text("userId", c.userID))
	if v.Visitor == "" && typ == "alias" {
		v.Visitor = event.VisitorID(p.text("previousId", c.previousID))
	}
	if v.Visitor == "" && v.Customer != "" {
		v.Visitor = "user:" + event.VisitorID(v.Customer) // a server knows no device
	}
	v.Session = event.SessionID(p.text("context.sessionId", c.context.get("sessionId")))
	props := c.properties
	var sku, price, quantity, value, total, revenue, address, referrer node
	props.members(func(key string, n node) {
		switch key {
		case "product_id":
			v.Product = event.ProductID(p.text("properties.product_id", n))
		case "sku":
			sku = n
		case "order_id":
			v.Order = event.OrderID(p.text("properties.order_id", n))
		case "step":
			v.Step = p.text("properties.step", n)
		case "currency":
			v.Currency = p.text("properties.currency", n)
		case "price":
			price = n
		case "quantity":
			quantity = n
		case "value":
			value = n
		case "total":
			total = n
		case "revenue":
			revenue = n
		case "url":
			address = n
		case "referrer":
			referrer = n
		}
	})
	if v.Product == "" {
		v.Product = event.ProductID(p.text("properties.sku", sku))
	}
	if v.Step == "" && name == "Payment Info Entered" {
		v.Step = "payment"
	}
	switch {
	case !first(value).absent():
		v.Value = p.number("properties.value", value)
	case !first(total).absent():
		v.Value = p.number("properties.total", total)
	case !first(revenue).absent():
		v.Value = p.number("properties.revenue", revenue)
	default:
		v.Value = p.number("properties.price", price)
		if n := p.number("properties.quantity", quantity); n > 0 {
			v.Value *= n
		}
	}
	if typ != "page" {
		address, referrer = nil, nil // of something else, maybe
	}
	v.URL = p.text("context.page.url", first(address, c.page.get("url")))
	v.Referrer = p.text("context.page.referrer", first(referrer, c.page.get("referrer")))
	v.URL = withCampaign(v.URL, c.campaignOf)
	v.UserAgent = p.text("context.userAgent", c.context.get("userAgent"))
	v.IP = p.text("context.ip", c.context.get("ip"))
	if v.Country, _ = c.location.get("country").text(); len(v.Country) != 2 {
		v.Country = countryCode(v.Country) // many write its name
	}
	if v.Country != "" {
		v.Region = p.text("context.location.region", c.location.get("region"))
	}
	s.rest.addMembers(props, "product_id", "order_id", "step", "currency", "value")
	if typeName(name) != v.Type {
		s.rest.addText("_event", name)
	}
	s.rest.add("_name", c.pageName)
	s.rest.add("_category", c.category)
	s.rest.add("_previous_id", c.previousID)
	s.rest.add("_group_id", c.groupID)
	s.rest.add("_traits", c.traits)
	s.restOfContext(c)
	v.Properties = s.rest.end(out)
}

// clickType returns the type of a call as a click.
func (s *segment) clickType(typ, name string) event.Type {
	if t, ok := s.types[name]; ok {
		return t
	}
	switch typ {
	case "page", "screen":
		return event.Page
	case "identify", "alias", "group":
		return event.Type(typ)
	}
	if t, ok := segmentTypes[name]; ok {
		return t
	}
	return typeName(name)
}

// restOfContext keeps what a context has and no field does. The address of the device is left out on purpose.
func (s *segment) restOfContext(c *segmentCall) {
	var context rest
	c.context.members(func(key string, v node) {
		switch key {
		case "ip", "userAgent", "sessionId":
		case "page":
			context.addObject(key, v, "url", "referrer", "path", "search")
		default:
			context.add(key, v)
		}
	})
	if len(context.b) > 0 {
		s.rest.add("_context", append(context.b, '}'))
	}
}

// order adds the event of an order. What the click has in its properties is not kept a second time.
func (s *segment) order(h event.Header, typ event.Type, name string, click bool, c *segmentCall, out *Events) {
	p, o := &s.pick, out.Order()
	o.Header, o.Type = h, typ
	if click {
		o.ID += ":placed"
	}
	o.Visitor, o.Customer = event.VisitorID(p.text("anonymousId", c.anonymousID)), event.CustomerID(p.text("userId", c.userID))
	o.Channel = c.orderChannel()
	props := c.properties
	o.Order = event.OrderID(p.text("properties.order_id", props.get("order_id")))
	o.Currency = p.text("properties.currency", props.get("currency"))
	o.Reason = p.text("properties.reason", props.get("reason"))
	amount := p.number("properties.total", first(props.get("total"), props.get("revenue"), props.get("value")))
	if typ == event.Refunded {
		o.Amount = amount
	} else {
		o.Total = amount
	}
	if products := props.get("products"); products.isList() && typ == event.Placed {
		products.each(func(i int, n node) { o.Items = append(o.Items, s.item(i, n)) })
	} else if !products.absent() && !products.isList() {
		p.mistyped("properties.products", "a list", products)
	}
	if !click {
		s.rest.addMembers(props, "order_id", "currency", "reason", "total")
		if name != "Order Completed" {
			s.rest.addText("_event", name)
		}
		s.restOfContext(c)
		o.Properties = s.rest.end(out)
	}
}

func (s *segment) item(i int, n node) (item event.Item) {
	p := &s.pick
	at := func(name string) string { return fmt.Sprintf("properties.products[%d].%s", i, name) }
	var sku node
	n.members(func(key string, v node) {
		switch key {
		case "product_id":
			item.Product = event.ProductID(p.text(at(key), v))
		case "sku":
			sku = v
		case "category":
			item.Category = p.text(at(key), v)
		case "brand":
			item.Brand = p.text(at(key), v)
		case "seller":
			item.Seller = p.text(at(key), v)
		case "quantity":
			item.Quantity = p.number(at(key), v)
		case "price":
			item.Price = p.number(at(key), v)
		}
	})
	if item.Product == "" {
		item.Product = event.ProductID(p.text(at("sku"), sku))
	}
	return item
}

// orderChannel is where it was ordered, if the call tells.
func (c *segmentCall) orderChannel() string {
	library, _ := c.library.get("name").text()
	channel, _ := c.channel.text()
	for _, app := range []string{"ios", "android", "swift", "kotlin", "flutter", "react-native", "react_native", "xamarin", "cordova", "unity"} {
		if strings.Contains(strings.ToLower(library), app) {
			return "app"
		}
	}
	switch {
	case channel == "mobile":
		return "app"
	case channel == "web", !c.page.absent():
		return "web"
	}
	return ""
}

func (s *segment) review(h event.Header, click bool, c *segmentCall, out *Events) {
	p, v, props := &s.pick, out.Review(), c.properties
	v.Header, v.Type = h, event.Posted
	if click {
		v.ID += ":posted"
	}
	v.Review = event.ReviewID(p.text("properties.review_id", props.get("review_id")))
	v.Order = event.OrderID(p.text("properties.order_id", props.get("order_id")))
	v.Customer = event.CustomerID(p.text("userId", c.userID))
	v.Text = p.text("properties.review_body", props.get("review_body"))
	v.Title = p.text("properties.review_title", props.get("review_title"))
	v.Rating = p.number("properties.rating", props.get("rating"))
	if product := p.text("properties.product_id", first(props.get("product_id"), props.get("sku"))); product != "" {
		v.Subjects = append(v.Subjects, event.Subject{Kind: event.SubjectProduct, ID: product})
	}
	if !click {
		s.rest.addMembers(props, "review_id", "order_id", "review_body", "review_title", "rating", "product_id")
		s.restOfContext(c)
		v.Properties = s.rest.end(out)
	}
}

// campaignOf calls f for each part of the campaign that the tracker has found.
func (c *segmentCall) campaignOf(f func(name, value string)) {
	c.campaign.members(func(key string, v node) {
		if key == "name" {
			key = "campaign"
		}
		if value, ok := v.text(); ok && slices.Contains([]string{"campaign", "source", "medium", "term", "content"}, key) {
			f(key, value)
		}
	})
}

// withCampaign writes the campaign that a tracker has taken apart into a URL that does not have it any more: there everybody looks for it.
func withCampaign(page string, parts func(f func(name, value string))) string {
	if page == "" || strings.Contains(page, "utm_") {
		return page
	}
	var query []string
	parts(func(name, value string) {
		if value != "" {
			query = append(query, "utm_"+name+"="+url.QueryEscape(value))
		}
	})
	if len(query) == 0 {
		return page
	}
	page, fragment, hasFragment := strings.Cut(page, "#")
	separator := "?"
	if strings.Contains(page, "?") {
		separator = "&"
	}
	if page += separator + strings.Join(query, "&"); hasFragment {
		page += "#" + fragment
	}
	return page
}

// segmentFields are where our fields come from.
var segmentFields = map[string]string{
	"id": "messageId", "type": "event", "time": "timestamp", "source": "channel", "visitor": "anonymousId", "customer": "userId",
	"session": "context.sessionId", "url": "context.page.url", "referrer": "context.page.referrer", "user_agent": "context.userAgent", "ip": "context.ip", "region": "context.location.region",
	"product": "properties.product_id", "order": "properties.order_id", "step": "properties.step", "value": "properties.value",
	"currency": "properties.currency", "total": "properties.total", "amount": "properties.total", "reason": "properties.reason", "items": "properties.products",
	"review": "properties.review_id", "rating": "properties.rating", "text": "properties.review_body", "title": "properties.review_title", "subjects": "properties.product_id",
}

func (s *segment) Theirs(kind event.Topic, field string) string {
	if i, rest, ok := strings.Cut(field, "]."); ok && strings.HasPrefix(i, "items[") {
		if rest == "product" {
			rest = "product_id"
		}
		return "properties.products" + i[len("items"):] + "]." + rest
	}
	return segmentFields[field]
}
