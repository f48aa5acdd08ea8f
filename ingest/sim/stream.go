package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/encoding/json"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/event"
)

// Shape is what a stream looks like.
type Shape struct {
	Events     int
	Partitions map[event.Topic]int32
	Topics     map[event.Topic]string
	Delays     []time.Duration // by how much an event comes later than it happened
	// KeyedByVisitor: the clickstream has the visitor as key, mostly.
	KeyedByVisitor bool
	// Batched topics have records with a JSON list of events, good ones and bad ones.
	Batched map[event.Topic]bool
	// TimeHeader, if not empty, holds the source time, as importers set it; else it is the record's timestamp.
	TimeHeader string
}

// Arrival is a record that a shop writes at some time.
type Arrival struct {
	At     time.Time
	Record *kgo.Record
}

// Begin is when streams begin: before a midnight, near the end of a month, so that sessions and orders move over both.
var Begin = time.Date(2026, 3, 31, 19, 0, 0, 0, time.UTC)

// Stream makes the records of a shop in the order in which they are written: events that belong together, in any order within the
// delays, some of them twice, some of them broken, from sources whose clocks are wrong by minutes.
func Stream(r *rand.Rand, s Shape) []Arrival {
	g := &generator{Rand: r, Shape: s, now: Begin, visitors: 1 + r.IntN(5), orders: 1 + r.IntN(4), reviews: 1 + r.IntN(3), skew: map[Partition]time.Duration{}}
	steps := [][]time.Duration{
		{0, time.Millisecond, time.Minute, 7 * time.Minute, 10 * time.Minute, 30 * time.Minute, 30*time.Minute + time.Millisecond, time.Hour},
		{0, time.Second, 10 * time.Second, time.Minute, 20 * time.Minute},
		{time.Minute, 29 * time.Minute, 31 * time.Minute, 2 * time.Hour, 5 * time.Hour},
	}[r.IntN(3)]
	var all []Arrival
	for i := range s.Events {
		g.now = g.now.Add(pick(g, steps...))
		if r.IntN(60) == 0 {
			g.now = g.now.Add(time.Duration(r.IntN(72)) * time.Hour) // silence
		}
		topic, key, value := g.event(i)
		for range pick(g, 1, 1, 1, 1, 2, 3) {
			all = append(all, g.arrival(topic, key, value))
		}
	}
	slices.SortStableFunc(all, func(a, b Arrival) int { return a.At.Compare(b.At) })
	return all
}

type generator struct {
	*rand.Rand
	Shape
	now                       time.Time
	visitors, orders, reviews int
	skew                      map[Partition]time.Duration
}

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

func (g *generator) arrival(topic event.Topic, key string, value []byte) Arrival {
	at := g.now.Add(pick(g, g.Delays...))
	p := Partition{g.Topics[topic], int32(g.IntN(int(g.Partitions[topic])))}
	if g.KeyedByVisitor && topic == event.Clickstream {
		p.ID = int32(len(key)+int(key[len(key)-1])) % g.Partitions[topic]
		if g.IntN(50) == 0 {
			key = "somebody else"
		}
	}
	if _, ok := g.skew[p]; !ok {
		g.skew[p] = pick(g, 0, 0, -4*time.Minute, 3*time.Minute)
	}
	r := &kgo.Record{Topic: p.Topic, Partition: p.ID, Key: []byte(key), Value: value, Timestamp: at.Add(g.skew[p])}
	if g.IntN(100) == 0 {
		r.Timestamp = r.Timestamp.AddDate(3, 0, 0) // more than any clock of ours can be wrong
	}
	if g.TimeHeader != "" {
		r.Headers = []kgo.RecordHeader{{Key: g.TimeHeader, Value: strconv.AppendInt(nil, r.Timestamp.UnixMilli(), 10)}}
		if g.IntN(100) == 0 {
			r.Headers[0].Value = []byte("yesterday")
		}
	}
	return Arrival{at, r}
}

func (g *generator) event(i int) (topic event.Topic, key string, value []byte) {
	h := event.Header{ID: event.ID(fmt.Sprint("e", i)), Time: event.TimeOf(g.now), Source: event.Source(pick(g, "web", "app", "erp"))}
	if g.IntN(40) == 0 {
		h.Time = h.Time.Add(pick(g, 5*time.Minute, 30*time.Minute, 24*time.Hour*400)) // its clock is ahead, a bit or too much
	}
	order := event.OrderID(fmt.Sprint("o", g.IntN(g.orders)))
	topic = pick(g, event.Clickstream, event.Clickstream, event.Clickstream, event.Clickstream, event.Orders, event.Deliveries, event.Reviews)
	var e any
	switch topic {
	case event.Clickstream:
		c := g.click(h, order)
		e, key = c, string(c.Visitor)
	case event.Orders:
		e = g.order(h, order)
	case event.Deliveries:
		e = g.delivery(h, order)
	case event.Reviews:
		e = g.review(h, order)
	}
	value, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	if g.Batched[topic] {
		return topic, key, g.batch(topic, h, order, value)
	}
	switch g.IntN(80) {
	case 0:
		value = value[:g.IntN(len(value))]
	case 1:
		value = nil
	}
	return topic, key, value
}

