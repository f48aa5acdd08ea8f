package decode

import (
	"fmt"
	"strings"
	"time"

	"github.com/afterclick/afterclick/schemas/event"
)

// easypostDefinition reads events of EasyPost about trackers, https://docs.easypost.com/docs/trackers, as its webhooks have them, or the
// trackers alone. Each has all details so far: ids are made of what a detail says, so that those told before are duplicates.
var easypostDefinition = definition{
	name:    "easypost",
	holds:   []event.Topic{event.Deliveries, event.Orders},
	several: true,
	options: []string{OptionFields, OptionStatuses, OptionZone},
	open: func(o *Options) (func() Format, error) {
		t, err := openTracker(o, easypostStages)
		if err != nil {
			return nil, err
		}
		return func() Format { return &easypost{tracker: t} }, nil
	},
}

// easypostStages are by status.
var easypostStages = mustStages(map[string]string{
	"unknown":              ignored,
	"pre_transit":          "packed",
	"in_transit":           "in_transit",
	"out_for_delivery":     "out_for_delivery",
	"available_for_pickup": "out_for_delivery",
	"delivered":            "delivered",
	"return_to_sender":     "refused",
	"failure":              "late",
	"cancelled":            ignored,
	"error":                ignored,
})

// easypostDetails say more than their status. A detail that is the name of a status, too, says less: "unknown" is how many scans on the
// way are detailed.
var easypostDetails = mustStages(map[string]string{
	"label_created":               "packed",
	"received_at_origin_facility": "handed_over",
	"arrived_at_pickup_location":  "out_for_delivery",
	"address_correction":          "late",
	"awaiting_information":        "late",
	"delayed":                     "late",
	"delivery_exception":          "late",
	"held":                        "late",
	"missorted":                   "late",
	"transit_exception":           "late",
	"weather_delay":               "late",
	"damaged":                     "damaged",
	"lost":                        "lost",
	"refused":                     "refused",
	"return":                      "refused",
})

type easypost struct {
	*tracker
	result shallow
}

func (f *easypost) Decode(r *Record, out *Events) error {
	root, refused := parse(r.Value)
	if refused != nil {
		out.Refuse(refused)
		return nil
	}
	name, tracker := "result.", root.get("result")
	if object, _ := root.get("object").text(); object == "Tracker" {
		name, tracker = "", root
	}
	if object, _ := tracker.get("object").text(); object != "Tracker" {
		description, _ := root.get("description").text()
		out.Refuse(&event.Refusal{Reason: event.UnknownType, Field: "result.object", Detail: fmt.Sprintf(
			"%.64q is no Tracker: this is no event about a parcel's way (%.64q); the webhook should be sent tracker.created and tracker.updated alone", object, description)})
		return nil
	}
	f.result.fill(tracker)
	var p parcel
	if p, refused = f.parcel(root, name); refused != nil {
		out.Refuse(refused)
		return nil
	}
	f.result["tracking_details"].each(func(i int, d node) {
		out.From(d)
		f.detail(out, &p, d, fmt.Sprintf("%stracking_details[%d]", name, i))
	})
	out.From(nil)
	status := f.result.text("status")
	if status != "delivered" {
		f.estimate(out, &p, root, name, r.Time)
	}
	p.nothing(out, status)
	return nil
}

func (f *easypost) parcel(root node, name string) (p parcel, refused *event.Refusal) {
	if p.order, refused = f.orderOf(root, f.result["reference"], "$."+name+"reference"); refused != nil {
		refused.Detail += "; a tracker names no order by itself, so whoever writes the topic adds it"
		return p, refused
	}
	p.carrier, p.number = f.result.text("carrier"), f.result.text("tracking_code")
	to := f.result["carrier_detail"].get("destination_tracking_location")
	p.country, _ = to.get("country").text()
	p.region, _ = to.get("state").text()
	p.back, p.holdsOrders = string(f.result["is_return"]) == "true", f.holdsOrders
	return p, nil
}

func (f *easypost) detail(out *Events, p *parcel, d node, path string) {
	if !d.isObject() {
		out.Refuse(wrongType(path, "an object", d))
		return
	}
	status, _ := d.get("status").text()
	more, _ := d.get("status_detail").text()
	s, known := f.stage(status, more)
	if !known {
		out.Refuse(unknownStatus(path+".status", status))
		return
	}
	told, _ := d.get("datetime").text()
	at, _, err := carrierTime(d.get("datetime"), f.zone)
	if err != nil {
		out.Refuse(&event.Refusal{Reason: event.WrongType, Field: path + ".datetime", Detail: err.Error()})
		return
	}
	message, _ := firstMember(d, "message", "description").text()
	city, _ := d.get("tracking_location", "city").text()
	p.event(out, s, at, message, d, told, status, more, message, city)
}

// stage is what a detail says, or else what its status says. What is delivered is delivered.
func (f *easypost) stage(status, detail string) (stage, bool) {
	if _, same := easypostStages[detail]; !same && status != "delivered" {
		if s, ok := f.find(detail); ok {
			return s, true
		}
		if s, ok := easypostDetails[detail]; ok {
			return s, true
		}
	}
	return f.find(status)
}

// estimate takes the day on the recipient's clock where the carrier tells it. est_delivery_date at midnight is a day, too.
func (f *easypost) estimate(out *Events, p *parcel, root node, name string, source event.Time) {
	key := "carrier_detail.est_delivery_date_local"
	n := f.result["carrier_detail"].get("est_delivery_date_local")
	if n.isString() {
		if clock, _ := f.result["carrier_detail"].get("est_delivery_time_local").text(); clock != "" {
			n = node(`"` + strings.Trim(string(n), `"`) + "T" + clock + `"`)
		}
	} else {
		key, n = "est_delivery_date", f.result["est_delivery_date"]
	}
	by, zoned, err := carrierTime(n, f.zone)
	if err != nil {
		out.Refuse(&event.Refusal{Reason: event.WrongType, Field: name + key, Detail: err.Error()})
		return
	}
	if day := 24 * time.Hour.Milliseconds(); zoned && by != 0 && int64(by)%day == 0 {
		by += event.Time(day - 1)
	}
	said := source
	for _, at := range []node{f.result["updated_at"], root.get("created_at")} {
		if t, err := at.time(); err == nil && t != 0 {
			said = t
			break
		}
	}
	p.estimate(out, by, said)
}
