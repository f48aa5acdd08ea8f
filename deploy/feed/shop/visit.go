package shop

import (
	"math"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/schemas/event"
)

// visit is somebody who is in the shop now.
type visit struct {
	look
	person person
	region uint8
	phase  phase
	goal   goal
	want   uint8 // lines
	tries  uint8 // of payment
	left   int32 // clicks before the phase ends
}

// goal is how far the visitor means to go.
type goal uint8

const (
	bounce goal = iota
	browse
	research
	fill
	abandon // in the checkout
	buy
)

type phase uint8

const (
	browsing phase = iota
	adding
	inCart
	removing
	starting
	addressing
	paying
	completing
	following // a parcel
	asking
	crawling
	gone
)

// enter lets the awaited guest in. Their first click is due at once.
func (s *Shop) enter(t int64) {
	d := &s.dice
	p := s.guest
	v, ref := s.newVisit(p, t)
	at := &places[p.place]
	s.landing = s.arrive(t, at)

	n := 0
	if p.devices > 1 {
		n = d.below(p.devices)
	}
	v.visitor, v.agent = s.device(&p, n)
	if p.known && d.chance(0.35) {
		v.customer = customerNumber(p.number)
	}
	eager := channelBuys[s.landing.channel] * [3]float64{desktop: 1.25, mobile: 0.8, tablet: 1}[agents[v.agent].device]
	if p.known {
		eager *= 1.5
	}
	if p.keen {
		eager *= 1.4
	}
	switch x := d.float() / eager; {
	case x < 0.026:
		v.goal, v.left = buy, 5+int32(d.exp(5))
	case x < 0.042:
		v.goal, v.left = abandon, 4+int32(d.exp(5))
	case x < 0.105:
		v.goal, v.left = fill, 3+int32(d.exp(5))
	case x < 0.27:
		v.goal, v.left = research, 3+int32(d.exp(5))
	case x < 0.68:
		v.goal, v.left = browse, 1+int32(d.exp(3))
	default:
		v.goal, v.left = bounce, 1
	}
	v.want = uint8(min(1+int(d.exp(0.55)), len(v.lines)))
	s.visitors.add(p.number)
	s.walking.push(t, ref)
}

// newVisit resets a place in the slab for a visit of p.
func (s *Shop) newVisit(p person, t int64) (*visit, uint32) {
	ref := s.visits.take()
	v := s.visits.at(ref)
	*v = visit{person: p, region: p.region}
	v.lang, v.place = p.lang, p.place
	v.session = s.id()
	v.product = s.goods.pick(&s.dice)
	v.variant = uint8(v.session)
	return v, ref
}

// crawl lets a bot in.
func (s *Shop) crawl(t int64) {
	d := &s.dice
	v, ref := s.newVisit(s.person(d.next()>>20), t)
	v.robot, v.phase, v.visitor = true, crawling, d.next()
	v.agent = uint16(pickBot(d))
	v.left = 5 + int32(d.exp(50))
	if d.chance(0.003) {
		v.left = 12_000
	}
	s.landing = landing{}
	s.walking.push(t, ref)
}

// walk makes the next click of the visit that is due.
func (s *Shop) walk(t int64) (feed.Record, bool) {
	ref := s.walking.top()
	v := s.visits.at(ref)
	v.previous, v.before = v.page, v.product
	s.turn(v, t)
	s.clicks.write(&v.look, s.id(), t, &s.landing)
	s.key = appendHex(append(s.key[:0], 'v'), v.visitor)
	v.pages++
	v.failed = false
	if v.phase == gone {
		s.walking.drop()
		s.visits.put(ref)
	} else {
		s.walking.again(t + s.pause(v))
	}
	return s.tell(event.Clickstream, t, 0)
}

// pause is how long a visitor takes until the next click.
func (s *Shop) pause(v *visit) int64 {
	d := &s.dice
	if v.robot {
		return 150 + int64(d.exp(700))
	}
	if v.phase == browsing && d.chance(0.006) { // away from the screen; the tracker starts a new session
		v.session = s.id()
		return 31*minuteMS + int64(d.exp(float64(40*minuteMS)))
	}
	ms := int64(math.Exp(0.85*d.normal()) * 17_000)
	return min(max(ms, 1200), 25*minuteMS)
}

