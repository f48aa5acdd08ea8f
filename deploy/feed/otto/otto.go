// Package otto reads the data set of the OTTO recommender challenge as events of the contract: JSON lines, each a session of one
// shopper with everything that it did for up to four weeks.
//
//	clicks  clickstream  product
//	carts   clickstream  cart_added
//	orders  clickstream  checkout_completed, one for each product that was ordered; what was ordered in one moment is one order
//	        orders       placed, with all products of the order
//
// A session of the file is a visitor here, because its activity is cut into sessions by its gaps. Ids of events follow from the
// session and the place of the event in it, so that importing twice gives duplicates. All events are held in memory, 40 bytes each.
package otto

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/schemas/event"
)

// History is a file, read.
type History struct {
	deeds    []deed // in order of time
	sessions int
	orders   int
}

// deed is one event of the file, or the order that comes from several.
type deed struct {
	at      event.Time
	session int64
	product int64
	place   int32 // in its session
	kind    kind
	items   int32 // of an order: as many deeds of its session before this one are its items
}

type kind uint8

const (
	click kind = iota
	cart
	bought // one product
	placed // the order
)

var kinds = map[string]kind{"clicks": click, "carts": cart, "orders": bought}

// maxLine is the longest line that is taken for a session.
const maxLine = 64 << 20

// Open reads the file. An error names the line and what is wrong with it.
func Open(path string) (*History, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read OTTO: %w", err)
	}
	defer f.Close()
	h, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("read OTTO from %s: %w", path, err)
	}
	return h, nil
}

func read(in io.Reader) (*History, error) {
	h := &History{}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<20), maxLine)
	n := 0
	for lines.Scan() {
		n++
		if len(lines.Bytes()) == 0 {
			continue
		}
		var s struct {
			Session *int64 `json:"session"`
			Events  []struct {
				Product int64  `json:"aid"`
				Time    int64  `json:"ts"`
				Type    string `json:"type"`
			} `json:"events"`
		}
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if s.Session == nil {
			return nil, fmt.Errorf("line %d names no session", n)
		}
		h.sessions++
		for i, e := range s.Events {
			k, ok := kinds[e.Type]
			if !ok {
				return nil, fmt.Errorf("line %d, event %d: type %q is none of clicks, carts, orders", n, i+1, e.Type)
			}
			if e.Time < int64(event.Earliest) || e.Time > int64(event.Latest) {
				return nil, fmt.Errorf("line %d, event %d: ts %d is no time in milliseconds after the year 2000", n, i+1, e.Time)
			}
			h.deeds = append(h.deeds, deed{event.Time(e.Time), *s.Session, e.Product, int32(i), k, 0})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	h.order()
	return h, nil
}

// order sorts what was done and adds the orders behind what was bought in one moment.
func (h *History) order() {
	slices.SortFunc(h.deeds, func(a, b deed) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.session, b.session), cmp.Compare(a.kind, b.kind), cmp.Compare(a.place, b.place))
	})
	var all []deed
	items := int32(0)
	for i, d := range h.deeds {
		all = append(all, d)
		if d.kind != bought {
			continue
		}
		items++
		if next := i + 1; next < len(h.deeds) && h.deeds[next].kind == bought && h.deeds[next].at == d.at && h.deeds[next].session == d.session {
			continue
		}
		all = append(all, deed{at: d.at, session: d.session, kind: placed, items: items})
		h.orders++
		items = 0
	}
	h.deeds = all
}

// Sessions and Orders are how many there are.
func (h *History) Sessions() int { return h.sessions }
func (h *History) Orders() int   { return h.orders }

// Len is how many records the history has.
func (h *History) Len() int { return len(h.deeds) }

// Span is the time of the first and of the last record.
func (h *History) Span() (from, to time.Time) {
	if len(h.deeds) == 0 {
		return
	}
	return h.deeds[0].at.Time(), h.deeds[len(h.deeds)-1].at.Time()
}

// Records is the whole history; it can be had again.
func (h *History) Records() feed.Stream {
	return func(yield func(feed.Record) bool) {
		for i := range h.deeds {
			e := h.event(i)
			r, err := feed.Encode(&e)
			if err != nil {
				panic(err) // numbers and strings of our own making always encode
			}
			if !yield(r) {
				return
			}
		}
	}
}

const source = "otto"

func (h *History) event(i int) event.Event {
	d := &h.deeds[i]
	session := strconv.FormatInt(d.session, 10)
	visitor := event.VisitorID(source + "-" + session)
	head := event.Header{ID: event.ID(fmt.Sprintf("%s-%s-%d", source, session, d.place)), Time: d.at, Source: source}
	order := event.OrderID(fmt.Sprintf("%s-%s-%d", source, session, d.at))
	if d.kind == placed {
		head.ID, head.Type = event.ID("placed-"+string(order)), event.Placed
		o := &event.Order{Header: head, Order: order, Visitor: visitor, Channel: "web"}
		for _, b := range h.deeds[i-int(d.items) : i] {
			o.Items = append(o.Items, event.Item{Product: product(b.product), Quantity: 1})
		}
		return event.Event{Topic: event.Orders, Order: o}
	}
	head.Type = [...]event.Type{click: event.Product, cart: event.CartAdded, bought: event.CheckoutCompleted}[d.kind]
	c := &event.Click{Header: head, Visitor: visitor, Product: product(d.product)}
	if d.kind == bought {
		c.Order = order
	}
	return event.Event{Topic: event.Clickstream, Click: c}
}

func product(aid int64) event.ProductID { return event.ProductID(strconv.FormatInt(aid, 10)) }
