package decode

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/afterclick/afterclick/schemas/event"
)

// deliveryDefinition reads what any carrier writes, an event a record: the config says where the fields are, and what the carrier's codes
// mean.
var deliveryDefinition = definition{
	name:    "delivery",
	holds:   []event.Topic{event.Deliveries},
	options: []string{OptionFields, OptionStatuses, OptionZone},
	open: func(o *Options) (func() Format, error) {
		f := delivery{paths: map[string][]step{}, fields: o.Fields}
		for _, name := range slices.Sorted(maps.Keys(o.Fields)) {
			if !slices.Contains(deliveryFields, name) {
				return nil, fmt.Errorf("%s: %q is no field of a delivery, which are: %s", OptionFields, name, strings.Join(deliveryFields, ", "))
			}
			var err error
			if f.paths[name], err = pathOf(name, o.Fields[name]); err != nil {
				return nil, err
			}
		}
		for _, name := range []string{"order", "status", "time"} {
			if o.Fields[name] == "" {
				return nil, fmt.Errorf("%s: must say where %s is, as in {%s: $.parcel.%s}", OptionFields, name, name, name)
			}
		}
		if len(o.Statuses) == 0 {
			return nil, errors.New(OptionStatuses + ": is required: what the carrier's codes mean, as in {DLV: delivered, LOST: lost}")
		}
		var err error
		if f.theirs, err = stages(o.Statuses); err != nil {
			return nil, err
		}
		if f.zone, err = zoneOf(o); err != nil {
			return nil, err
		}
		return func() Format { return &f }, nil
	},
}

// deliveryFields are what the option fields may say of a delivery.
var deliveryFields = []string{"id", "order", "status", "time", "carrier", "tracking", "warehouse", "country", "region", "estimate", "reason"}

// delivery is never changed, so that all goroutines share it.
type delivery struct {
	statuses
	fields map[string]string
	paths  map[string][]step
	zone   *time.Location
}

// Theirs is the path of a field. The type is what became of the status.
func (f *delivery) Theirs(_ event.Topic, field string) string {
	if field == "type" {
		field = "status"
	}
	return f.fields[field]
}

func (f *delivery) Decode(r *Record, out *Events) error {
	root, refused := parse(r.Value)
	if refused != nil {
		out.Refuse(refused)
		return nil
	}
	d := out.Delivery()
	refused = f.read(root, d)
	if refused == nil && d.Type == "" {
		status, _ := f.get(root, "status").text()
		refused = &event.Refusal{Reason: event.UnknownType, Field: f.fields["status"],
			Detail: fmt.Sprintf("%.64q is no event: the option %s says %s", status, OptionStatuses, ignored)}
	}
	if refused != nil {
		out.Spoil(refused)
	}
	return nil
}

func (f *delivery) get(root node, field string) node {
	if path, ok := f.paths[field]; ok {
		return root.follow(path)
	}
	return nil
}

func (f *delivery) read(root node, d *event.Delivery) (refused *event.Refusal) {
	text := func(field string) string {
		n := f.get(root, field)
		s, ok := n.text()
		if !ok && refused == nil {
			refused = wrongType(f.fields[field], "a text or a number", n)
		}
		return s
	}
	moment := func(field string) event.Time {
		t, _, err := carrierTime(f.get(root, field), f.zone)
		if err != nil && refused == nil {
			refused = &event.Refusal{Reason: event.WrongType, Field: f.fields[field], Detail: err.Error()}
		}
		return t
	}
	d.ID, d.Time = event.ID(text("id")), moment("time")
	d.Order, d.Carrier, d.Tracking, d.Warehouse = event.OrderID(text("order")), text("carrier"), text("tracking"), text("warehouse")
	d.Country, d.Region, d.Estimate, d.Reason = text("country"), text("region"), moment("estimate"), text("reason")
	if len(d.Country) == 3 {
		d.Country = alpha2(d.Country)
	}
	status := text("status")
	if refused != nil {
		return refused
	}
	if status == "" {
		return &event.Refusal{Reason: event.MissingField, Field: f.fields["status"], Detail: "is required: it says what happened"}
	}
	s, known := f.find(status)
	if !known {
		return unknownStatus(f.fields["status"], status)
	}
	d.Type, d.Exception = s.typ, s.kind
	if d.ID == "" {
		told, _ := f.get(root, "time").text()
		d.ID = madeID(string(d.Order), d.Carrier, d.Tracking, status, told, d.Estimate.String())
	}
	return nil
}
