// Package shop simulates a shop: visits, orders, parcels and opinions, as records of the four source topics.
//
// A seed gives the same bytes every time. Memory is bounded by the traffic, not by the length of the stream: what is held are the
// visits of this hour, the orders whose life is not over yet (about eleven days each), the customers who will come back within weeks and
// the records that are late.
package shop

import (
	"fmt"
	"time"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/schemas/event"
)

// Shop is a simulated shop. It is used by one goroutine.
type Shop struct {
	cfg       Config
	start     int64
	end       int64
	dice      dice
	counter   uint64 // of ids
	incidents incidents
	campaigns campaigns

	regulars  uint64 // people below this number are customers from the start
	newcomers uint64 // the next person who was never here
	visitors  ring   // people who came lately
	guest     person // who comes next
	nextGuest int64
	nextBot   int64
	landing   landing // of the visit that is about to make its first click

	visits    slab[visit]
	walking   queue // visits by their next click
	orders    slab[order]
	waiting   queue // orders by their next step
	ordered   uint64
	opined    uint64
	away      slab[uint64] // people whom a delivery brings back
	returning queue        // ... by when they come
	comebacks [experiences]Comebacks
	held      slab[held]
	late      queue // records that arrive later than now

	clicks // writes every event, and has the catalogue
	key    []byte
}

// held is a record that is not told yet.
type held struct {
	topic   event.Topic
	time    event.Time
	arrival event.Time
	key     int // length of the key in bytes
	bytes   []byte
}

// New returns the shop of a valid config.
func New(cfg Config) (*Shop, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("simulated shop: %w", err)
	}
	s := &Shop{
		cfg:      cfg,
		start:    cfg.Start.UnixMilli(),
		dice:     diceOf(cfg.Seed, 's', 0),
		regulars: uint64(cfg.Visits)*2 + 100,
	}
	s.end = s.start + int64(cfg.Days)*dayMS
	if cfg.Endless {
		s.end = never
	}
	s.incidents = newIncidents(&s.cfg, s.start)
	s.goods = newCatalogue(cfg.Seed, cfg.Products)
	s.newcomers = s.regulars
	s.visitors = newRing(max(cfg.Visits, 100))
	for i := range s.visitors.of {
		s.visitors.of[i] = uint64(s.dice.below(int(s.regulars)))
	}
	s.nextGuest, s.nextBot = s.start, never
	s.invite()
	if cfg.Bots > 0 {
		s.nextBot = s.start
		s.program()
	}
	return s, nil
}

// End is when the history ends, and live traffic begins if the shop is endless.
func (s *Shop) End() time.Time { return s.cfg.Start.Add(time.Duration(s.cfg.Days) * 24 * time.Hour) }

// Span is the time of the history.
func (s *Shop) Span() (from, to time.Time) { return s.cfg.Start, s.End() }

// Incidents are the planned ones, with what they have done so far; of an endless shop, those of its history.
func (s *Shop) Incidents() []Incident { return s.incidents.until(s.End().UnixMilli()) }

// Records goes on where it stopped, with what arrives before the end.
func (s *Shop) Records() feed.Stream {
	return func(yield func(feed.Record) bool) {
		for {
			r, ready, more := s.step()
			if !more || ready && !yield(r) {
				return
			}
		}
	}
}

// step does what is due next. Visits go first, because a visit that has just begun is to make its first click before another begins.
func (s *Shop) step() (r feed.Record, ready, more bool) {
	walk, wait, late := s.walking.soonest(), s.waiting.soonest(), s.late.soonest()
	back := s.returning.soonest()
	now := min(walk, wait, late, back, s.nextGuest, s.nextBot)
	if now >= s.end {
		return r, false, false
	}
	switch now {
	case walk:
		r, ready = s.walk(now)
	case late:
		r, ready = s.release(), true
	case wait:
		r, ready = s.live(now)
	case back:
		s.welcome(now)
	case s.nextGuest:
		s.enter(now)
		s.invite()
	default:
		s.crawl(now)
		s.program()
	}
	return r, ready, true
}

// invite chooses the next guest and when: a Poisson process of changing density, by thinning.
func (s *Shop) invite() {
	mean := float64(dayMS) / (float64(s.cfg.Visits) * busiest)
	t := float64(s.nextGuest)
	for {
		t += s.dice.exp(mean)
		at := int64(t)
		s.guest = s.somebody()
		density := activity(at, places[s.guest.place].offset) * s.campaigns.boost(s.cfg.Seed, at)
		if s.dice.chance(density / busiest) {
			s.nextGuest = at
			return
		}
	}
}

// program says when the next bot comes. Bots do not sleep.
func (s *Shop) program() {
	s.nextBot += 1 + int64(s.dice.exp(float64(dayMS)/(float64(s.cfg.Visits)*s.cfg.Bots)))
}

// id is a new one: a bijection of a counter.
func (s *Shop) id() uint64 {
	s.counter++
	return mix(s.counter*golden ^ s.cfg.Seed)
}

// tell hands out the event that was just written, or keeps it until it arrives: latency milliseconds after it happened, or, if it
// is one of the late ones, much later. Some are told twice.
func (s *Shop) tell(topic event.Topic, t int64, latency int64) (feed.Record, bool) {
	d := &s.dice
	arrival := t + latency
	if d.chance(s.cfg.Late) {
		arrival += min(minuteMS+int64(d.exp(float64(40*minuteMS))), 12*hourMS)
	}
	if d.chance(s.cfg.Duplicates) {
		s.hold(topic, t, arrival+secondMS+int64(d.exp(float64(5*minuteMS))))
	}
	if arrival > t {
		s.hold(topic, t, arrival)
		return feed.Record{}, false
	}
	return feed.Record{Topic: topic, Key: s.key, Time: event.Time(t), Arrival: event.Time(t), Value: s.b}, true
}

func (s *Shop) hold(topic event.Topic, t, arrival int64) {
	ref := s.held.take()
	h := s.held.at(ref)
	h.topic, h.time, h.arrival, h.key = topic, event.Time(t), event.Time(arrival), len(s.key)
	h.bytes = append(append(h.bytes[:0], s.key...), s.b...)
	s.late.push(arrival, ref)
}

// release tells the record that has just arrived. Its place is free at once: it is overwritten at the next step at the earliest.
func (s *Shop) release() feed.Record {
	ref := s.late.top()
	s.late.drop()
	s.held.put(ref)
	h := s.held.at(ref)
	return feed.Record{Topic: h.topic, Key: h.bytes[:h.key], Time: h.time, Arrival: h.arrival, Value: h.bytes[h.key:]}
}