// turn decides what the click that is due shows, and what comes after it.
func (s *Shop) turn(v *visit, t int64) {
	d := &s.dice
	switch v.phase {
	case browsing:
		s.look(v)
		v.left--
		if v.left <= 0 {
			v.phase = gone
			if v.goal >= fill {
				v.phase = adding
			}
		}
	case adding:
		v.page = added
		v.lines[v.count] = line{v.product, 1}
		if d.chance(0.12) {
			v.lines[v.count].quantity += uint8(1 + d.below(2))
		}
		v.count++
		v.phase = inCart
		if v.count < v.want {
			v.phase, v.left = browsing, 1+int32(d.exp(2))
		}
	case inCart:
		v.page = cart
		switch {
		case v.count > 1 && d.chance(0.1):
			v.phase = removing
		case v.goal > fill:
			v.phase = starting
		default:
			v.phase = gone
		}
	case removing:
		v.page = removed
		v.count--
		v.product = v.lines[v.count].product
		v.want = v.count
		v.phase = inCart
	case starting:
		v.page, v.phase = checkout, addressing
		if v.goal == abandon && d.chance(0.4) {
			v.phase = gone
		}
	case addressing:
		v.page, v.phase = address, paying
		if v.goal == buy {
			v.customer = customerNumber(v.person.number)
		} else if d.chance(0.5) {
			v.phase = gone
		}
	case paying:
		v.page = payment
		s.pay(v, t)
	case completing:
		v.page, v.phase = thanks, gone
		v.order = s.order(v, t)
	case following:
		v.page = tracking
		v.left--
		if v.left <= 0 {
			v.phase = gone
		}
	case asking:
		v.page, v.phase = contact, gone
	case crawling:
		v.product = s.goods.pick(d)
		v.page = [...]page{home, list, detail, detail, detail, reviews, list, detail}[d.below(8)]
		v.left--
		if v.left <= 0 {
			v.phase = gone
		}
	}
}

// look chooses a page to browse.
func (s *Shop) look(v *visit) {
	d := &s.dice
	x := d.float()
	if v.pages == 0 {
		switch by := s.landing.channel; {
		case by == compare || by == searchAds && x < 0.6 || by == search && x < 0.4 || by == social && x < 0.5:
			v.page = detail
		case by == direct || x < 0.3:
			v.page = home
		default:
			v.page = list
		}
		return
	}
	if v.goal == bounce {
		v.page = home
		return
	}
	onProduct := v.previous == detail || v.previous == reviews || v.previous == comparison
	switch {
	case v.goal >= fill && v.left <= 1:
		v.page, v.product = detail, s.goods.like(d, v.product) // what goes into the cart was looked at
	case v.goal >= research && onProduct && x < 0.25:
		v.page = reviews
	case v.goal >= research && onProduct && x < 0.31:
		v.page = comparison
	case v.goal >= research && x < 0.42:
		v.page, v.product = results, s.goods.pick(d)
	case x < 0.47:
		v.page = home
	case x < 0.64:
		v.page = list
	default:
		v.page, v.product = detail, s.goods.like(d, v.product)
	}
}

// pay tries to pay. Where the checkout is broken, one in twelve gets through all the same.
func (s *Shop) pay(v *visit, t int64) {
	d := &s.dice
	v.phase = gone
	if v.goal != buy {
		return
	}
	v.phase = completing
	if broken := s.incidents.broken(agents[v.agent].browser, t); broken != nil && (v.tries > 0 || !d.chance(1.0/12)) {
		v.failed = true
		v.tries++
		v.phase = paying
		if v.tries > 1 && d.chance(0.6) || v.tries > 3 {
			v.phase = gone
			broken.Visits++
		}
		return
	}
	if d.chance(0.02) { // the card was declined once
		v.failed = true
		v.phase = paying
	}
}
