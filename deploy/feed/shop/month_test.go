package shop

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mileusna/useragent"

	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/schemas/event"
)

// month is what a reader of the events alone learns of the demo's month, with its usual incidents.
type month struct {
	shop      *Shop
	clicks    int
	bots      int
	byDay     map[time.Weekday]int
	byHour    [24]int
	sessions  map[event.SessionID]bool // of people, without those that follow an order
	bought    int
	channels  map[string]int
	customers map[event.VisitorID]map[event.CustomerID]bool
	visitors  map[event.CustomerID]map[event.VisitorID]bool
	refusals  map[string]map[string]int // failed and good payments by browser and day
	orders    map[event.OrderID]*told
	languages map[string]int
	nameless  int // opinions without an order
}

// told is what is told of one order.
type told struct {
	placed, paid, packed, promise, delivered event.Time
	carrier, country, warehouse              string
	products                                 []event.ProductID
	scans                                    []event.Time // from the hand-over to the door
	ratings                                  []float64    // 0 to 1
	returned                                 string       // why
	customer                                 event.CustomerID
}

var demoMonth = sync.OnceValue(func() *month {
	s, err := New(Demo(7, start))
	if err != nil {
		panic(err)
	}
	m := &month{shop: s, byDay: map[time.Weekday]int{}, sessions: map[event.SessionID]bool{}, channels: map[string]int{},
		customers: map[event.VisitorID]map[event.CustomerID]bool{}, visitors: map[event.CustomerID]map[event.VisitorID]bool{},
		refusals: map[string]map[string]int{}, orders: map[event.OrderID]*told{}, languages: map[string]int{}}
	var d decode.Decoder
	for r := range s.Records() {
		e, err := d.Decode(r.Topic, []byte(string(r.Value)))
		if err != nil {
			panic(err)
		}
		switch e.Topic {
		case event.Clickstream:
			m.click(e.Click)
		case event.Orders:
			m.order(e.Order)
		case event.Deliveries:
			m.delivery(e.Delivery)
		case event.Reviews:
			m.review(e.Review)
		}
	}
	return m
})

func (m *month) click(c *event.Click) {
	m.clicks++
	if strings.Contains(c.UserAgent, "compatible;") || strings.Contains(c.UserAgent, "externalhit") {
		m.bots++
		return
	}
	m.byDay[c.Time.Time().Weekday()]++
	m.byHour[c.Time.Time().Hour()]++
	if c.Type != event.TrackingViewed && c.Type != event.ContactOpened {
		m.sessions[c.Session] = true
	}
	if _, campaign, ok := strings.Cut(c.URL, "utm_medium="); ok {
		m.channels[campaign[:strings.IndexByte(campaign, '&')]]++
	}
	if c.Customer != "" {
		link(m.customers, c.Visitor, c.Customer)
		link(m.visitors, c.Customer, c.Visitor)
	}
	switch {
	case c.Type == event.CheckoutCompleted:
		m.bought++
	case c.Step == "payment":
		by := useragent.Parse(c.UserAgent).Name
		if m.refusals[by] == nil {
			m.refusals[by] = map[string]int{}
		}
		key := "good"
		if strings.Contains(string(c.Properties), "payment_failed") {
			key = "failed"
		}
		m.refusals[by][key+c.Time.Time().Format(time.DateOnly)]++
	}
}

func link[A, B comparable](m map[A]map[B]bool, a A, b B) {
	if m[a] == nil {
		m[a] = map[B]bool{}
	}
	m[a][b] = true
}

func (m *month) of(o event.OrderID) *told {
	if m.orders[o] == nil {
		m.orders[o] = &told{}
	}
	return m.orders[o]
}

func (m *month) order(o *event.Order) {
	t := m.of(o.Order)
	switch o.Type {
	case event.Placed:
		t.placed, t.country, t.warehouse, t.customer = o.Time, o.Country, o.Warehouse, o.Customer
		for _, i := range o.Items {
			t.products = append(t.products, i.Product)
		}
	case event.Paid:
		t.paid = o.Time
	case event.ReturnRequested:
		t.returned = o.Reason
	}
	if o.Promise > 0 {
		t.promise = o.Promise
	}
}

