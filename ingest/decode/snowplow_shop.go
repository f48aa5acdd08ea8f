package decode

import (
	"strings"

	"github.com/afterclick/afterclick/schemas/event"
)

// snowplowSchema is a schema whose data is interpreted.
type snowplowSchema int

const (
	foreign       snowplowSchema = iota
	clientSession                // of the mobile trackers: who, and which session
	screenView
	addToCart // the first generation of e-commerce events
	removeFromCart
	siteSearch
	shopAction // Snowplow Ecommerce, and its entities
	shopProduct
	shopCheckoutStep
	shopTransaction
	shopRefund
	shopUser
	gaAction // Google's enhanced e-commerce, and its entities
	gaActionField
	gaProductField
)

// snowplowSchemas are the schemas that are interpreted, by vendor/name and by the key that the JSON form makes of that.
var snowplowSchemas = func() map[string]snowplowSchema {
	const snowplow, shop, ga = "com.snowplowanalytics.snowplow/", "com.snowplowanalytics.snowplow.ecommerce/", "com.google.analytics.enhanced-ecommerce/"
	m := map[string]snowplowSchema{
		snowplow + "client_session": clientSession, "com.snowplowanalytics.mobile/screen_view": screenView,
		snowplow + "add_to_cart": addToCart, snowplow + "remove_from_cart": removeFromCart, snowplow + "site_search": siteSearch,
		shop + "snowplow_ecommerce_action": shopAction, shop + "product": shopProduct, shop + "checkout_step": shopCheckoutStep,
		shop + "transaction": shopTransaction, shop + "refund": shopRefund, shop + "user": shopUser,
		ga + "action": gaAction, ga + "actionFieldObject": gaActionField, ga + "productFieldObject": gaProductField,
	}
	keys := map[string]snowplowSchema{}
	for name, s := range m {
		keys[name] = s
		keys[string(appendKey(nil, "", &snowplowEntity{name: name}))] = s
	}
	return keys
}()

// snowplowAct is what a visitor did.
type snowplowAct struct {
	typ      event.Type
	product  event.ProductID
	order    event.OrderID
	step     string
	value    float64
	currency string
	items    []event.Item
	placed   event.Type // what it says about an order, too: placed, refunded
	reason   string     // of a refund
}

// what finds out what the visitor did.
func (d *snowplow) what() {
	row, act := &d.row, &d.act
	switch e := row.columns[spEvent]; e {
	case "":
		row.refuse(event.MissingField, "event", "is required: page_view, page_ping, struct, unstruct, transaction or transaction_item")
	case "page_view":
		act.typ = event.Page
	case "unstruct":
		d.unstruct()
	case "transaction":
		act.typ, act.placed = event.CheckoutCompleted, event.Placed
		act.order, act.value, act.currency = event.OrderID(row.columns[spTrOrder]), row.number(spTrTotal), row.columns[spTrCurrency]
		d.needOrder("tr_orderid")
	case "transaction_item":
		act.typ = "transaction_item"
		act.order, act.product = event.OrderID(row.columns[spTiOrder]), event.ProductID(row.columns[spTiSKU])
		act.value, act.currency = row.number(spTiPrice)*max(row.number(spTiQuantity), 1), row.columns[spTiCurrency]
	default:
		act.typ = typeOfForeign("snowplow", e) // page_ping, struct
	}
}

// unstruct reads a self-describing event.
func (d *snowplow) unstruct() {
	row, act, e := &d.row, &d.act, &d.row.unstruct
	if e.data == nil { // a form that drops the data of events it does not know, or a field that was removed
		e = &snowplowEntity{field: "event_version", index: -1, name: row.columns[spEventVendor] + "/" + row.columns[spEventName]}
		e.model, _, _ = strings.Cut(row.columns[spEventVersion], "-")
	}
	schema := snowplowSchemas[e.name]
	if schema != foreign {
		row.known(e)
		if e.data == nil {
			row.refuse(event.MissingField, "unstruct_event", "is required with an event of %.100s: it has what happened", e.name)
		}
	}
	switch schema {
	case screenView:
		act.typ = event.Page
	case addToCart, removeFromCart:
		act.typ = event.CartAdded
		if schema == removeFromCart {
			act.typ = event.CartRemoved
		}
		d.item(e, "sku", "unit_price")
		d.ofItems()
	case siteSearch:
		act.typ = event.Search
	case shopAction:
		d.entities(shopProduct)
		d.shopAction(row.text(e, "type"), e)
	case gaAction:
		d.entities(gaProductField)
		d.gaAction(row.text(e, "action"))
	default:
		name := row.columns[spEventName]
		if name == "" {
			name = e.name[strings.LastIndexByte(e.name, '/')+1:]
		}
		if name == "" {
			row.refuse(event.MissingField, "unstruct_event", "neither it nor event_name says what happened")
		}
		act.typ = typeOfForeign(row.columns[spEventVendor], name)
	}
}

