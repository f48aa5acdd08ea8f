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
