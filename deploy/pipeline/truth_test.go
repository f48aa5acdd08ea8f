package pipeline_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/shop"
	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/schemas/event"
)

// number asks for one number.
func (s *site) number(t *testing.T, query string) (x float64) {
	t.Helper()
	answer := s.ask(t, "SELECT toString(("+query+"))")
	if _, err := fmt.Sscan(answer, &x); err != nil {
		t.Fatalf("%s is %s", query, answer)
	}
	return x
}

// What was planted in the simulated shop is what the views find: how late each carrier is, whose part of the delay it is when a warehouse
// or a carrier fails, and how many customers come back after a kept and after a broken promise.
func TestViewsFindWhatWasPlanted(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	sh, err := shop.New(shop.Config{Seed: 11, Start: start, Days: 100, Visits: 2500, Products: 300})
	if err != nil {
		t.Fatal(err)
	}
	// A reader of the events counts by itself.
	type told struct {
		carrier            string
		promise, delivered event.Time
	}
	orders := map[event.OrderID]*told{}
	of := func(o event.OrderID) *told {
		if orders[o] == nil {
			orders[o] = &told{}
		}
		return orders[o]
	}
	var d decode.Decoder
	var records []feed.Record
	for r := range sh.Records() {
		if r.Topic == event.Clickstream {
			continue // most of the records, and not what this is about
		}
		r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
		records = append(records, r)
		e, err := d.Decode(r.Topic, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Order != nil:
			if o := of(event.OrderID(bytes.Clone([]byte(e.Order.Order)))); e.Order.Promise != 0 {
				o.promise = e.Order.Promise
			}
		case e.Delivery != nil:
			o := of(e.Delivery.Order)
			if e.Delivery.Carrier != "" {
				o.carrier = string([]byte(e.Delivery.Carrier))
			}
			if e.Delivery.Type == event.Delivered {
				o.delivered = e.Delivery.Time
			}
		}
	}
	s := newSite(t)
	s.send(t, records)
	s.finish(t, t.TempDir())

	// The carriers' lateness, to the parcel.
	delivered, late := map[string]int{}, map[string]int{}
	for _, o := range orders {
		if o.delivered > 0 && o.promise > 0 {
			delivered[o.carrier]++
			if o.delivered > o.promise {
				late[o.carrier]++
			}
		}
	}
	if len(delivered) < 3 {
		t.Fatalf("the shop has the carriers %v", delivered)
	}
	for carrier, n := range delivered {
		want := fmt.Sprintf("(%d,%d)", n, late[carrier])
		if got := s.ask(t, "SELECT toString((countIf(state IN ('kept', 'broken')), countIf(state = 'broken'))) FROM promises WHERE carrier = ?", carrier); got != want {
			t.Errorf("%s: %s parcels with a promise were delivered and late, the shop says %s", carrier, got, want)
		}
		t.Logf("%s: %d of %d late", carrier, late[carrier], n)
	}

	unpromised := 0
	for _, o := range orders {
		if o.promise == 0 {
			unpromised++
		}
	}
	if none := s.number(t, "SELECT countIf(state = 'none') FROM promises"); int(none) != unpromised || unpromised < len(orders)/50 {
		t.Errorf("%v of %d orders have no promise, the shop says %d", none, len(orders), unpromised)
	}

	// The split of the delay. Its parts add up, to the millisecond.
	if wrong := s.number(t, "SELECT countIf(abs(warehouse_days + carrier_days - days_off) > 1e-7) FROM delays"); wrong != 0 {
		t.Errorf("of %v orders the parts are not the whole", wrong)
	}
	if known := s.number(t, "SELECT countIf(due_by = 'usual') / count() FROM delays"); known < 0.9 {
		t.Errorf("only of %.2f of the orders it is known when they were due for hand-over", known)
	}
	quoted := func(t time.Time) string { return "'" + t.Format(time.DateTime) + "'" }
	kinds := map[string]bool{}
	for _, i := range sh.Incidents() {
		var within, without string
		switch i.Kind {
		case shop.WarehouseBacklog: // it packs 2.5 to 4 working days late; what is packed on other days of the week takes a day more or less
			when := fmt.Sprintf("placed >= %s AND placed < %s", quoted(i.From), quoted(i.To.Add(-12*time.Hour)))
			within, without = fmt.Sprintf("%s AND warehouse = '%s'", when, i.Warehouse), fmt.Sprintf("%s AND warehouse != '%s'", when, i.Warehouse)
		case shop.CarrierStrike: // nothing of it moves in that country; parcels that it has already are late because of it alone
			when := fmt.Sprintf("shipped < %s AND shipped > %s AND promised > %s", quoted(i.From), quoted(i.From.AddDate(0, 0, -3)), quoted(i.From))
			on := fmt.Sprintf("carrier = '%s' AND country = '%s' AND delivered >= %s", i.Carrier, i.Country, quoted(i.From))
			within, without = when+" AND "+on, fmt.Sprintf("%s AND NOT (carrier = '%s' AND country = '%s')", when, i.Carrier, i.Country)
		default:
			continue
		}
		if i.To.After(sh.End().AddDate(0, 0, -10)) || s.number(t, "SELECT count() FROM delays WHERE "+within) < 5 {
			continue
		}
		kinds[i.Kind] = true
		mean := func(part, where string) float64 { return s.number(t, "SELECT avg("+part+") FROM delays WHERE "+where) }
		warehouse := mean("warehouse_days", within) - mean("warehouse_days", without)
		carrier := mean("carrier_days", within) - mean("carrier_days", without)
		t.Logf("%s: the warehouse's part is %.2f days longer, the carrier's %.2f", i, warehouse, carrier)
		if i.Kind == shop.WarehouseBacklog && (warehouse < 2.3 || warehouse > 5 || math.Abs(carrier) > 1.2) {
			t.Error("a backlog of 2.5 to 4 working days is not what the warehouse's part says")
		}
		if i.Kind == shop.CarrierStrike && (carrier < 2 || math.Abs(warehouse) > 1.2) {
			t.Error("the strike is not the carrier's part")
		}
	}
	if len(kinds) != 2 {
		t.Errorf("of the incidents only %v were over", kinds)
	}

	// Who comes back. Some would have come anyway, and do so after either experience alike: of those who would not, the planted share stays
	// away. So the shares that stay away are in the planted ratio.
	chance := map[string]float64{}
	for _, c := range sh.Comebacks() {
		chance[c.Experience] = c.Chance
		t.Logf("%+v", c)
	}
	away := map[string]float64{}
	for _, e := range []string{"kept", "broken"} {
		where := "FROM experience_effect(days = 45) WHERE aspect = 'promise' AND experience = '" + e + "'"
		share, low, high, n := s.number(t, "SELECT share "+where), s.number(t, "SELECT low "+where), s.number(t, "SELECT high "+where), s.number(t, "SELECT orders "+where)
		t.Logf("after a %s promise %.3f (%.3f to %.3f) of %v came back within 45 days", e, share, low, high, n)
		if !(low < share && share < high) || n < 200 {
			t.Errorf("%s: %v is not between %v and %v, or of too few", e, share, low, high)
		}
		away[e] = 1 - share
	}
	planted, found := (1-chance["late"])/(1-chance["kept"]), away["broken"]/away["kept"]
	t.Logf("planted: a broken promise makes %.3f times as many stay away; found: %.3f", planted, found)
	if math.Abs(found-planted) > 0.08 {
		t.Errorf("of a broken promise %.3f times as many stay away, %.3f was planted", found, planted)
	}
	effect := func(e string) float64 {
		return s.number(t, "SELECT sum(again) / sum(orders) FROM experience_effect(days = 45) WHERE aspect = 'case' AND "+e)
	}
	resolved, ignored := effect("experience = 'resolved'"), effect("experience IN ('ignored', 'answered', 'open')")
	t.Logf("after a resolved case %.3f came back, after an ignored one %.3f; planted %.3f and %.3f besides those who come anyway", resolved, ignored,
		chance["case resolved"], chance["case ignored"])
	if resolved <= ignored {
		t.Error("resolving a case wins nobody back")
	}
	// The curve of the time to the second order shows the same: of first orders.
	at := func(promise string) float64 {
		return s.number(t, "SELECT max(share) FROM second_order(by = 'promise') WHERE days <= 45 AND group = '"+promise+"'")
	}
	kept, broken := at("kept"), at("broken")
	t.Logf("second order within 45 days: %.3f after a kept promise, %.3f after a broken one", kept, broken)
	if kept-broken < 0.08 {
		t.Error("the time to the second order does not show the broken promise")
	}
}
