package decode

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/afterclick/afterclick/schemas/event"
)

// stage is what a carrier's status says happened to a parcel: a type of event and, of an exception, its kind. The zero stage says that
// nothing did.
type stage struct {
	typ  event.Type
	kind string
}

// ignored is the word for a status that says nothing.
const ignored = "ignore"

// stages reads a table from their statuses to ours: a type of event, a kind of exception, or ignored. Errors begin with the name of the
// option.
func stages(table map[string]string) (map[string]stage, error) {
	m := make(map[string]stage, len(table))
	for _, theirs := range slices.Sorted(maps.Keys(table)) {
		switch ours := table[theirs]; {
		case ours == ignored:
			m[theirs] = stage{}
		case slices.Contains(event.ExceptionKinds, ours):
			m[theirs] = stage{event.Exception, ours}
		case slices.Contains(event.DeliveryTypes, event.Type(ours)) && event.Type(ours) != event.Exception:
			m[theirs] = stage{typ: event.Type(ours)}
		default:
			var words []string
			for _, t := range event.DeliveryTypes {
				if t != event.Exception {
					words = append(words, string(t))
				}
			}
			return nil, fmt.Errorf("%s: %s: %q is no type of a delivery (%s), no kind of an exception (%s), and not %s", OptionStatuses, theirs, ours,
				strings.Join(words, ", "), strings.Join(event.ExceptionKinds, ", "), ignored)
		}
	}
	return m, nil
}

// mustStages is stages of a table that is ours.
func mustStages(table map[string]string) map[string]stage {
	m, err := stages(table)
	if err != nil {
		panic(err)
	}
	return m
}

// statuses are a table of ours and what the config says otherwise.
type statuses struct{ theirs, ours map[string]stage }

// find returns the stage of the first status that is known: a detail stands before what it is a detail of.
func (s statuses) find(words ...string) (stage, bool) {
	for _, w := range words {
		if w == "" {
			continue
		}
		if found, ok := s.theirs[w]; ok {
			return found, true
		}
		if found, ok := s.ours[w]; ok {
			return found, true
		}
	}
	return stage{}, false
}

func unknownStatus(path, status string) *event.Refusal {
	return &event.Refusal{Reason: event.UnknownType, Field: path, Detail: fmt.Sprintf(
		"%.64q is no status that is known: say what it means with the option statuses, as in statuses: {%.64s: in_transit}, or %s", status, status, ignored)}
}

// parcel is what all events of a tracker have in common.
type parcel struct {
	order           event.OrderID
	carrier, number string
	country, region string // where it goes
	back            bool   // it is a return: from the customer to the shop
	holdsOrders     bool
}

// event adds what a status says happened at a time. The id is made of what makes the fact: words, which must be the same whenever it is
// told again. What happens to a return is no delivery; that it has arrived is an event of the order.
func (p *parcel) event(out *Events, s stage, at event.Time, reason string, properties node, words ...string) {
	id := madeID(append([]string{p.carrier, p.number, string(s.typ), s.kind}, words...)...)
	switch {
	case s.typ == "":
	case !p.back:
		d := out.Delivery()
		d.Header = event.Header{ID: id, Type: s.typ, Time: at}
		d.Order, d.Carrier, d.Tracking, d.Country, d.Region, d.Exception = p.order, p.carrier, p.number, p.country, p.region, s.kind
		if s.typ == event.Exception || s.typ == event.Attempted {
			d.Reason = reason
		}
		d.Properties = []byte(properties)
	case s.typ == event.Delivered && p.holdsOrders:
		o := out.Order()
		o.Header = event.Header{ID: id, Type: event.Returned, Time: at}
		o.Order = p.order
		o.Properties = []byte(properties)
	}
}