// shopAction reads an action of Snowplow Ecommerce:
// https://docs.snowplow.io/docs/sources/trackers/web-trackers/tracking-events/ecommerce/
func (d *snowplow) shopAction(action string, e *snowplowEntity) {
	row, act := &d.row, &d.act
	switch action {
	case "":
		row.refuse(event.MissingField, e.of("type"), "is required: it says what happened")
	case "product_view":
		act.typ = event.Product
		d.ofItems()
	case "list_view":
		act.typ = event.ProductList
	case "add_to_cart":
		act.typ = event.CartAdded
		d.ofItems()
	case "remove_from_cart":
		act.typ = event.CartRemoved
		d.ofItems()
	case "list_click":
		act.typ = "list_click"
		d.ofItems()
	case "checkout_step":
		if step := d.find(shopCheckoutStep); step != nil {
			act.step = stepOf(row.amount(step, "step"))
		}
		act.typ = event.CheckoutStep
		if act.step == "1" {
			act.typ = event.CheckoutStarted
		}
	case "transaction":
		act.typ, act.placed = event.CheckoutCompleted, event.Placed
		if t := d.find(shopTransaction); t != nil {
			act.order, act.value, act.currency = event.OrderID(row.text(t, "transaction_id")), row.amount(t, "revenue"), row.text(t, "currency")
		}
		d.needOrder("contexts: transaction_id of the transaction")
	case "refund":
		act.typ, act.placed = "refund", event.Refunded
		if t := d.find(shopRefund); t != nil {
			act.order, act.value, act.currency = event.OrderID(row.text(t, "transaction_id")), row.amount(t, "refund_amount"), row.text(t, "currency")
			act.reason = row.text(t, "refund_reason")
		}
		d.needOrder("contexts: transaction_id of the refund")
	default: // promo_view, promo_click, trns_error, and those to come
		act.typ = typeOfForeign("com.snowplowanalytics.snowplow.ecommerce", action)
	}
}

// gaAction reads an action of Google's enhanced e-commerce, as Snowplow's web tracker sent it before it had its own.
func (d *snowplow) gaAction(action string) {
	row, act := &d.row, &d.act
	field := d.find(gaActionField)
	if field == nil {
		field = &snowplowEntity{}
	}
	order := func() {
		act.order, act.value = event.OrderID(row.text(field, "id")), row.amount(field, "revenue")
		act.currency = row.text(field, "currency")
		if act.currency == "" && len(act.items) > 0 {
			act.currency = d.itemCurrency
		}
	}
	switch action {
	case "detail":
		act.typ = event.Product
		d.ofItems()
	case "add":
		act.typ = event.CartAdded
		d.ofItems()
	case "remove":
		act.typ = event.CartRemoved
		d.ofItems()
	case "checkout", "checkout_option":
		act.typ, act.step = event.CheckoutStep, stepOf(row.amount(field, "step"))
		if act.step == "1" && action == "checkout" {
			act.typ = event.CheckoutStarted
		}
	case "purchase":
		act.typ, act.placed = event.CheckoutCompleted, event.Placed
		order()
		d.needOrder("contexts: id of the actionFieldObject")
	case "refund":
		act.typ, act.placed = "refund", event.Refunded
		order()
		d.needOrder("contexts: id of the actionFieldObject")
	default: // click, view, promo_click
		act.typ = "enhanced_ecommerce"
		if action != "" {
			act.typ = event.Type("enhanced_ecommerce_" + action)
		}
	}
}

// find returns the first entity of a schema, or nil.
func (d *snowplow) find(schema snowplowSchema) *snowplowEntity {
	for i := range d.row.contexts {
		if e := &d.row.contexts[i]; snowplowSchemas[e.name] == schema {
			d.row.known(e)
			return e
		}
	}
	return nil
}

// entities reads all products.
func (d *snowplow) entities(schema snowplowSchema) {
	for i := range d.row.contexts {
		if e := &d.row.contexts[i]; snowplowSchemas[e.name] == schema {
			d.row.known(e)
			d.item(e, "id", "price")
		}
	}
}

// item reads a product.
func (d *snowplow) item(e *snowplowEntity, id, price string) {
	row := &d.row
	d.act.items = append(d.act.items, event.Item{Product: event.ProductID(row.text(e, id)), Category: row.text(e, "category"), Brand: row.text(e, "brand"),
		Quantity: row.amount(e, "quantity"), Price: row.amount(e, price)})
	if len(d.act.items) == 1 {
		d.itemCurrency = row.text(e, "currency")
	}
}

// ofItems makes the first product the click's own; its value is that of all.
func (d *snowplow) ofItems() {
	act := &d.act
	if len(act.items) == 0 {
		return
	}
	act.product, act.currency = act.items[0].Product, d.itemCurrency
	for _, i := range act.items {
		act.value += i.Price * max(i.Quantity, 1)
	}
}

// needOrder refuses what says that something became of an order and does not name it.
func (d *snowplow) needOrder(field string) {
	if d.act.order == "" {
		d.row.refuse(event.MissingField, field, "is required: it is what joins the visit to the order")
	}
}
