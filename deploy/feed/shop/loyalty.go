package shop

import "math"

// What brings customers back: the truth that analyses of loyalty should find. A delivery brings its customer back within weeks, to buy,
// with these chances; besides, everybody may come by as always.
const (
	backKept     = 0.30 // the promise was kept, and nothing else is to be said
	backLate     = 0.15 // it was broken; times exp(-days late / backFade)
	backFade     = 3
	backSpoiled  = 0.3  // times, of damaged or defective goods
	backIgnored  = 0.4  // times, if there was a complaint which was not resolved
	backResolved = 0.24 // at least, if it was
)

// Comebacks is how many deliveries of one experience brought their customer back to buy again, on purpose.
type Comebacks struct {
	Experience string  `json:"experience"` // kept, late, case resolved, case ignored
	Deliveries int     `json:"deliveries"`
	Chance     float64 `json:"chance"` // that they had, on average
	Back       int     `json:"back"`   // of them, whose customers have come back or will
}

// experience is what a customer remembers of a delivery.
type experience uint8

const (
	wasKept experience = iota
	wasLate
	wasResolved
	wasIgnored
	experiences
)

var experienceNames = [experiences]string{"kept", "late", "case resolved", "case ignored"}

// remember decides whether the customer comes back, and when.
func (s *Shop) remember(l *life) {
	chance := backKept
	l.lived = 1 << wasKept
	if late := l.lateDays(); late > 0 {
		chance = backLate * math.Exp(-late/backFade)
		l.lived = 1 << wasLate
	}
	if l.damaged || l.defective {
		chance *= backSpoiled
	}
	complained, solved := false, false
	for _, st := range l.steps {
		complained = complained || st.what == posted && l.opinions[st.which].complains
		solved = solved || st.what == resolved
	}
	switch {
	case solved:
		chance = max(chance, backResolved)
		l.lived |= 1 << wasResolved
	case complained:
		chance *= backIgnored
		l.lived |= 1 << wasIgnored
	}
	l.chance = float32(chance)
	if s.dice.chance(chance) {
		l.back = dayMS + int64(s.dice.lognormal(11, 0.6)*float64(dayMS))
	}
}

// part lets the customer go whose parcel has just come.
func (s *Shop) part(o *order, t int64) {
	for e := range experiences {
		if o.lived>>e&1 != 0 {
			c := &s.comebacks[e]
			c.Deliveries++
			c.Chance += float64(o.chance)
			if o.back > 0 {
				c.Back++
			}
		}
	}
	if o.back > 0 {
		ref := s.away.take()
		*s.away.at(ref) = o.person.number
		s.returning.push(t+o.back, ref)
	}
}

// Comebacks are those of all that was delivered so far.
func (s *Shop) Comebacks() []Comebacks {
	all := make([]Comebacks, experiences)
	for e := range all {
		all[e] = s.comebacks[e]
		all[e].Experience = experienceNames[e]
		all[e].Chance /= math.Max(1, float64(all[e].Deliveries))
	}
	return all
}

// welcome lets a customer in who comes back to buy.
func (s *Shop) welcome(t int64) {
	d := &s.dice
	p := s.person(*s.away.at(s.returning.top()))
	s.away.put(s.returning.top())
	s.returning.drop()
	p.known = true
	v, ref := s.newVisit(p, t)
	v.visitor, v.agent = s.device(&p, d.below(p.devices))
	s.landing = s.arrive(t, &places[p.place])
	if d.chance(0.5) {
		v.customer = customerNumber(p.number)
	}
	v.goal, v.left = buy, 3+int32(d.exp(4))
	v.want = uint8(min(1+int(d.exp(0.55)), len(v.lines)))
	s.walking.push(t, ref)
}
