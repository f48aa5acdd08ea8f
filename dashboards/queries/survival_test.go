package queries_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/afterclick/afterclick/dashboards/queries"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

const week = 7 * 24 * time.Hour

// TestSurvivalTextbook: the weeks without a relapse of 21 patients who were given 6-MP, a classic of the textbooks (Freireich et al.,
// Blood 21, 1963; in Cox and Oakes, Analysis of Survival Data, 1984, with the estimate and Greenwood's errors).
func TestSurvivalTextbook(t *testing.T) {
	patients := []struct{ weeks, got, left int }{{6, 3, 1}, {7, 1, 0}, {9, 0, 1}, {10, 1, 1}, {11, 0, 1}, {13, 1, 0}, {16, 1, 0}, {17, 0, 1}, {19, 0, 1}, {20, 0, 1},
		{22, 1, 0}, {23, 1, 0}, {25, 0, 1}, {32, 0, 2}, {34, 0, 1}, {35, 0, 1}}
	var lives []queries.Life
	for _, p := range patients {
		lives = append(lives, queries.Life{Took: time.Duration(p.weeks) * week, Got: uint64(p.got), Left: uint64(p.left)})
	}
	got, at := queries.Estimate(lives, 20*week, 34*week, 36*week)
	want := []struct {
		weeks, risk int
		rest, error float64
	}{{6, 21, 0.857, 0.0764}, {7, 17, 0.807, 0.0869}, {10, 15, 0.753, 0.0963}, {13, 12, 0.690, 0.1068}, {16, 11, 0.627, 0.1141}, {22, 7, 0.538, 0.1282}, {23, 6, 0.448, 0.1346}}
	if len(got) != len(want) {
		t.Fatalf("%d times, want %d", len(got), len(want))
	}
	for i, w := range want {
		if g := got[i]; g.After != time.Duration(w.weeks)*week || g.AtRisk != uint64(w.risk) || math.Abs(1-g.Share-w.rest) > 0.0006 || math.Abs(g.Error-w.error) > 0.00006 {
			t.Errorf("got %+v, want %+v", g, w)
		}
	}
	// At 20 weeks: 7 of 21 have been seen to relapse, but 37 % are expected to; between 20 and 63 %.
	s := at[0]
	if s.Observed != 7.0/21 || math.Abs(s.Estimated-0.373) > 0.0006 || s.AtRisk != 8 || !s.Known || math.Abs(s.Low-0.195) > 0.002 || math.Abs(s.High-0.632) > 0.002 {
		t.Errorf("at 20 weeks: %+v", s)
	}
	if !at[1].Known || at[2].Known || at[2].Estimated != at[1].Estimated {
		t.Errorf("beyond 35 weeks nothing is known: %+v", at[2])
	}
}

// TestSurvivalOfAll: where nobody is open, the estimate is the share, and the error that of a share.
func TestSurvivalOfAll(t *testing.T) {
	c, at := queries.Estimate([]queries.Life{{Took: week, Got: 3}, {Took: 2 * week, Got: 4}, {Took: 9 * week, Left: 13}}, week, 2*week)
	for i, p := range []float64{0.15, 0.35} {
		if math.Abs(at[i].Estimated-p) > 1e-12 || math.Abs(at[i].Observed-p) > 1e-12 || math.Abs(c[i].Error-math.Sqrt(p*(1-p)/20)) > 1e-12 {
			t.Errorf("%+v %+v, want %v", at[i], c[i], p)
		}
	}
	_, none := queries.Estimate([]queries.Life{{Took: week, Left: 20}}, week)
	_, every := queries.Estimate([]queries.Life{{Took: week, Got: 20}}, week, 2*week)
	if n := none[0]; n.Estimated != 0 || n.Low != 0 || math.Abs(n.High-0.168) > 0.001 {
		t.Errorf("of 20 none: %+v", n)
	}
	if e := every[1]; e.Estimated != 1 || e.High != 1 || math.Abs(e.Low-0.832) > 0.001 || !e.Known {
		t.Errorf("of 20 all: %+v", e)
	}
}

