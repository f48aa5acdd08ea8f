package view_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

// TestLoyaltyIsWhatItsDefinitionsSay computes the views of loyalty, and the backlog, in plain loops over random orders, and compares.
func TestLoyaltyIsWhatItsDefinitionsSay(t *testing.T) {
	const dayMS = 24 * 60 * 60 * 1000
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(words ...string) string { return words[random.IntN(len(words))] }
	some := func(share float64) bool { return random.Float64() < share }
	start := day("01-01")
	b := table.NewBatch()
	var orders []table.Journey
	var reviews []table.Review
	for i := range 3000 {
		placed := start + event.Time(random.Int64N(300*dayMS))
		j := table.Journey{Order: event.OrderID(fmt.Sprint("o", i)), Customer: event.CustomerID(fmt.Sprint("c", random.IntN(900))), Placed: placed, Month: monthOf(placed),
			FirstEvent: placed, LastEvent: placed, Kind: event.Purchase, Channel: pick("web", "app", "store"), Country: pick("DE", "FR"), Generation: pick("gen_x", "unknown"),
			Segment: "unknown", PromisedAt: placed, PromiseFirst: placed + 5*dayMS, Revision: 1}
		if some(0.9) {
			j.Delivered = placed + event.Time(random.Int64N(9*dayMS))
		}
		if some(0.1) {
			j.Cancelled = placed + 1
		}
		if some(0.1) {
			j.Kind, j.Renews = event.Subscription, "o-before"
		}
		if some(0.1) {
			j.Customer = ""
		}
		if some(0.1) {
			j.Placed = 0 // only its delivery is known
		}
		orders = append(orders, j)
		b.Journeys.Append(&j)
		later := func(from event.Time, share float64) event.Time {
			if from == 0 || !some(share) {
				return 0
			}
			return from + event.Time(1+random.Int64N(20*dayMS))
		}
		r := table.Review{Review: event.ReviewID(fmt.Sprint("r", i)), Month: monthOf(placed), Kind: "review", Posted: placed, Complained: later(placed, 0.6), Revision: 1}
		r.Removed = later(r.Complained, 0.1)
		r.Resolved = later(r.Complained, 0.6)
		r.Reopened = later(r.Resolved, 0.3)
		r.ResolvedAgain = later(r.Reopened, 0.5)
		reviews = append(reviews, r)
		b.Reviews.Append(&r)
	}
	conn := shown(t, b)
	same := func(query string, want []string) {
		t.Helper()
		slices.Sort(want)
		got := strings.Split(answer(t, conn, query), "\n")
		slices.Sort(got)
		if len(want) < 5 || !slices.Equal(got, want) {
			t.Errorf("%s\nhas %d rows and should have %d", query, len(got), len(want))
			for i := range min(len(got), len(want)) {
				if got[i] != want[i] {
					t.Fatalf("got %s, want %s", got[i], want[i])
				}
			}
		}
	}

	decided := map[event.CustomerID][]table.Journey{}
	latest := event.Time(0)
	for _, o := range orders {
		latest = max(latest, o.Placed)
		if o.Customer != "" && o.Placed != 0 && o.Cancelled == 0 && o.Renews == "" {
			decided[o.Customer] = append(decided[o.Customer], o)
		}
	}
	for _, list := range decided {
		slices.SortFunc(list, func(a, b table.Journey) int { return int(a.Placed - b.Placed) })
	}

	// Every order with its number, and those before and after it.
	var rows []string
	for c, list := range decided {
		for i, o := range list {
			previous, next := "", "-"
			if i > 0 {
				previous = string(list[i-1].Order)
			}
			if i+1 < len(list) {
				next = fmt.Sprint(int64(list[i+1].Placed))
			}
			rows = append(rows, fmt.Sprintf("%s %s %d %s %s", c, o.Order, i+1, previous, next))
		}
	}
	same("SELECT customer, order, n, previous, toUnixTimestamp64Milli(next_placed) FROM customer_orders WHERE NOT renewal", rows)

	// Cohorts.
	type key struct {
		cohort, channel, country, generation string
		months                               int
	}
	size, active, count := map[key]int{}, map[key]int{}, map[key]int{}
	months := func(a, b event.Time) int {
		x, y := a.Time(), b.Time()
		return 12*(y.Year()-x.Year()) + int(y.Month()) - int(x.Month())
	}
	for _, list := range decided {
		first, last := list[0], list[len(list)-1]
		k := key{first.Placed.Time().Format("2006-01-02")[:8] + "01", first.Channel, last.Country, last.Generation, 0}
		for k.months = 0; k.months <= months(first.Placed, latest); k.months++ {
			n := 0
			for _, o := range list {
				if months(first.Placed, o.Placed) == k.months {
					n++
				}
			}
			size[k]++
			count[k] += n
			active[k] += min(n, 1)
		}
	}
	rows = nil
	for k, n := range size {
		rows = append(rows, fmt.Sprint(k.cohort, " ", k.channel, " ", k.country, " ", k.generation, " ", k.months, " ", n, " ", active[k], " ", count[k]))
	}
	same("SELECT cohort, channel, country, generation, months, customers, active, orders FROM cohorts", rows)

	// The second order: the product over all days of the share who did not order, of those who were watched that long.
	for _, group := range []string{"web", "app", "store"} {
		type life struct {
			days  int
			again bool
		}
		var lives []life
		for _, list := range decided {
			if list[0].Channel != group {
				continue
			}
			if len(list) > 1 {
				lives = append(lives, life{int((list[1].Placed - list[0].Placed) / dayMS), true})
			} else {
				lives = append(lives, life{int((latest - list[0].Placed) / dayMS), false})
			}
		}
		stay := 1.0
		var want []string
		for d := range 301 {
			risk, again := 0, 0
			for _, l := range lives {
				if l.days >= d {
					risk++
				}
				if l.days == d && l.again {
					again++
				}
			}
			if again > 0 {
				stay *= 1 - float64(again)/float64(risk)
				want = append(want, fmt.Sprintf("%d %d %d %d", d, risk, again, int(math.RoundToEven(1e6*(1-stay)))))
			}
		}
		same("SELECT days, at_risk, ordered, toInt64(round(share * 1e6)) FROM second_order(by = 'channel') WHERE group = '"+group+"'", want)
	}

	// What an experience does.
	type lived struct{ aspect, experience string }
	all, again := map[lived]int{}, map[lived]int{}
	const window = 40 * dayMS
	for _, list := range decided {
		for _, o := range list {
			if o.Delivered == 0 || o.Delivered > latest-window {
				continue
			}
			back := 0
			for _, p := range list {
				if p.Placed > o.Delivered && p.Placed <= o.Delivered+window {
					back = 1
				}
			}
			promise, delay := "kept", "in time"
			switch late := o.Delivered - o.PromiseFirst; {
			case late > 3*dayMS:
				promise, delay = "broken", "3 to 7 days"
			case late > dayMS:
				promise, delay = "broken", "1 to 3 days"
			case late > 0:
				promise, delay = "broken", "up to 1 day"
			}
			for _, e := range []lived{{"promise", promise}, {"delay", delay}, {"stars", "none"}, {"case", "none"}, {"return", "no"}} {
				all[e]++
				again[e] += back
			}
		}
	}
	rows = nil
	for e, n := range all {
		p, z := float64(again[e])/float64(n), 1.96
		wide := z * math.Sqrt(p*(1-p)/float64(n)+z*z/(4*float64(n)*float64(n)))
		mid, by := p+z*z/(2*float64(n)), 1+z*z/float64(n)
		rows = append(rows, fmt.Sprintf("%s %s %d %d %d %d", e.aspect, e.experience, n, again[e], int(math.RoundToEven(1e6*(mid-wide)/by)), int(math.RoundToEven(1e6*(mid+wide)/by))))
	}
	same("SELECT aspect, experience, orders, again, toInt64(round(low * 1e6)), toInt64(round(high * 1e6)) FROM experience_effect(days = 40)", rows)

	// Who was won back.
	rows = nil
	for _, list := range decided {
		for i, o := range list {
			if i > 0 && o.Placed-list[i-1].Placed > 60*dayMS {
				rows = append(rows, fmt.Sprint(o.Order, " ", list[i-1].Order))
			}
		}
	}
	same("SELECT order, previous FROM won_back(days = 60)", rows)

	// The backlog at some moments.
	for range 5 {
		at := start + event.Time(random.Int64N(330*dayMS))
		rows = nil
		for _, r := range reviews {
			by := func(x event.Time) bool { return x != 0 && x <= at }
			open := by(r.Complained) && !by(r.Removed) && (!by(r.Resolved) || by(r.Reopened) && !by(r.ResolvedAgain))
			if open {
				rows = append(rows, fmt.Sprint(r.Review, " ", int64(at-r.Complained)))
			}
		}
		same(fmt.Sprintf("SELECT review, toInt64(round(age_days * 86400000)) FROM backlog(at = '%s')", at.Time().Format("2006-01-02 15:04:05.000")), rows)
	}
}
