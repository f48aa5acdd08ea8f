package queries

import "time"

// Life is life.
type Life struct {
	Took      time.Duration
	Got, Left uint64
}

// Estimate is the curve of lives, and what it says of horizons.
func Estimate(lives []Life, horizons ...time.Duration) ([]Moment, []Share) {
	var own []life
	for _, l := range lives {
		own = append(own, life{l.Took, l.Got, l.Left})
	}
	c := curve(own)
	var shares []Share
	for _, h := range horizons {
		shares = append(shares, at(h, own, c))
	}
	return c, shares
}

// SQL is what the funnel asks.
func (f Funnel) SQL() (string, error) {
	_, sql, err := f.sql()
	return sql, err
}

// SQL is what is asked.
func (s Survival) SQL() (string, error) {
	s.complete()
	_, sql, err := s.sql()
	return sql, err
}