// TestSurvivalEqualsReference: journeys at random, asked in SQL, against counting them one by one.
func TestSurvivalEqualsReference(t *testing.T) {
	conn, insert := database(t)
	random := rand.New(rand.NewPCG(3, 4))
	now := base.Add(20 * 24 * time.Hour)
	type unit struct {
		took time.Duration // until it got there, or until now
		done bool
	}
	groups := map[string][]unit{}
	cancelled := map[string]uint64{}
	b := table.NewBatch()
	month := event.TimeOf(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	for i := range 3000 {
		carrier := []string{"dhl", "ups"}[random.IntN(2)]
		shipped := base.Add(time.Duration(random.IntN(20*24)) * time.Hour)
		j := table.Journey{Month: month, Order: event.OrderID(fmt.Sprint(i)), Placed: event.TimeOf(base), Carrier: carrier, Shipped: event.TimeOf(shipped)}
		if random.IntN(10) == 0 {
			j.Cancelled = event.TimeOf(shipped.Add(time.Duration(random.IntN(100)) * time.Hour))
		} else {
			j.Delivered = event.TimeOf(shipped.Add(time.Duration(random.IntN(200)-2) * time.Hour)) // some before they were shipped
		}
		b.Journeys.Append(&j)
		u := unit{took: now.Sub(shipped)}
		switch {
		case j.Delivered != 0 && j.Delivered <= event.TimeOf(now):
			u = unit{max(0, j.Delivered.Time().Sub(shipped)), true}
		case j.Cancelled != 0 && j.Cancelled <= event.TimeOf(now):
			cancelled[carrier]++
		}
		groups[carrier] = append(groups[carrier], u)
	}
	// Not asked for: not shipped yet, shipped before, shipped after now.
	b.Journeys.Append(&table.Journey{Month: month, Order: "open", Placed: event.TimeOf(base)})
	b.Journeys.Append(&table.Journey{Month: month, Order: "early", Placed: event.TimeOf(base), Shipped: event.TimeOf(base.Add(-time.Hour))})
	b.Journeys.Append(&table.Journey{Month: month, Order: "late", Placed: event.TimeOf(base), Shipped: event.TimeOf(now.Add(time.Hour))})
	insert(b)
	horizons := []time.Duration{24 * time.Hour, 72 * time.Hour, 150 * time.Hour, 198 * time.Hour}
	answer, err := queries.Survival{From: "ship", To: "deliver", Since: base, Until: now.AddDate(0, 1, 0), Now: now, By: "carrier", Horizons: horizons}.
		Ask(context.Background(), conn)
	if err != nil || len(answer.Groups) != 2 || answer.More != 0 {
		t.Fatalf("%+v, %v", answer, err)
	}
	for _, g := range answer.Groups {
		units := groups[g.Value]
		done := uint64(0)
		for _, u := range units {
			if u.done {
				done++
			}
		}
		if g.Entered != uint64(len(units)) || g.Done != done || g.Cancelled != cancelled[g.Value] || g.Open != g.Entered-done-g.Cancelled || g.Open == 0 {
			t.Errorf("%s: entered %d, done %d, cancelled %d, open %d; want %d, %d, %d", g.Value, g.Entered, g.Done, g.Cancelled, g.Open, len(units), done, cancelled[g.Value])
		}
		for i, h := range horizons {
			rest, variance, seen := 1.0, 0.0, 0
			var times []time.Duration
			for _, u := range units {
				if u.done && u.took <= h {
					seen++
					if !slices.Contains(times, u.took) {
						times = append(times, u.took)
					}
				}
			}
			slices.Sort(times)
			for _, at := range times {
				n, d := 0.0, 0.0
				for _, u := range units {
					if u.took >= at {
						n++
					}
					if u.done && u.took == at {
						d++
					}
				}
				rest *= (n - d) / n
				variance += d / n / (n - d)
			}
			s := g.At[i]
			if math.Abs(s.Estimated-(1-rest)) > 1e-9 || math.Abs(s.Observed-float64(seen)/float64(len(units))) > 1e-9 {
				t.Errorf("%s after %s: %+v, want %v of which %d were seen", g.Value, h, s, 1-rest, seen)
			}
			if s.Low >= s.Estimated || s.High <= s.Estimated || s.High-s.Low > 5*rest*math.Sqrt(variance) {
				t.Errorf("%s after %s: interval from %v to %v", g.Value, h, s.Low, s.High)
			}
			if s.Estimated < s.Observed {
				t.Errorf("%s after %s: estimated %v is less than observed %v", g.Value, h, s.Estimated, s.Observed)
			}
		}
		if last := g.At[len(horizons)-1]; math.Abs(last.Estimated-0.9) > 0.02 { // one in ten is cancelled; all others get there
			t.Errorf("%s: %v get there in the end, want 0.9", g.Value, last.Estimated)
		}
		if g.Median < 90*time.Hour || g.Median > 135*time.Hour {
			t.Errorf("%s: half have got there after %s", g.Value, g.Median)
		}
	}
	for _, bad := range []queries.Survival{{}, {From: "ship", To: "nowhere"}, {From: "ship", To: "deliver"}, {From: "ship", To: "deliver", Horizons: horizons},
		{From: "ship", To: "deliver", Horizons: []time.Duration{time.Minute}, Since: base, Until: now}, {From: "ship", To: "deliver", Horizons: horizons, Since: base, Until: now, By: "1; DROP"}} {
		if _, err := bad.Ask(context.Background(), conn); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
