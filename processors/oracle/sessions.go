package oracle

import (
	"cmp"
	"slices"

	"github.com/afterclick/afterclick/processors/enrich"
	"github.com/afterclick/afterclick/processors/session"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

// visitor adds the sessions, identities and touches of one visitor's clicks.
func (rules Rules) visitor(t *Tables, clicks []*event.Click) {
	slices.SortFunc(clicks, func(a, b *event.Click) int { return byTime(a.Header, b.Header) })
	sessions := rules.cut(clicks)
	for _, s := range sessions {
		t.Sessions = append(t.Sessions, rules.session(s))
		t.Identities = append(t.Identities, identities(s)...)
		t.Touches = append(t.Touches, rules.touches(s, sessions, clicks)...)
	}
}

// cut gives the sessions of clicks that are in order, in order of start.
func (rules Rules) cut(clicks []*event.Click) [][]*event.Click {
	groups := map[event.SessionID][]*event.Click{}
	for _, c := range clicks {
		id := event.SessionID("")
		if rules.ByTracker {
			id = c.Session
		}
		groups[id] = append(groups[id], c)
	}
	byStart := map[event.Time][]*event.Click{}
	for id, group := range groups {
		var now []*event.Click
		end := func() {
			if len(now) > 0 {
				byStart[now[0].Time] = append(byStart[now[0].Time], now...)
			}
			now = nil
		}
		for _, c := range group {
			if n := len(now); n > 0 {
				quiet := c.Time.Sub(now[n-1].Time) > rules.Gap
				if id == "" && quiet || c.Time.Sub(now[0].Time) >= rules.MaxLength {
					end()
				}
			}
			now = append(now, c)
		}
		end()
	}
	var starts []event.Time
	for start := range byStart {
		starts = append(starts, start)
	}
	slices.Sort(starts)
	var sessions [][]*event.Click
	for _, start := range starts {
		s := byStart[start]
		slices.SortFunc(s, func(a, b *event.Click) int { return byTime(a.Header, b.Header) })
		sessions = append(sessions, s)
	}
	return sessions
}

func stageOf(t event.Type) table.Stage {
	switch t {
	case event.Product:
		return table.View
	case event.Search, event.ReviewsRead, event.Compare:
		return table.Research
	case event.CartViewed, event.CartAdded, event.CartRemoved:
		return table.Cart
	case event.CheckoutStarted, event.CheckoutStep:
		return table.Checkout
	case event.CheckoutCompleted:
		return table.Ordered
	}
	return table.Visit
}

// firstTime is the time of the first click that is as wanted, or 0.
func firstTime(clicks []*event.Click, want func(*event.Click) bool) event.Time {
	for _, c := range clicks {
		if want(c) {
			return c.Time
		}
	}
	return 0
}

func count(clicks []*event.Click, want func(*event.Click) bool) (n uint32) {
	for _, c := range clicks {
		if want(c) {
			n++
		}
	}
	return n
}

// first and last nonempty answer of the clicks.
func first(clicks []*event.Click, ask func(*event.Click) string) string {
	for _, c := range clicks {
		if v := ask(c); v != "" {
			return v
		}
	}
	return ""
}

func last(clicks []*event.Click, ask func(*event.Click) string) string {
	back := slices.Clone(clicks)
	slices.Reverse(back)
	return first(back, ask)
}

func is(types ...event.Type) func(*event.Click) bool {
	return func(c *event.Click) bool { return slices.Contains(types, c.Type) }
}

func at(stage table.Stage) func(*event.Click) bool {
	return func(c *event.Click) bool { return stageOf(c.Type) == stage }
}

func path(c *event.Click) string { return enrich.Path(c.URL) }

func (rules Rules) session(s []*event.Click) table.Session {
	row := table.Session{
		Visitor: s[0].Visitor, Start: s[0].Time, ID: session.ID(s[0].Visitor, s[0].Time), End: s[len(s)-1].Time,
		Customer:       event.CustomerID(last(s, func(c *event.Click) string { return string(c.Customer) })),
		Source:         event.Source(first(s, func(c *event.Click) string { return string(c.Source) })),
		TrackerSession: event.SessionID(first(s, func(c *event.Click) string { return string(c.Session) })),
		Country:        cmp.Or(first(s, func(c *event.Click) string { return c.Country }), enrich.Unknown),
		Category:       rules.category(s),
		Landing:        first(s, path),
		Exit:           last(s, path),
		Channel:        enrich.Unknown,
		View:           firstTime(s, at(table.View)),
		Research:       firstTime(s, at(table.Research)),
		Cart:           firstTime(s, at(table.Cart)),
		Checkout:       firstTime(s, at(table.Checkout)),
		Order:          firstTime(s, at(table.Ordered)),
		Track:          firstTime(s, is(event.TrackingViewed)),
		Contact:        firstTime(s, is(event.ContactOpened)),
		Events:         uint32(len(s)),
		PageViews:      count(s, is(event.Page)),
		ProductViews:   count(s, is(event.Product)),
		CartAdds:       count(s, is(event.CartAdded)),
		CheckoutStep: last(s, func(c *event.Click) string {
			if is(event.CheckoutStarted, event.CheckoutStep, event.CheckoutCompleted)(c) {
				return c.Step
			}
			return ""
		}),
	}
	for _, c := range s {
		row.Stage = max(row.Stage, stageOf(c.Type))
		if c.Type == event.CheckoutCompleted && c.Order != "" && !slices.Contains(row.Orders, c.Order) {
			row.Orders = append(row.Orders, c.Order)
		}
	}
	for _, c := range s {
		if _, e := enrich.Visit(c.URL, c.Referrer); e != (enrich.Entry{}) {
			row.Channel, row.Referrer, row.Campaign, row.TrafficSource = e.Channel, e.Referrer, e.Campaign, e.Source
			break
		}
	}
	agent := enrich.NewAgents(1).Agent(first(s, func(c *event.Click) string { return c.UserAgent }))
	row.Device, row.OS, row.Browser, row.Bot = agent.Device, agent.OS, agent.Browser, agent.Bot
	row.Region = region(s)
	customer := rules.customer(row.Customer)
	row.Segment, row.Generation, row.HomeCountry, row.CustomerSince = customer.Segment, customer.Generation, customer.HomeCountry, customer.FirstOrder
	return row
}

// region is the first one that is told together with the session's country.
func region(s []*event.Click) string {
	country := first(s, func(c *event.Click) string { return c.Country })
	region := first(s, func(c *event.Click) string {
		if country == "" || c.Country != country {
			return ""
		}
		return c.Region
	})
	return cmp.Or(region, enrich.Unknown)
}

// category is the one of most looks at products and of what was put into the cart; of equals, the one that comes last.
func (rules Rules) category(s []*event.Click) string {
	var seen []string
	for _, c := range s {
		if is(event.Product, event.CartAdded)(c) {
			category := enrich.Unknown
			if p, ok := rules.Lookups.Product(c.Product); ok && c.Product != "" {
				category = p.Category
			}
			seen = append(seen, category)
		}
	}
	best := ""
	for _, category := range seen { // a later one takes over if it has as many
		if times(seen, category) >= times(seen, best) {
			best = category
		}
	}
	return best
}

func times(all []string, word string) (n int) {
	for _, w := range all {
		if w == word {
			n++
		}
	}
	return n
}

// customer is what is told of somebody, if it is somebody.
func (rules Rules) customer(id event.CustomerID) enrich.Customer {
	c, told := rules.Lookups.Customer(id)
	switch {
	case id == "":
		return enrich.Customer{}
	case !told:
		return enrich.Customer{Segment: enrich.Unknown, Generation: enrich.Unknown, HomeCountry: enrich.Unknown}
	}
	return c
}

// identities are the unbroken runs of one customer; two that would have the same from and customer are one.
func identities(s []*event.Click) []table.Identity {
	var runs []table.Identity
	now := -1
	for _, c := range s {
		if c.Customer == "" {
			continue
		}
		if now < 0 || runs[now].Customer != c.Customer {
			now = slices.IndexFunc(runs, func(r table.Identity) bool { return r.From == c.Time && r.Customer == c.Customer })
		}
		if now < 0 {
			now = len(runs)
			runs = append(runs, table.Identity{Visitor: c.Visitor, Start: s[0].Time, From: c.Time, Customer: c.Customer})
		}
		runs[now].To = c.Time
	}
	return runs
}

// touches are what session s did for each order that it completed, tracked or asked about.
func (rules Rules) touches(s []*event.Click, all [][]*event.Click, clicks []*event.Click) []event.Touch {
	row := rules.session(s)
	var touches []event.Touch
	links := is(event.CheckoutCompleted, event.TrackingViewed, event.ContactOpened)
	done := map[event.OrderID]bool{"": true}
	for _, c := range s {
		if !links(c) || done[c.Order] {
			continue
		}
		order := c.Order
		done[order] = true
		about := func(t event.Type) func(*event.Click) bool {
			return func(c *event.Click) bool { return c.Type == t && c.Order == order }
		}
		back := row.Start.Add(-rules.Horizon)
		touch := event.Touch{Order: order, Visitor: row.Visitor, Session: row.ID, Start: row.Start, Source: row.Source,
			Customer: row.Customer, Channel: row.Channel, Referrer: row.Referrer, Campaign: row.Campaign, Landing: row.Landing,
			Device: row.Device, Country: row.Country, View: row.View, Research: row.Research, Cart: row.Cart, Checkout: row.Checkout,
			FirstSeen: firstTime(clicks, func(c *event.Click) bool { return c.Time >= back }),
			Ordered:   firstTime(s, about(event.CheckoutCompleted)),
			Track:     firstTime(s, about(event.TrackingViewed)), Tracks: count(s, about(event.TrackingViewed)),
			Contact: firstTime(s, about(event.ContactOpened)), Contacts: count(s, about(event.ContactOpened)),
		}
		for _, other := range all {
			if start := other[0].Time; start >= back && start < row.Start {
				touch.SessionsBefore++
			}
		}
		touches = append(touches, touch)
	}
	return touches
}