func (m *month) delivery(d *event.Delivery) {
	t := m.of(d.Order)
	if d.Carrier != "" {
		t.carrier = d.Carrier
	}
	switch d.Type {
	case event.Packed:
		t.packed = d.Time
	case event.Delivered:
		t.delivered = d.Time
		fallthrough
	case event.HandedOver, event.InTransit, event.OutForDelivery, event.Attempted:
		t.scans = append(t.scans, d.Time)
	}
}

func (m *month) review(r *event.Review) {
	if r.Type == event.Posted || r.Type == event.Mention {
		if r.Language != "" {
			m.languages[r.Language]++
		}
		if r.Order == "" {
			m.nameless++
		} else {
			t := m.of(r.Order)
			t.ratings = append(t.ratings, (r.Rating-r.RatingMin)/(r.RatingMax-r.RatingMin))
		}
	}
}

// ratio counts among orders: those that is picks, and of them those that say yes to has.
func (m *month) ratio(is, has func(*told) bool) (share float64, of int) {
	n := 0
	for _, o := range m.orders {
		if is(o) {
			of++
			if has(o) {
				n++
			}
		}
	}
	return float64(n) / math.Max(float64(of), 1), of
}

func isLate(o *told) bool { return o.delivered > o.promise }

func TestTrafficIsPlausible(t *testing.T) {
	m := demoMonth()
	between := func(what string, got, low, high float64) {
		t.Helper()
		t.Logf("%s: %.4g", what, got)
		if got < low || got > high {
			t.Errorf("%s is %.4g, want %g to %g", what, got, low, high)
		}
	}
	between("clicks", float64(m.clicks), 7e5, 16e5)
	between("conversion", float64(m.bought)/float64(len(m.sessions)), 0.015, 0.05)
	between("share of clicks that are bots'", float64(m.bots)/float64(m.clicks), 0.02, 0.15)
	// 30 days from a Monday: five Mondays and Tuesdays, four of the rest.
	between("a Sunday over a Saturday", float64(m.byDay[time.Sunday])/float64(m.byDay[time.Saturday]), 1.1, 1.7)
	between("evening over night", float64(m.byHour[19])/float64(m.byHour[2]), 5, 30)
	for _, medium := range []string{"cpc", "email", "paid_social", "banner", "comparison"} {
		if m.channels[medium] < 100 {
			t.Errorf("%d visits by %s", m.channels[medium], medium)
		}
	}
	shared, several := 0, 0
	for _, c := range m.customers {
		if len(c) > 1 {
			shared++
		}
	}
	for _, v := range m.visitors {
		if len(v) > 1 {
			several++
		}
	}
	between("customers", float64(len(m.visitors)), 3000, 40000)
	between("share of customers on several devices", float64(several)/float64(len(m.visitors)), 0.05, 0.5)
	between("share of devices with several customers", float64(shared)/float64(len(m.customers)), 0.001, 0.03)
	for _, l := range languages {
		if m.languages[l] < 10 {
			t.Errorf("%d opinions in %s", m.languages[l], l)
		}
	}
	between("opinions that name no order", float64(m.nameless), 50, 1000)
}

func TestExperienceDecides(t *testing.T) {
	m := demoMonth()
	late := map[string]float64{}
	var countries, jammed []string // where incidents hide the carriers' own habits
	for _, i := range m.shop.Incidents() {
		countries, jammed = append(countries, i.Country), append(jammed, i.Warehouse)
	}
	for _, c := range carriers {
		share, n := m.ratio(func(o *told) bool {
			return o.carrier == c.name && o.delivered > 0 && !slices.Contains(countries, o.country) && !slices.Contains(jammed, o.warehouse)
		}, isLate)
		t.Logf("%s: %.3f of %d late", c.name, share, n)
		late[c.name] = share
	}
	if late["ecoship"] < 2*late["arrowpost"] || late["arrowpost"] > 0.12 || late["ecoship"] > 0.5 {
		t.Errorf("the carriers' habits do not differ as they should: %v", late)
	}
	mean := func(is func(*told) bool) float64 {
		sum, n := 0.0, 0
		for _, o := range m.orders {
			if is(o) {
				for _, r := range o.ratings {
					sum += r
					n++
				}
			}
		}
		return sum / float64(n)
	}
	kept := mean(func(o *told) bool { return o.delivered > 0 && !isLate(o) })
	broken := mean(func(o *told) bool { return o.delivered > 0 && isLate(o) })
	t.Logf("ratings from 0 to 1: %.2f on time, %.2f late", kept, broken)
	if kept-broken < 0.2 {
		t.Errorf("ratings of late orders, %.2f, are not much below those of others, %.2f", broken, kept)
	}
}

