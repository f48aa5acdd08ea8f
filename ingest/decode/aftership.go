package decode

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/afterclick/afterclick/schemas/event"
)

// aftershipDefinition reads webhooks of AfterShip Tracking: https://www.aftership.com/docs/tracking/webhook. Each has all checkpoints of
// a parcel so far: ids are made of what a checkpoint says, so that those told before are duplicates.
var aftershipDefinition = definition{
	name:    "aftership",
	holds:   []event.Topic{event.Deliveries, event.Orders},
	several: true,
	options: []string{OptionFields, OptionStatuses, OptionZone},
	open: func(o *Options) (func() Format, error) {
		t, err := openTracker(o, aftershipStages)
		if err != nil {
			return nil, err
		}
		return func() Format { return &aftership{tracker: t} }, nil
	},
}

// aftershipStages are by subtag (https://www.aftership.com/docs/tracking/enum/delivery-sub-statuses), and by tag for all others.
var aftershipStages = mustStages(map[string]string{
	"Pending":            ignored,
	"InfoReceived":       "packed",
	"InTransit":          "in_transit",
	"InTransit_002":      "handed_over", // acceptance scan
	"OutForDelivery":     "out_for_delivery",
	"AvailableForPickup": "out_for_delivery",
	"AttemptFail":        "attempted",
	"Delivered":          "delivered",
	"Exception":          "late",
	"Exception_002":      "attempted", // the customer has moved
	"Exception_003":      "refused",
	"Exception_007":      "attempted", // wrong address
	"Exception_008":      "attempted", // not picked up
	"Exception_010":      "refused",   // returning to sender
	"Exception_011":      "refused",   // returned to sender
	"Exception_012":      "damaged",
	"Exception_013":      "lost",
	"Expired":            ignored,
})

// tracker is what formats of trackers share.
type tracker struct {
	statuses
	order       string // its path, if the config says so
	path        []step // the same
	zone        *time.Location
	holdsOrders bool
}

