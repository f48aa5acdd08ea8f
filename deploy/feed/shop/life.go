package shop

import (
	"cmp"
	"math"
	"slices"
)

// life is what becomes of an order, while it is planned.
type life struct {
	*order
	delivered int64 // 0: never
	damaged   bool
	defective bool
	lost      bool
}

// lateDays is by how many days the parcel missed its promise; negative: it was early.
func (l *life) lateDays() float64 {
	if l.delivered == 0 {
		return 0
	}
	return float64(l.delivered-l.promise) / float64(dayMS)
}

func (o *order) add(at int64, what happening, arg int64) {
	o.steps = append(o.steps, step{at: at, what: what, arg: arg})
}

// plan decides an order's whole life at once. What happens at a time that an incident covers follows the incident.
func (s *Shop) plan(o *order) {
	d := &s.dice
	l := &life{order: o}
	s.promiseArrival(o)
	o.add(o.placed, placed, 0)
	if o.untold = d.chance(0.1); o.untold && d.chance(0.7) { // else nobody says when it comes
		o.add(o.placed+d.between(5*minuteMS, 90*minuteMS), promised, 0)
	}
	if d.chance(categories[s.goods.all[o.lines[0].product].category].warranty) {
		o.add(o.placed+d.between(secondMS, 2*dayMS), warranty, 0)
	}
	pay := o.placed + d.between(3*secondMS, 40*secondMS)
	if d.chance(0.14) { // a bank transfer
		pay = o.placed + d.between(4*hourMS, 60*hourMS)
	}
	if d.chance(0.022) {
		s.cancel(o, pay)
	} else {
		o.add(pay, paid, 0)
		s.ship(l, pay)
		s.aftermath(l)
		s.opine(l)
		s.remember(l)
	}
	slices.SortStableFunc(o.steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
}

// promiseArrival promises the evening of a day that the carrier usually reaches.
func (s *Shop) promiseArrival(o *order) {
	at := &places[o.person.place]
	days := 1 + int64(math.Ceil(carriers[o.carrier].quote*way(at)))
	day := (o.placed + at.offset*hourMS) / dayMS
	for ; days > 0; days-- {
		if day++; isSunday(day) {
			day++
		}
	}
	o.promise = day*dayMS + (20-at.offset)*hourMS
}

// way is how much longer parcels take than at distance 1.
func way(p *place) float64 { return math.Pow(p.distance, 0.6) }

func isSunday(day int64) bool   { return (day+4)%7 == 0 }
func isSaturday(day int64) bool { return (day+4)%7 == 6 }

// cancel ends an order that is not packed yet.
func (s *Shop) cancel(o *order, pay int64) {
	d := &s.dice
	o.reason = pick(d, []string{"changed_mind", "found_cheaper", "ordered_twice", "too_slow", "out_of_stock"})
	at := o.placed + d.between(20*minuteMS, 9*hourMS)
	if pay < at {
		o.add(pay, paid, 0)
		o.add(at+d.between(dayMS, 4*dayMS), refunded, o.total)
	}
	o.add(at, cancelled, 0)
}

// working is t, or the next time that a warehouse works: Monday to Saturday, 6 to 20 UTC.
func (s *Shop) working(t int64) int64 {
	day, hour := t/dayMS, t%dayMS/hourMS
	if isSunday(day) || hour >= 20 {
		day++
	} else if hour >= 6 {
		return t
	}
	if isSunday(day) {
		day++
	}
	return day*dayMS + 6*hourMS + s.dice.between(0, 3*hourMS)
}

// ship brings the parcel from the warehouse to the door.
func (s *Shop) ship(l *life, pay int64) {
	d := &s.dice
	o, c, at := l.order, &carriers[l.carrier], &places[l.person.place]

	pack := s.working(pay + int64(d.lognormal(5, 0.6)*float64(hourMS)))
	if jam := s.incidents.backlog(warehouses[o.warehouse], pack); jam != nil {
		jam.Orders++
		pack = s.working(pack + int64((2.5+1.5*d.float())*float64(dayMS)))
	}
	o.add(pack, packed, 0)

	hand := pack/dayMS*dayMS + 17*hourMS + d.between(0, hourMS) // the truck comes in the evening
	if hand < pack+20*minuteMS {
		hand = s.working(hand+11*hourMS)/dayMS*dayMS + 17*hourMS + d.between(0, hourMS)
	}
	struck := false
	hand = s.move(o, hand, &struck)
	o.add(hand, handedOver, 0)
	scan := s.move(o, hand+d.between(4*hourMS, 12*hourMS), &struck)
	o.add(scan, inTransit, 0)

	if d.chance(c.lost) {
		l.lost = true
		return
	}
	days := d.lognormal(c.days, c.spread) * way(at)
	arrive := hand + int64(days*float64(dayMS))
	if days > 1.8 {
		if hub := s.move(o, scan+(arrive-scan)/2, &struck); hub > scan {
			o.add(hub, inTransit, 0)
			scan = hub
		}
	}
	arrive = max(arrive, scan+2*hourMS)
	out, door := s.door(o, arrive, &struck)
	l.damaged = d.chance(c.damaged)
	if l.damaged && d.chance(0.45) {
		o.add(out-d.between(10*minuteMS, 50*minuteMS), damaged, 0)
	}
	o.add(out, outForDelivery, 0)
	for tries := 0; tries < 2 && d.chance(c.missed); tries++ {
		o.add(door, attempted, 0)
		out, door = s.door(o, door+12*hourMS, &struck)
		o.add(out, outForDelivery, 0)
	}
	if d.chance(0.003) {
		o.reason = "refused"
		o.add(door, refused, 0)
		o.add(door+d.between(4*dayMS, 12*dayMS), refunded, o.total)
		return
	}
	l.delivered = door
	o.add(door, delivered, 0)
}

// move is t, or a time after the strike that stops the parcel at t. The backlog of a strike clears over days.
func (s *Shop) move(o *order, t int64, struck *bool) int64 {
	for {
		strike := s.incidents.strike(&carriers[o.carrier], places[o.person.place].country, t)
		if strike == nil {
			return t
		}
		if !*struck {
			*struck = true
			strike.Orders++
		}
		t = strike.To.UnixMilli() + s.dice.between(2*hourMS, 60*hourMS)
	}
}

// door says when the van leaves and when it is at the door, on the first day from t on that the carrier delivers.
func (s *Shop) door(o *order, t int64, struck *bool) (out, door int64) {
	d := &s.dice
	c, at := &carriers[o.carrier], &places[o.person.place]
	for {
		local := t + at.offset*hourMS
		day := local / dayMS
		if local%dayMS > 8*hourMS {
			day++
		}
		for isSunday(day) || !c.saturday && isSaturday(day) {
			day++
		}
		midnight := day*dayMS - at.offset*hourMS
		out = midnight + 8*hourMS + d.between(0, 90*minuteMS)
		door = out + d.between(40*minuteMS, 10*hourMS)
		t = s.move(o, out, struck)
		if t == out {
			if t = s.move(o, door, struck); t == door {
				return out, door
			}
		}
	}
}

// aftermath is what customer, carrier and shop do because of how the delivery went.
func (s *Shop) aftermath(l *life) {
	d := &s.dice
	o := l.order
	hand := int64(0)
	for _, st := range o.steps {
		if st.what == handedOver {
			hand = st.at
		}
	}
	first := &s.goods.all[o.lines[0].product]
	for _, line := range o.lines[:o.count] {
		p := &s.goods.all[line.product]
		if bad := s.incidents.batch(p.number, o.placed); bad != nil && d.chance(0.75) {
			l.defective = true
			bad.Orders++
		} else if d.chance(0.008 + max(0, 4-p.quality)*0.06) {
			l.defective = true
		}
	}

	// Whoever cares looks now and then, and more often once the promise is broken.
	cares := d.chance(0.65)
	if cares {
		o.add(hand+d.between(hourMS, 14*hourMS), looksUp, 0)
		if l.delivered > 0 && d.chance(0.5) {
			o.add(l.delivered-d.between(10*minuteMS, 5*hourMS), looksUp, 0)
		}
	}
	until := l.delivered
	if l.lost {
		until = max(o.promise, hand) + d.between(3*dayMS, 7*dayMS)
		o.add(until, lost, 0)
		s.makeGood(l, until+d.between(4*hourMS, 2*dayMS), "lost")
	}
	if until > o.promise {
		if d.chance(0.55) {
			o.add(o.promise+d.between(0, min(6*hourMS, until-o.promise)), late, 0)
		}
		if tell := o.promise - d.between(-2*hourMS, 14*hourMS); d.chance(0.6) && tell > hand && tell < until {
			o.add(tell, estimateChanged, until/dayMS*dayMS+19*hourMS+d.between(0, 2)*dayMS)
		}
		for t, n := o.promise, 0; cares && n < 6; n++ {
			if t += d.between(6*hourMS, 28*hourMS); t >= until {
				break
			}
			o.add(t, looksUp, 0)
		}
		if t := o.promise + d.between(4*hourMS, 40*hourMS); t < until && d.chance(0.35) {
			o.add(t, asks, 0)
		}
	}
	if l.delivered == 0 {
		return
	}
	if d.chance(0.3) {
		o.add(l.delivered+d.between(5*minuteMS, 40*hourMS), confirmed, 0)
	}
	s.sendBack(l, first)
}

// sendBack decides whether the customer returns what came.
func (s *Shop) sendBack(l *life, p *product) {
	d := &s.dice
	chance, reason := categories[p.category].returned, pick(d, []string{"changed_mind", "not_as_described", "wrong_size"})
	switch {
	case l.damaged:
		chance, reason = 0.6, "damaged"
	case l.defective:
		chance, reason = 0.55, "defective"
	case l.lateDays() > 3:
		chance, reason = chance+0.08, "too_late"
	}
	if !d.chance(chance) {
		return
	}
	l.reason = reason
	asked := l.delivered + hourMS + int64(d.lognormal(2, 0.7)*float64(dayMS))
	l.add(asked, returnRequested, 0)
	if (l.damaged || l.defective) && d.chance(0.4) {
		l.add(asked-d.between(minuteMS, hourMS/2), asks, 1)
	}
	back := asked + d.between(3*dayMS, 9*dayMS)
	l.add(back, returned, 0)
	s.makeGood(l, back+d.between(dayMS, 5*dayMS), reason)
}

// makeGood sends the money back, or the goods again.
func (s *Shop) makeGood(l *life, t int64, reason string) {
	d := &s.dice
	l.reason = reason
	again := reason == "lost" || reason == "damaged" || reason == "defective"
	if again && d.chance(0.4) {
		l.add(t, replacementSent, 0)
		return
	}
	amount := l.total
	if l.count > 1 && reason != "lost" {
		amount = s.goods.all[l.lines[0].product].price * int64(l.lines[0].quantity)
	}
	l.add(t, refunded, amount)
}