// A customer whose promise was broken comes back less often.
func TestBrokenPromisesCostCustomers(t *testing.T) {
	m := demoMonth()
	lastOrder := map[event.CustomerID]event.Time{}
	for _, o := range m.orders {
		lastOrder[o.customer] = max(lastOrder[o.customer], o.placed)
	}
	until := event.TimeOf(m.shop.End().AddDate(0, 0, -10))
	again := func(o *told) bool { return lastOrder[o.customer] > o.delivered }
	settled := func(o *told) bool { return o.delivered > 0 && o.delivered < until }
	kept, n := m.ratio(func(o *told) bool { return settled(o) && !isLate(o) }, again)
	broken, k := m.ratio(func(o *told) bool { return settled(o) && isLate(o) }, again)
	t.Logf("of %d kept promises %.3f ordered again, of %d broken ones %.3f", n, kept, k, broken)
	if kept < 1.25*broken {
		t.Error("broken promises cost nothing")
	}
}

// What the shop says of comebacks is what a reader of its events finds: of those who did not come by anyway, its chances came back.
func TestComebacksAreTrue(t *testing.T) {
	s, err := New(Config{Seed: 3, Start: start, Days: 100, Visits: 3000, Products: 300, Incidents: []Incident{}})
	if err != nil {
		t.Fatal(err)
	}
	for range s.Records() {
	}
	for _, c := range s.Comebacks() {
		share := float64(c.Back) / float64(c.Deliveries)
		t.Logf("%s: %d deliveries, chance %.3f, came back %.3f", c.Experience, c.Deliveries, c.Chance, share)
		if wide := 4 * math.Sqrt(c.Chance*(1-c.Chance)/float64(c.Deliveries)); c.Deliveries < 50 || math.Abs(share-c.Chance) > wide {
			t.Errorf("%s: of %d deliveries %.3f brought customers back, the chance was %.3f", c.Experience, c.Deliveries, share, c.Chance)
		}
	}
	if kept, late := s.Comebacks()[wasKept].Chance, s.Comebacks()[wasLate].Chance; kept < 2*late {
		t.Errorf("a broken promise costs little: %.3f come back, %.3f otherwise", late, kept)
	}
}