// estimate adds what the carrier says, at a time, about the arrival. Each time that it says so is an event, because what was said in
// between may have been something else; journeys count how often it changed.
func (p *parcel) estimate(out *Events, by, at event.Time) {
	if by == 0 || p.back {
		return
	}
	d := out.Delivery()
	d.Header = event.Header{ID: madeID(p.carrier, p.number, string(event.EstimateChanged), by.String(), at.String()), Type: event.EstimateChanged, Time: at}
	d.Order, d.Carrier, d.Tracking, d.Country, d.Region, d.Estimate = p.order, p.carrier, p.number, p.country, p.region, by
}

// nothing refuses a record of which no event was made.
func (p *parcel) nothing(out *Events, status string) {
	switch {
	case out.Len() > 0:
	case p.back && !p.holdsOrders:
		out.Refuse(refusal(event.UnknownType, "is of a parcel that goes back to the shop, which is no delivery; if the topic holds orders, too, its arrival is the order's type %s", event.Returned))
	case p.back:
		out.Refuse(refusal(event.UnknownType, "is of a parcel that goes back to the shop, and has not arrived: nothing has happened that is an event"))
	default:
		out.Refuse(refusal(event.UnknownType, "tells nothing that happened to the parcel: its status is %.64q", status))
	}
}

// madeID makes an id of the words that make a fact: 128 bits of their SHA-256, in hexadecimal.
func madeID(words ...string) event.ID {
	var room [512]byte
	b := room[:0]
	for _, w := range words {
		b = strconv.AppendInt(b, int64(len(w)), 10)
		b = append(append(b, ':'), w...)
	}
	sum := sha256.Sum256(b)
	return event.ID(hex.EncodeToString(sum[:16]))
}

// firstMember returns the first member that is there.
func firstMember(n node, keys ...string) node {
	for _, k := range keys {
		if found := n.get(k); !found.absent() && string(found) != `""` {
			return found
		}
	}
	return nil
}

// shallow holds the members of an object that are asked for often, by name. It is filled again and again.
type shallow map[string]node

// fill forgets what was there. Objects are small, but for those of somebody who means harm: their memory is not kept.
func (s *shallow) fill(n node) {
	if *s == nil || len(*s) > 1000 {
		*s = shallow{}
	}
	clear(*s)
	n.members(func(key string, value node) { (*s)[key] = value })
}

// text is node.text of a member; of what is no text it is "".
func (s shallow) text(key string) string {
	t, _ := s[key].text()
	return t
}

// first returns the first member that is there.
func (s shallow) first(keys ...string) node {
	for _, k := range keys {
		if found := s[k]; !found.absent() && string(found) != `""` {
			return found
		}
	}
	return nil
}

// clockTimes are what carriers write besides RFC 3339. None says in which zone.
var clockTimes = []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04"}

// carrierTime reads a time, or a day, as carriers write it. zoned is false if it is of a clock that may be anywhere; zone is taken then.
// Of a day it is the end: an arrival by that day is in time.
func carrierTime(n node, zone *time.Location) (t event.Time, zoned bool, err error) {
	if !n.isString() {
		t, err = n.time()
		return t, true, err
	}
	s, _ := n.text()
	if t, err = n.time(); err == nil {
		return t, true, nil
	}
	for _, layout := range clockTimes {
		if at, wrong := time.ParseInLocation(layout, s, zone); wrong == nil {
			return event.TimeOf(at), false, nil
		}
	}
	if day, wrong := time.ParseInLocation(time.DateOnly, s, zone); wrong == nil {
		return event.TimeOf(day.AddDate(0, 0, 1)) - 1, false, nil
	}
	return 0, false, fmt.Errorf("%.64q is no time, like \"2026-01-31T17:05:00Z\", without a zone, or of a day", s)
}

// alpha2 turns a country's code of three letters into that of two; what is no such code is not a country that is known.
func alpha2(code string) string {
	if code == "" {
		return ""
	}
	r, err := language.ParseRegion(code)
	if err != nil || !r.IsCountry() {
		return ""
	}
	return r.String()
}
