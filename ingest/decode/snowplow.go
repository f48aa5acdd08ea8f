package decode

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/schemas/event"
)

// snowplowDefinition is Snowplow's enriched events, as its pipeline writes them to the topic of good events: tab-separated, or as the JSON
// that its analytics SDKs make of that. A transaction is also an order that was placed, and a refund an order's, if the topic is said to
// hold orders, too.
var snowplowDefinition = definition{
	name:    "snowplow",
	holds:   []event.Topic{event.Clickstream, event.Orders},
	several: true,
	open: func(o *Options) (func() Format, error) {
		orders := slices.Contains(o.Holds, event.Orders)
		return func() Format { return &snowplow{orders: orders} }, nil
	},
}

type snowplow struct {
	orders       bool
	row          snowplowRow
	act          snowplowAct
	itemCurrency string // of the first product
	buf          []byte
}

func (d *snowplow) Decode(r *Record, out *Events) error {
	row := &d.row
	row.reset()
	d.act = snowplowAct{items: emptied(d.act.items)}
	value := bytes.TrimLeft(r.Value, " \r\n")
	switch {
	case len(value) == 0:
		row.refuse(event.BadRecord, "", "the record is empty (a tombstone?); an enriched event is tab-separated text or a JSON object")
	case value[0] == '{':
		row.fromJSON(r.Value)
	default:
		row.fromTSV(r.Value)
	}
	if row.refused == nil {
		d.events(out)
	}
	if row.refused != nil {
		out.Refuse(row.refused)
	}
	return nil
}

// events adds the click, and what else the event says.
func (d *snowplow) events(out *Events) {
	row, act := &d.row, &d.act
	c := event.Click{URL: row.columns[spURL], Referrer: row.columns[spReferrer], UserAgent: row.columns[spAgent], Country: row.columns[spCountry]}
	c.ID, c.Source = event.ID(row.columns[spEventID]), event.Source(row.columns[spApp])
	c.Time = row.when()
	d.who(&c)
	d.what()
	if row.refused != nil {
		return
	}
	c.Type, c.Product, c.Order, c.Step = act.typ, act.product, act.order, act.step
	c.Value, c.Currency = act.value, act.currency
	c.Properties = d.properties(out)
	*out.Click() = c
	if !d.orders || act.placed == "" {
		return
	}
	o := out.Order()
	o.Header = c.Header
	o.ID, o.Type = c.ID+":"+event.ID(act.placed), act.placed
	o.Order, o.Customer, o.Visitor, o.Currency = act.order, c.Customer, c.Visitor, act.currency
	if act.placed == event.Refunded {
		o.Amount, o.Reason = act.value, act.reason
		return
	}
	o.Channel, o.Total = snowplowChannel[row.columns[spPlatform]], act.value
	o.Items = append(o.Items, act.items...)
}

// snowplowChannel is where an order was placed, by Snowplow's platform.
var snowplowChannel = map[string]string{"web": "web", "mob": "app", "app": "app"}

// when is the time of the event: derived_tstamp, or what Snowplow makes it of.
// https://docs.snowplow.io/docs/events/timestamps/
func (row *snowplowRow) when() event.Time {
	for _, c := range []snowplowColumn{spDerived, spTrue} {
		if t := row.time(c); t != 0 {
			return t
		}
	}
	collected, created, sent := row.time(spCollected), row.time(spCreated), row.time(spSent)
	switch {
	case collected == 0:
		return created
	case created != 0 && sent >= created:
		return collected - (sent - created) // the device's clock may be wrong, its difference is right
	}
	return collected
}

// who fills in visitor, customer and session.
func (d *snowplow) who(c *event.Click) {
	row := &d.row
	visitor, session, customer := row.columns[spDomainUser], row.columns[spDomainSession], row.columns[spUser]
	for i := range row.contexts {
		e := &row.contexts[i]
		switch snowplowSchemas[e.name] {
		case clientSession: // of the mobile trackers, which have no domain
			row.known(e)
			visitor = cmp.Or(visitor, row.text(e, "userId"))
			session = cmp.Or(session, row.text(e, "sessionId"))
		case shopUser:
			row.known(e)
			customer = cmp.Or(customer, row.text(e, "id"))
		}
	}
	visitor = cmp.Or(visitor, row.columns[spNetworkUser])
	c.Visitor, c.Session, c.Customer = event.VisitorID(visitor), event.SessionID(session), event.CustomerID(customer)
	if visitor == "" {
		row.refuse(event.MissingField, "domain_userid", "names no visitor: neither domain_userid, nor userId of a client_session, nor network_userid is set")
	}
}

// properties are the columns that are kept, the event's own data, and its contexts, under the names of the JSON form.
func (d *snowplow) properties(out *Events) json.RawMessage {
	row := &d.row
	b := append(d.buf[:0], '{')
	for _, c := range snowplowKept {
		if row.columns[c] != "" {
			b = append(append(append(b, '"'), snowplowColumns[c]...), `":`...)
			b = append(row.appendColumn(b, c), ',')
		}
	}
	if row.unstruct.data != nil {
		b = append(appendKey(append(b, '"'), "unstruct_event_", &row.unstruct), `":`...)
		b = append(append(b, row.unstruct.data...), ',')
	}
	order := func(a, b snowplowEntity) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.model, b.model))
	}
	slices.SortStableFunc(row.contexts, order) // those of one schema stand in one list
	for i := range row.contexts {
		e := &row.contexts[i]
		if i > 0 && order(row.contexts[i-1], *e) == 0 {
			b[len(b)-2] = ',' // instead of the end of the list
			b = append(append(b[:len(b)-1], e.data...), `],`...)
			continue
		}
		b = append(appendKey(append(b, '"'), "contexts_", e), `":[`...)
		b = append(append(b, e.data...), `],`...)
	}
	d.buf = b
	if len(b) == 1 {
		return nil
	}
	b[len(b)-1] = '}'
	return out.Copy(b)
}

// appendKey appends the key that an entity has in the JSON form: contexts_com_acme_basket_item_1.
func appendKey(b []byte, prefix string, e *snowplowEntity) []byte {
	b = append(b, prefix...)
	for i := 0; i < len(e.name); i++ {
		c := e.name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			if last := b[len(b)-1]; last != '_' {
				b = append(b, '_')
			}
			c += 'a' - 'A'
		case c < '0' || c > '9' && c < 'a' || c > 'z':
			c = '_'
		}
		b = append(b, c)
	}
	if e.model != "" {
		b = append(append(b, '_'), e.model...)
	}
	return b
}

// Theirs names our fields as Snowplow does.
func (d *snowplow) Theirs(kind event.Topic, field string) string {
	return snowplowTheirs[field]
}

var snowplowTheirs = map[string]string{"id": "event_id", "time": "derived_tstamp", "type": "event", "visitor": "domain_userid", "customer": "user_id",
	"session": "domain_sessionid", "url": "page_url", "referrer": "page_referrer", "user_agent": "useragent", "country": "geo_country", "source": "app_id"}

// typeOfForeign is the type of an event that is not ours to interpret: its own name, with its vendor in front if that would be taken for one of
// our types.
func typeOfForeign(vendor, name string) event.Type {
	if slices.Contains(event.ClickTypes, event.Type(name)) {
		name = vendor + "/" + name
	}
	return event.Type(name)
}

// stepOf is the name of a step of the checkout that has a number.
func stepOf(n float64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}