// The truth that the shop prints is what a reader of its events finds.
func TestIncidentsAreTrue(t *testing.T) {
	m := demoMonth()
	all := m.shop.Incidents()
	jammed := []string{} // the warehouses whose backlogs make parcels late too
	for _, i := range all {
		jammed = append(jammed, i.Warehouse)
	}
	kinds := map[string]bool{}
	for _, i := range all {
		t.Log(i)
		from, to := event.TimeOf(i.From), event.TimeOf(i.To)
		during := func(x event.Time) bool { return x >= from && x < to }
		if to > event.TimeOf(m.shop.End()) {
			continue // it is not over
		}
		kinds[i.Kind] = true
		switch i.Kind {
		case CarrierStrike:
			struck := func(o *told) bool { return o.carrier == i.Carrier && o.country == i.Country }
			for id, o := range m.orders {
				if struck(o) && slices.ContainsFunc(o.scans, during) {
					t.Errorf("%s moved during the strike", id)
				}
			}
			due := func(o *told) bool { return during(o.promise) && o.delivered > 0 }
			here, n := m.ratio(func(o *told) bool { return struck(o) && due(o) }, isLate)
			there, _ := m.ratio(func(o *told) bool { return !struck(o) && due(o) && !slices.Contains(jammed, o.warehouse) }, isLate)
			t.Logf("of %d parcels due during the strike %.2f were late, elsewhere %.2f", n, here, there)
			if n < 10 || here < 0.5 || here < 3*there {
				t.Error("the strike does not show")
			}
			if i.Orders < n/2 {
				t.Errorf("the truth says that %d parcels were held up, at least %d were", i.Orders, n/2)
			}
		case BadBatch:
			of := func(o *told) bool { return slices.Contains(o.products, i.Product) && o.delivered > 0 }
			back := func(o *told) bool { return o.returned == "defective" }
			bad, n := m.ratio(func(o *told) bool { return of(o) && during(o.placed) }, back)
			good, _ := m.ratio(func(o *told) bool { return of(o) && !during(o.placed) }, back)
			t.Logf("of %d orders of the batch %.2f came back defective, of others of the product %.2f", n, bad, good)
			if n < 10 || bad < 0.2 || bad < 4*good {
				t.Error("the batch does not show")
			}
			if i.Orders < n/2 || i.Orders > 2*n {
				t.Errorf("the truth says %d orders, %d were delivered", i.Orders, n)
			}
		case BrokenCheckout:
			day := i.From.AddDate(0, 0, 1).Format(time.DateOnly) // wholly within
			after := i.From.AddDate(0, 0, 7).Format(time.DateOnly)
			by := m.refusals[i.Browser]
			failed := float64(by["failed"+day]) / float64(by["failed"+day]+by["good"+day])
			usual := float64(by["failed"+after]) / float64(by["failed"+after]+by["good"+after])
			t.Logf("%.2f of %s's payments failed during it, %.2f a week later", failed, i.Browser, usual)
			if failed < 0.5 || usual > 0.2 || i.Visits < 5 {
				t.Error("the broken checkout does not show")
			}
			for other, by := range m.refusals {
				if all := by["failed"+day] + by["good"+day]; other != i.Browser && all >= 10 && float64(by["failed"+day]) > 0.3*float64(all) {
					t.Errorf("payments failed on %s too", other)
				}
			}
		case WarehouseBacklog:
			slow := func(o *told) bool { return o.packed.Sub(o.paid) > 60*time.Hour }
			paid := func(o *told) bool {
				return o.packed > 0 && o.paid > from.Add(-5*time.Hour) && o.paid < to.Add(-24*time.Hour)
			}
			here, n := m.ratio(func(o *told) bool { return paid(o) && o.warehouse == i.Warehouse }, slow)
			there, _ := m.ratio(func(o *told) bool { return paid(o) && o.warehouse != i.Warehouse }, slow)
			t.Logf("of %d orders paid during the backlog %.2f waited over 60 hours to be packed, elsewhere %.2f", n, here, there)
			if n < 10 || here < 0.5 || there > 0.1 {
				t.Error("the backlog does not show")
			}
		}
	}
	if len(kinds) != 4 {
		t.Errorf("only these kinds of incident were over within the demo: %v", kinds)
	}
	if s := fmt.Sprint(all[0]); !strings.Contains(s, string(all[0].Product)) {
		t.Errorf("the batch reads %q", s)
	}
}

// A fortnight has its four incidents too, whatever the seed.
func TestShortDemosHaveIncidents(t *testing.T) {
	for seed := range uint64(20) {
		s := newShop(t, func(c *Config) { c.Days, c.Seed = 14, seed })
		n := 0
		for _, i := range s.Incidents() {
			if !i.To.After(s.End().AddDate(0, 0, -4)) && !i.From.Before(start.AddDate(0, 0, 1)) {
				n++
			}
		}
		if n != 4 {
			t.Errorf("seed %d: %d incidents that are over four days before the end: %v", seed, n, s.Incidents())
		}
	}
}

// No incidents are none.
func TestWithoutIncidents(t *testing.T) {
	s := newShop(t, func(c *Config) { c.Incidents = []Incident{} })
	if all := s.Incidents(); len(all) != 0 {
		t.Errorf("%v", all)
	}
}

// Browsers are called what the library that the sessions table is filled with calls them, or the truth could not be found there.
func TestAgentsAreReal(t *testing.T) {
	for _, a := range append(slices.Clone(agents), bots...) {
		got := useragent.Parse(a.ua)
		if got.Bot != (a.device == bot) || got.Bot == false && got.Name != a.browser {
			t.Errorf("%s\nis parsed as %q, bot %v, want %q", a.ua, got.Name, got.Bot, a.browser)
		}
		// To the library an Android tablet is a phone, as its agent does not tell.
		if a.device == mobile && !got.Mobile || a.device == tablet && !got.Tablet && !got.Mobile || a.device == desktop && !got.Desktop {
			t.Errorf("%s\nis parsed as mobile %v, tablet %v, desktop %v", a.ua, got.Mobile, got.Tablet, got.Desktop)
		}
	}
}
