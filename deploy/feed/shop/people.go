package shop

// person is somebody who may visit. Nothing about people is remembered: it all follows from the seed and their number, so that a
// billion events need no more memory than a thousand. People 2n and 2n+1 live in one household.
type person struct {
	number  uint64
	place   uint8
	region  uint8
	lang    string
	devices int
	share   bool // the household's people share their first device
	keen    bool // buys more often than others
	known   bool // has bought before
}

func (s *Shop) person(number uint64) person {
	home := diceOf(s.cfg.Seed, 'h', number/2)
	at := placesOften.pick(&home)
	p := person{number: number, place: uint8(at), lang: places[at].language}
	p.region = uint8(home.below(len(places[at].regions)))
	p.share = home.chance(0.04)
	self := diceOf(s.cfg.Seed, 'q', number)
	if self.chance(0.06) {
		p.lang = pick(&self, languages[:])
	}
	p.devices = 1
	if self.chance(0.4) {
		p.devices = 2 + self.below(2)
	}
	p.keen = self.chance(0.2)
	return p
}

// device returns the visitor id of one of p's devices and its agent.
func (s *Shop) device(p *person, n int) (visitor uint64, agent uint16) {
	owner := p.number
	if n == 0 && p.share {
		owner &^= 1
	}
	d := diceOf(s.cfg.Seed, 'd', owner<<2|uint64(n))
	visitor = d.next()
	kind := mobile
	switch x := d.float(); {
	case n == 0 && p.share, n == 1:
		kind = desktop
	case n == 0 && x < 0.36:
		kind = desktop
	case n == 2 || x > 0.95:
		kind = tablet
	}
	return visitor, uint16(pickAgent(&d, kind))
}

// somebody chooses who comes next: a customer of old, one who looked lately, or somebody new. Those whom
// a delivery brings back come besides, see welcome.
func (s *Shop) somebody() person {
	d := &s.dice
	var number uint64
	known := false
	switch x := d.float(); {
	case x < 0.20:
		// Squared, so that some customers come far more often than others.
		number, known = uint64(d.float()*d.float()*float64(s.regulars)), true
	case x < 0.36:
		number = s.visitors.pick(d)
	default:
		number = s.newcomers
		s.newcomers++
	}
	p := s.person(number)
	p.known = known
	return p
}

// customerNumber is the number of p's account.
func customerNumber(person uint64) uint64 { return 100000 + person }

// ring remembers the last few numbers.
type ring struct {
	of   []uint64
	next int
}

func newRing(n int) ring { return ring{of: make([]uint64, n)} }

func (r *ring) add(x uint64) {
	r.of[r.next] = x
	r.next = (r.next + 1) % len(r.of)
}

func (r *ring) pick(d *dice) uint64 { return r.of[d.below(len(r.of))] }