func openTracker(o *Options, ours map[string]stage) (*tracker, error) {
	t := &tracker{holdsOrders: slices.Contains(o.Holds, event.Orders)}
	if !slices.Contains(o.Holds, event.Deliveries) {
		return nil, errors.New("holds: must have deliveries: orders are only beside them")
	}
	var err error
	if t.statuses.theirs, err = stages(o.Statuses); err != nil {
		return nil, err
	}
	if t.zone, err = zoneOf(o); err != nil {
		return nil, err
	}
	t.statuses.ours = ours
	for _, name := range slices.Sorted(maps.Keys(o.Fields)) {
		if name != "order" {
			return nil, fmt.Errorf("%s: %s: this format knows where it is; only order can be said", OptionFields, name)
		}
		t.order = o.Fields[name]
		if t.path, err = pathOf(name, t.order); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// zoneOf is the zone of times that come without one.
func zoneOf(o *Options) (*time.Location, error) {
	zone, err := time.LoadLocation(o.Zone) // of nothing it is UTC
	if err != nil || o.Zone == "Local" {
		return nil, fmt.Errorf("%s: %q is no time zone, like Europe/Berlin", OptionZone, o.Zone)
	}
	return zone, nil
}

type aftership struct {
	*tracker
	msg shallow
}

func (f *aftership) Decode(r *Record, out *Events) error {
	root, refused := parse(r.Value)
	if refused != nil {
		out.Refuse(refused)
		return nil
	}
	name := "msg"
	msg := root.get(name)
	if msg.absent() {
		name = "data"
		msg = root.get(name)
	}
	if !msg.isObject() {
		out.Refuse(refusal(event.BadRecord, "has no msg: this is no webhook of AfterShip Tracking"))
		return nil
	}
	f.msg.fill(msg)
	var p parcel
	if p, refused = f.parcel(root, name); refused != nil {
		out.Refuse(refused)
		return nil
	}
	f.msg["checkpoints"].each(func(i int, c node) {
		out.From(c)
		f.checkpoint(out, &p, c, fmt.Sprintf("%s.checkpoints[%d]", name, i))
	})
	out.From(nil)
	said := f.said(root, r.Time)
	status := f.msg.text("tag")
	if status != "Delivered" {
		f.estimate(out, &p, name, said)
	}
	f.promise(out, &p, name, said)
	p.nothing(out, status)
	return nil
}

func (f *aftership) parcel(root node, name string) (p parcel, refused *event.Refusal) {
	if p.order, refused = f.orderOf(root, f.msg["order_id"], "$."+name+".order_id"); refused != nil {
		return p, refused
	}
	p.carrier, p.number, p.region = f.msg.text("slug"), f.msg.text("tracking_number"), f.msg.text("destination_state")
	country, _ := f.msg.first("destination_country_region", "destination_country_iso3", "courier_destination_country_region", "courier_destination_country_iso3").text()
	p.country = alpha2(country)
	p.back, p.holdsOrders = f.msg.text("shipment_direction") == "return", f.holdsOrders
	return p, nil
}

// orderOf finds the order that a tracker is of: where the config says, or as usual.
func (t *tracker) orderOf(root, usual node, usually string) (event.OrderID, *event.Refusal) {
	n, path := usual, usually
	if t.path != nil {
		n, path = root.follow(t.path), t.order
	}
	s, ok := n.text()
	if !ok || s == "" {
		return "", &event.Refusal{Reason: event.Unplaceable, Field: path, Detail: "names no order, so no journey can have it: " +
			"the option fields says where the order's id is, as in fields: {order: " + path + "}"}
	}
	return event.OrderID(s), nil
}

// said is when the webhook was made: what it says about the future holds since then.
func (f *aftership) said(root node, source event.Time) event.Time {
	if t, err := f.msg["updated_at"].time(); err == nil && t != 0 {
		return t
	}
	if seconds, ok := root.get("ts").number(); ok && seconds > 0 && seconds < 1e11 {
		return event.Time(seconds * 1000)
	}
	return source
}

func (f *aftership) checkpoint(out *Events, p *parcel, c node, path string) {
	if !c.isObject() {
		out.Refuse(wrongType(path, "an object", c))
		return
	}
	tag, _ := c.get("tag").text()
	subtag, _ := c.get("subtag").text()
	s, known := f.find(subtag, tag)
	if !known {
		out.Refuse(unknownStatus(path+".tag", tag))
		return
	}
	told, _ := c.get("checkpoint_time").text()
	at, zoned, err := carrierTime(c.get("checkpoint_time"), f.zone)
	if err != nil {
		out.Refuse(&event.Refusal{Reason: event.WrongType, Field: path + ".checkpoint_time", Detail: err.Error()})
		return
	}
	// A clock east of the zone is ahead of it. What AfterShip has seen has happened.
	if seen, err := c.get("created_at").time(); err == nil && !zoned && seen != 0 {
		at = min(at, seen)
	}
	message, _ := c.get("message").text()
	location, _ := firstMember(c, "location", "city").text()
	carrier := *p
	if slug, _ := c.get("slug").text(); slug != "" {
		carrier.carrier = slug
	}
	carrier.event(out, s, at, message, c, told, subtag, tag, message, location)
}

func (f *aftership) estimate(out *Events, p *parcel, name string, said event.Time) {
	for _, key := range []string{"latest_estimated_delivery", "expected_delivery", "courier_estimated_delivery_date", "aftership_estimated_delivery_date",
		"custom_estimated_delivery_date"} {
		n := dateOf(f.msg[key])
		if n.absent() || string(n) == `""` {
			continue
		}
		by, _, err := carrierTime(n, f.zone)
		if err != nil {
			out.Refuse(&event.Refusal{Reason: event.WrongType, Field: name + "." + key, Detail: err.Error()})
			return
		}
		p.estimate(out, by, said)
		return
	}
}

// dateOf returns a date, or the later end of a range of dates.
func dateOf(n node) node {
	if n.isObject() {
		return firstMember(n, "datetime_max", "datetime", "estimated_delivery_date_max", "estimated_delivery_date")
	}
	return n
}

// promise tells what the shop has told AfterShip that it promised.
func (f *aftership) promise(out *Events, p *parcel, name string, said event.Time) {
	const key = "order_promised_delivery_date"
	n := dateOf(f.msg.first(key, "promised_delivery_date"))
	if n.absent() || !f.holdsOrders || p.back {
		return
	}
	by, _, err := carrierTime(n, f.zone)
	if err != nil {
		out.Refuse(&event.Refusal{Reason: event.WrongType, Field: name + "." + key, Detail: err.Error()})
		return
	}
	at, _, err := carrierTime(f.msg.first("order_date", "created_at"), f.zone)
	if err != nil || at == 0 {
		at = said
	}
	o := out.Order()
	o.Header = event.Header{ID: madeID(string(p.order), string(event.Promised), by.String(), at.String()), Type: event.Promised, Time: at}
	o.Order, o.Promise = p.order, by
}
