package command

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/olist"
	"github.com/afterclick/afterclick/deploy/feed/otto"
	"github.com/afterclick/afterclick/deploy/feed/shop"
)

// source is what demo and feed can be told to feed.
type source struct {
	From   string    `default:"simulated" placeholder:"SOURCE" help:"simulated, olist:DIR (the CSVs of the Olist data set) or otto:FILE (its JSON lines)."`
	Days   int       `default:"30" help:"Days of history of the simulated shop."`
	Visits int       `default:"5000" help:"Visits of an average day of the simulated shop; one is about six clicks."`
	Seed   uint64    `default:"1" help:"The same seed and start give the same shop, event by event."`
	Start  time.Time `format:"2006-01-02" placeholder:"YYYY-MM-DD" help:"First day of the simulated shop. Default: so that its history ends now."`
}

// history is what a source has to tell.
type history struct {
	name     string // in words
	records  feed.Stream
	total    int64 // records, 0 if only the time is known
	from, to time.Time
	// incidents is what went wrong in the simulated shop; it is complete when the history has been read.
	incidents func() []shop.Incident
	// shop is the simulated one, nil if it is none: it knows more than it tells in events.
	shop *shop.Shop
}

// open reads what the source names. With endless, a simulated shop goes on after its history.
func (s *source) open(endless bool) (*history, error) {
	kind, path, _ := strings.Cut(s.From, ":")
	switch kind {
	case "simulated":
		return s.simulate(endless)
	case "olist":
		h, err := olist.Open(path)
		if err != nil {
			return nil, err
		}
		from, to := h.Span()
		return &history{name: fmt.Sprintf("Olist: %d orders, %d reviews", h.Orders(), h.Reviews()), records: h.Records(), total: int64(h.Len()), from: from, to: to}, nil
	case "otto":
		h, err := otto.Open(path)
		if err != nil {
			return nil, err
		}
		from, to := h.Span()
		return &history{name: fmt.Sprintf("OTTO: %d sessions, %d orders", h.Sessions(), h.Orders()), records: h.Records(), total: int64(h.Len()), from: from, to: to}, nil
	}
	return nil, fmt.Errorf("--from %s: must be simulated, olist:DIR or otto:FILE", s.From)
}

func (s *source) simulate(endless bool) (*history, error) {
	s.fix(time.Now())
	c := shop.Demo(s.Seed, s.Start)
	c.Days, c.Visits, c.Endless = s.Days, s.Visits, endless
	c.Products = int(min(100_000, max(50, 1200*math.Sqrt(float64(s.Visits)/5000))))
	sh, err := shop.New(c)
	if err != nil {
		return nil, fmt.Errorf("the simulated shop: %w", err)
	}
	return &history{name: fmt.Sprintf("a simulated shop, seed %d", s.Seed), records: sh.Records(), from: s.Start, to: sh.End(), incidents: sh.Incidents, shop: sh}, nil
}

// fix gives a simulated shop a start, so that its history ends now, unless it has one.
func (s *source) fix(now time.Time) {
	if s.Start.IsZero() {
		s.Start = now.UTC().Truncate(time.Hour).AddDate(0, 0, -s.Days)
	}
}
