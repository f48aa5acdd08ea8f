package shop

import "math"

// dice is a small random generator of our own (SplitMix64), so that a seed gives the same shop with every version of Go.
type dice struct{ state uint64 }

// diceOf is the generator of one thing: the same seed, kind and number always give the same throws, so that people, devices and
// products need not be remembered.
func diceOf(seed uint64, kind uint64, number uint64) dice {
	return dice{mix(seed ^ mix(kind<<56^number))}
}

const golden = 0x9E3779B97F4A7C15

// mix is a bijection, so different counters give different ids.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

func (d *dice) next() uint64 {
	d.state += golden
	return mix(d.state)
}

// float is in [0, 1).
func (d *dice) float() float64 { return float64(d.next()>>11) / (1 << 53) }

func (d *dice) chance(p float64) bool { return d.float() < p }

// below is in [0, n).
func (d *dice) below(n int) int { return int((d.next() >> 32) * uint64(n) >> 32) }

// between is in [lo, hi).
func (d *dice) between(lo, hi int64) int64 { return lo + int64(d.float()*float64(hi-lo)) }

// exp has the given mean.
func (d *dice) exp(mean float64) float64 { return -mean * math.Log(1-d.float()) }

// normal has mean 0 and deviation 1.
func (d *dice) normal() float64 {
	return math.Sqrt(-2*math.Log(1-d.float())) * math.Cos(2*math.Pi*d.float())
}

// lognormal has the given median; sigma is the deviation of its logarithm.
func (d *dice) lognormal(median, sigma float64) float64 { return median * math.Exp(sigma*d.normal()) }

func pick[T any](d *dice, of []T) T { return of[d.below(len(of))] }

// weights draws an index in proportion to its weight, in constant time (Vose's alias method).
type weights struct {
	keep  []float64
	other []uint32
}

func newWeights(w []float64) weights {
	n := len(w)
	sum := 0.0
	for _, x := range w {
		sum += x
	}
	a := weights{keep: make([]float64, n), other: make([]uint32, n)}
	var small, large []int
	scaled := make([]float64, n)
	for i, x := range w {
		scaled[i] = x * float64(n) / sum
		if scaled[i] < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		a.keep[s], a.other[s] = scaled[s], uint32(l)
		scaled[l] -= 1 - scaled[s]
		if scaled[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	for _, i := range append(small, large...) {
		a.keep[i], a.other[i] = 1, uint32(i)
	}
	return a
}

func (a *weights) pick(d *dice) int {
	i := d.below(len(a.keep))
	if d.float() < a.keep[i] {
		return i
	}
	return int(a.other[i])
}
