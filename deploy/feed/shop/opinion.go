package shop

import (
	"math"

	"github.com/afterclick/afterclick/schemas/event"
)

// opinion is a review, or a mention on a social network.
type opinion struct {
	number    uint64
	seed      uint64 // of its words
	place     opinionPlace
	rating    int8 // on the scale of its place; -1: none
	good      aspects
	bad       aspects
	complains bool // at most 2 stars at first
	waiting   bool // written before the parcel came
	silent    bool // no text
	resolve   uint8
	version   uint8
	reach     int64
}

// aspects is a set of what an opinion speaks of.
type aspects uint8

const (
	aboutProduct aspects = 1 << iota
	aboutPrice
	aboutDelivery
	aboutPackaging
	aboutService
	aboutReturns
	aboutWebsite
	aspectCount = iota
)

type opinionPlace uint8

const (
	onShop opinionPlace = iota
	onTrustpilot
	onGoogle // names no order
	onSurvey // from 0 to 10
	onInstagram
	onX
	onReddit
)

var opinionPlaces = [...]event.Source{
	onShop: "shop", onTrustpilot: "trustpilot", onGoogle: "google", onSurvey: "survey", onInstagram: "instagram", onX: "x", onReddit: "reddit",
}

func (p opinionPlace) social() bool     { return p >= onInstagram }
func (p opinionPlace) namesOrder() bool { return p != onGoogle && !p.social() }

// opine decides what customers say in public about an order, and what the shop answers.
func (s *Shop) opine(l *life) {
	d := &s.dice
	late := l.lateDays()
	want, social := 0.17, 0.015
	switch {
	case l.lost || l.defective || l.damaged:
		want, social = 0.5, 0.12
	case late > 2:
		want, social = 0.36, 0.08
	case late > 0:
		want, social = 0.26, 0.03
	}
	if d.chance(want) {
		s.review(l, late)
	}
	if d.chance(social) && l.delivered > 0 {
		n := s.opinionOf(l, onInstagram+opinionPlace(d.below(3)), s.stars(l, late))
		l.opinions[n].rating = -1
		l.opinions[n].silent = false
		l.opinions[n].reach = int64(math.Min(d.lognormal(400, 1.6), 2e6)) + 3
		at := l.delivered + d.between(hourMS, 3*dayMS)
		l.say(at, mention, n, 0)
		if l.opinions[n].bad != 0 && d.chance(0.3) {
			l.say(at+d.between(hourMS, dayMS), answered, n, 0)
		}
	}
}

// review posts a review when the customer knows what to say, or, if the parcel does not come, when patience ends.
func (s *Shop) review(l *life, late float64) {
	d := &s.dice
	var from opinionPlace
	switch x := d.float(); {
	case x < 0.68:
		from = onShop
	case x < 0.80:
		from = onTrustpilot
	case x < 0.90:
		from = onGoogle
	default:
		from = onSurvey
	}
	stars := s.stars(l, late)
	at := l.delivered + 4*hourMS + int64(d.lognormal(2.6, 0.8)*float64(dayMS))
	waiting := false
	switch {
	case l.delivered == 0 && !l.lost: // refused
		return
	case l.lost:
		waiting, at = true, l.promise+d.between(12*hourMS, 6*dayMS)
	case late > 0.5 && d.chance(0.3):
		waiting, at = true, l.promise+int64(d.float()*late*float64(dayMS))
	}
	if waiting {
		stars = 1 + int8(d.below(2))
		at = max(at, l.placed+dayMS)
	}
	n := s.opinionOf(l, from, stars)
	op := &l.opinions[n]
	op.complains = stars <= 2
	if op.waiting = waiting; waiting {
		op.bad, op.good = aboutDelivery, 0
		if d.chance(0.4) {
			op.bad |= aboutService
		}
	}
	l.say(at, posted, n, 0)
	s.answer(l, n, stars, at)
}

// stars are 1 to 5, by how it went.
func (s *Shop) stars(l *life, late float64) int8 {
	d := &s.dice
	x := s.goods.all[l.lines[0].product].quality + 0.75*d.normal()
	if late > 0 {
		x -= math.Min(0.7+0.35*late, 2.8)
	}
	if l.damaged {
		x -= 2
	}
	if l.defective {
		x -= 2.5
	}
	return int8(math.Round(math.Max(1, math.Min(5, x))))
}

// opinionOf adds an opinion to an order and chooses what it speaks of.
func (s *Shop) opinionOf(l *life, from opinionPlace, stars int8) uint8 {
	d := &s.dice
	s.opined++
	op := opinion{number: 500_000 + s.opined, seed: d.next(), place: from, silent: d.chance(0.35)}
	op.rate(stars)
	some := func() aspects { return 1 << d.below(aspectCount) }
	if stars <= 3 {
		if l.lateDays() > 0 || l.lost {
			op.bad |= aboutDelivery
		}
		if l.damaged {
			op.bad |= aboutPackaging
		}
		if l.defective {
			op.bad |= aboutProduct
		}
		if op.bad == 0 {
			op.bad = pick(d, []aspects{aboutProduct, aboutProduct, aboutProduct, aboutPrice, aboutService, aboutWebsite, aboutReturns})
		}
		if d.chance(0.25) {
			op.bad |= some()
		}
		if stars == 3 || d.chance(0.15) {
			op.good = some() &^ op.bad
		}
	} else {
		op.good = pick(d, []aspects{aboutProduct, aboutProduct, aboutDelivery, aboutPrice}) | some()
		if l.lateDays() > 0 {
			op.good &^= aboutDelivery
		}
		if stars == 4 && d.chance(0.4) {
			op.bad = some() &^ op.good
		}
	}
	l.opinions = append(l.opinions, op)
	return uint8(len(l.opinions) - 1)
}

// rate translates stars to the scale of the opinion's place.
func (op *opinion) rate(stars int8) {
	op.rating = stars
	if op.place == onSurvey {
		op.rating = (stars-1)*5/2 + int8(op.seed&1)*(5-stars)/4
	}
}

func (o *order) say(at int64, what happening, which uint8, arg int64) {
	o.steps = append(o.steps, step{at: at, what: what, which: which, arg: arg})
}

// answer is what the shop does about a review, and the customer then with the review. Some promised contacts never come.
func (s *Shop) answer(l *life, n uint8, stars int8, at int64) {
	d := &s.dice
	solved := int64(0)
	if stars <= 2 {
		reply := at + d.between(2*hourMS, 3*dayMS)
		switch x := d.float(); {
		case x < 0.32:
			l.say(reply, contactPromised, n, reply+2*dayMS)
			if d.chance(0.6) {
				solved = reply + d.between(6*hourMS, 4*dayMS)
			}
		case x < 0.66:
			l.say(reply, answered, n, 0)
			if d.chance(0.3) {
				solved = reply + d.between(6*hourMS, 4*dayMS)
			}
		}
		if solved > 0 {
			op := &l.opinions[n]
			op.resolve = uint8(d.below(3))
			l.say(solved, resolved, n, 0)
		}
	} else if d.chance(0.1) {
		l.say(at+d.between(2*hourMS, 4*dayMS), answered, n, 0)
	}
	switch {
	case solved > 0 && d.chance(0.35):
		l.say(solved+d.between(hourMS, 3*dayMS), edited, n, int64(min(stars+1+int8(d.below(2)), 5)))
	case d.chance(0.03):
		l.say(at+d.between(minuteMS, 9*dayMS), edited, n, int64(max(1, min(5, stars-1+int8(d.below(3))))))
	case d.chance(0.025):
		l.say(at+d.between(hourMS, 20*dayMS), takenDown, n, 0)
	}
}
