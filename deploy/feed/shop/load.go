package shop

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/schemas/event"
)

// LoadConfig says which clickstream a benchmark gets.
type LoadConfig struct {
	Seed   uint64
	Start  time.Time
	Rate   float64 // clicks per second of event time
	Live   int     // visits that go on at any time
	Events int64   // clicks in all
}

// Load is a clickstream of people only, in order, as even as a benchmark wants it: Live visits go on from the first click to the
// last, each visit is of 10 clicks of one visitor, and successive clicks of a visitor are about Live/Rate seconds apart, at least 5.
type Load struct {
	cfg    LoadConfig
	block  int // slots among which the order is random; a power of two
	slots  []slot
	clicks // writes the events, and has the catalogue
	key    []byte
}

// slot is a visit that goes on. Everything else about it follows from its number.
type slot struct {
	visit  uint64
	clicks uint8 // made so far
}

// loadClicks is how many clicks a visit has.
const loadClicks = 10

// loadPaths are what visits do, each click by click: looking around, choosing with care, leaving a cart, leaving the checkout, buying.
var loadPaths = [][loadClicks]page{
	{home, list, detail, list, detail, detail, home, list, detail, list},
	{detail, reviews, detail, list, detail, comparison, detail, results, detail, reviews},
	{home, results, detail, reviews, added, cart, list, detail, detail, cart},
	{list, detail, reviews, detail, added, detail, added, cart, checkout, address},
	{detail, reviews, list, detail, added, cart, checkout, address, payment, thanks},
}

var loadOften = newWeights([]float64{52, 25, 13, 6, 4})

// NewLoad returns the clickstream of a valid config.
func NewLoad(cfg LoadConfig) (*Load, error) {
	var errs []error
	if err := validStart(cfg.Start); err != nil {
		errs = append(errs, err)
	}
	if cfg.Events < 1 {
		errs = append(errs, fmt.Errorf("events %d: must be at least 1", cfg.Events))
	}
	if !(cfg.Rate > 0) || cfg.Live < 1 {
		errs = append(errs, fmt.Errorf("rate %v, live %d: must be above 0", cfg.Rate, cfg.Live))
	} else if gap := float64(cfg.Live) / cfg.Rate; gap < 5 || gap > 600 {
		errs = append(errs, fmt.Errorf("%d live visits at %v clicks/s: a visitor would click every %.3g s, must be 5 to 600", cfg.Live, cfg.Rate, gap))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	l := &Load{cfg: cfg, slots: make([]slot, cfg.Live), block: 1}
	// Within a block, two clicks of a visitor may be closer than a round by up to a block.
	if spare := cfg.Live - int(5*cfg.Rate) - 1; spare > 1 {
		l.block = 1 << min(bits.Len(uint(spare))-1, 12)
	}
	l.goods = newCatalogue(cfg.Seed, 2000)
	d := diceOf(cfg.Seed, 'l', 0)
	for i := range l.slots {
		l.slots[i] = slot{uint64(i), uint8(d.below(loadClicks))} // at first, visits are anywhere on their way
	}
	return l, nil
}

// Span is the time of the clicks.
func (l *Load) Span() (from, to time.Time) {
	return l.cfg.Start, l.cfg.Start.Add(time.Duration(float64(l.cfg.Events) / l.cfg.Rate * float64(time.Second)))
}

// Records is the whole stream. It can be had once.
func (l *Load) Records() feed.Stream {
	return func(yield func(feed.Record) bool) {
		born := uint64(l.cfg.Live)
		start := float64(l.cfg.Start.UnixMilli())
		mask := 0
		for i, n := 0, int64(0); n < l.cfg.Events; i, n = i+1, n+1 {
			if i == len(l.slots) {
				i = 0
			}
			base := i &^ (l.block - 1)
			if i == base {
				mask = int(diceOf(l.cfg.Seed, 'm', uint64(n)).state) & (l.block - 1)
			}
			at := i
			if base+l.block <= len(l.slots) {
				at = base + (i - base) ^ mask
			}
			s := &l.slots[at]
			t := int64(start + float64(n)*1000/l.cfg.Rate)
			l.click(s, t, uint64(n))
			if !yield(feed.Record{Topic: event.Clickstream, Key: l.key, Time: event.Time(t), Arrival: event.Time(t), Value: l.b}) {
				return
			}
			if s.clicks++; s.clicks == loadClicks {
				*s = slot{visit: born}
				born++
			}
		}
	}
}

func (l *Load) click(s *slot, t int64, n uint64) {
	d := diceOf(l.cfg.Seed, 'v', s.visit)
	at := placesOften.pick(&d)
	v := look{visitor: d.next(), session: d.next(), place: uint8(at), lang: places[at].language, pages: uint32(s.clicks)}
	v.agent, v.variant = uint16(pickAgent(&d, device(d.below(2)))), uint8(v.session)
	path := &loadPaths[loadOften.pick(&d)]
	v.page = path[s.clicks]
	// From here on the throws must be the same for every click of the visit.
	known, person := d.chance(0.2), d.next()%10_000_000
	if known || v.page >= address && v.page <= thanks {
		v.customer = customerNumber(person)
	}
	var from landing
	if s.clicks == 0 {
		own := diceOf(l.cfg.Seed, 'f', s.visit)
		from = land(&own, channel(channelOften.pick(&own)), "", &places[at])
	} else {
		v.previous = path[s.clicks-1]
	}
	// The products of a visit: a new one with each click that looks at one or lists some, the same for what is done with it.
	for i := range s.clicks + 1 {
		v.before = v.product
		switch p := path[i]; p {
		case detail, list, results, comparison:
			v.product = l.goods.pick(&d)
		case added:
			v.lines[v.count] = line{v.product, 1}
			v.count++
		case home:
			v.product = uint32(d.below(100))
		}
	}
	if v.page == thanks {
		v.order = 1_000_000 + s.visit
	}
	l.key = appendHex(append(l.key[:0], 'v'), v.visitor)
	l.write(&v, mix((n+1)*golden^l.cfg.Seed), t, &from)
}