// batch is a list with the event and others, of the same kind and time.
func (g *generator) batch(topic event.Topic, h event.Header, order event.OrderID, first []byte) []byte {
	list := append([]byte{'['}, first...)
	for i := range g.IntN(4) {
		h := h
		h.ID += event.ID(fmt.Sprint("-", i))
		var e any
		switch topic {
		case event.Clickstream:
			e = g.click(h, order)
		case event.Orders:
			e = g.order(h, order)
		case event.Deliveries:
			e = g.delivery(h, order)
		case event.Reviews:
			e = g.review(h, order)
		}
		if g.IntN(20) == 0 {
			e = "no event"
		}
		value, err := json.Marshal(e)
		if err != nil {
			panic(err)
		}
		list = append(append(list, ','), value...)
	}
	list = append(list, ']')
	if g.IntN(40) == 0 {
		list = list[:g.IntN(len(list))]
	}
	return list
}

func (g *generator) click(h event.Header, order event.OrderID) *event.Click {
	h.Type = pick(g, append(event.ClickTypes, "wishlist", event.Page, event.CheckoutCompleted)...)
	c := &event.Click{Header: h, Visitor: event.VisitorID(fmt.Sprint("v", g.IntN(g.visitors))),
		Customer: event.CustomerID(pick(g, "", "", "ann", "bob")), Session: event.SessionID(pick(g, "", "s1", "s2")),
		URL:      pick(g, "", "https://shop.example/", "https://shop.example/p/1?utm_campaign=may&utm_medium=cpc", "https://shop.example/p/2"),
		Referrer: pick(g, "", "https://shop.example/", "https://www.google.com/"), Country: pick(g, "", "DE", "ES"),
		UserAgent: pick(g, "", "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", "curl/8"),
		Step:      pick(g, "", "address", "payment")}
	if h.Type == event.CheckoutCompleted || h.Type == event.TrackingViewed || g.IntN(3) == 0 {
		c.Order = order
	}
	return c
}

func (g *generator) order(h event.Header, order event.OrderID) *event.Order {
	h.Type = pick(g, event.OrderTypes...)
	o := &event.Order{Header: h, Order: order, Customer: event.CustomerID(pick(g, "", "ann", "bob")),
		Visitor: event.VisitorID(pick(g, "", "v1")), Channel: pick(g, "", "web", "store"), Total: pick(g, 0, 12.5, 99.99),
		Currency: pick(g, "", "EUR"), Warehouse: pick(g, "", "north", "south"), Country: pick(g, "", "DE"), Amount: pick(g, 0, 0.1, 0.2),
		Reason: pick(g, "", "late", "broken")}
	if h.Type == event.Promised || g.IntN(4) == 0 {
		o.Promise = h.Time.Add(time.Duration(g.IntN(96)) * time.Hour)
	}
	if g.IntN(2) == 0 {
		o.Items = []event.Item{{Product: "p1", Category: "toys", Quantity: 2, Price: 9.99}, {Product: "p2"}}[:1+g.IntN(2)]
	}
	if g.IntN(40) == 0 {
		o.Order = "" // cannot be placed
	}
	return o
}

func (g *generator) delivery(h event.Header, order event.OrderID) *event.Delivery {
	h.Type = pick(g, event.DeliveryTypes...)
	d := &event.Delivery{Header: h, Order: order, Carrier: pick(g, "", "dhl", "ups"), Tracking: pick(g, "", "t1"),
		Warehouse: pick(g, "", "west"), Country: pick(g, "", "FR"), Region: pick(g, "", "IDF")}
	if h.Type == event.EstimateChanged || g.IntN(4) == 0 {
		d.Estimate = h.Time.Add(time.Duration(g.IntN(96)) * time.Hour)
	}
	if h.Type == event.Exception {
		d.Exception = pick(g, event.ExceptionKinds...)
	}
	return d
}

func (g *generator) review(h event.Header, order event.OrderID) *event.Review {
	h.Type = pick(g, event.ReviewTypes...)
	v := &event.Review{Header: h, Review: event.ReviewID(fmt.Sprint("r", g.IntN(g.reviews))), Order: order,
		Customer: event.CustomerID(pick(g, "", "cy", "di")), Rating: pick(g, 0, 1.0, 2, 3, 5), Title: pick(g, "", "good", "bad"),
		Text: pick(g, "", "nice\nthing"), Language: pick(g, "", "pt"), Author: pick(g, "", "x"), Reach: pick(g, 0, 10.0)}
	if v.Rating > 0 {
		v.RatingMax = pick(g, 0, 5.0, 10)
	}
	if g.IntN(3) == 0 {
		v.Order, v.Review = "", "alone"
	}
	if h.Type == event.ContactPromised {
		v.Contact = h.Time.Add(48 * time.Hour)
	}
	if h.Type == event.Resolved {
		v.Resolution = pick(g, event.Resolutions...)
	}
	if h.Type == event.Mention || h.Type == event.Posted || g.IntN(2) == 0 {
		v.Subjects = []event.Subject{{Kind: event.SubjectProduct, ID: "p1"}, {Kind: event.SubjectShop, ID: "s"}}[:1+g.IntN(2)]
	}
	v.Language = cmp.Or(v.Language, pick(g, "", "de-AT"))
	return v
}
