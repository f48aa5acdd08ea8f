// Package queries holds the typed queries that more than one reader asks: the terminal, the viewer, the tests.
package queries

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Summary is what an analyst wants to know first. Its sessions leave bots out; its counts are those of the aggregates, so it is as
// current as they are.
type Summary struct {
	From, To    time.Time // first and last event that counts; zero if there is none
	Events      []Kind
	DeadLetters uint64
	Sessions    uint64
	Bots        uint64 // sessions of machines, not in Sessions
	Funnel      []Step // visit, view, research, cart, checkout, order
	Orders      Orders
	Carriers    []Carrier // the busiest first; the name is empty for orders without one yet
	Opinions    Opinions
	Worst       []Subject // the worst first
}

// Kind is a kind of source.
type Kind struct {
	Kind       string `ch:"kind"` // clickstream, orders, deliveries, reviews
	Accepted   uint64 `ch:"accepted"`
	Duplicates uint64 `ch:"duplicates"`
	Late       uint64 `ch:"late"`
}

// Step is a stage of the funnel.
type Step struct {
	Stage   string
	Reached uint64 // sessions that were at it
	Left    uint64 // sessions that got no further than it; 0 for order
}

// Orders is what became of the orders.
type Orders struct {
	Orders    uint64 `ch:"orders"`
	Shipped   uint64 `ch:"shipped"`
	Delivered uint64 `ch:"delivered"`
	Cancelled uint64 `ch:"cancelled"`
	Returned  uint64 `ch:"returned"`
	Promised  uint64 `ch:"promised"`
	Kept      uint64 `ch:"kept"`
	Broken    uint64 `ch:"broken"`
	Overdue   uint64 // promised, neither delivered nor cancelled, and the promise has passed by now
}

// Carrier is how a carrier kept the promises.
type Carrier struct {
	Carrier   string  `ch:"carrier"`
	Orders    uint64  `ch:"orders"`
	Delivered uint64  `ch:"delivered"`
	Kept      uint64  `ch:"kept"`
	Broken    uint64  `ch:"broken"`
	DaysLate  float64 `ch:"days_late"` // mean of the broken ones
}

// Opinions is what customers said. Removed ones are left out.
type Opinions struct {
	Opinions    uint64  `ch:"opinions"`
	Negative    uint64  `ch:"negative"`
	Rated       uint64  `ch:"rated"`
	Stars       float64 `ch:"stars"` // mean of the rated ones, as below; 0 if there is none
	OnTime      uint64  `ch:"on_time"`
	OnTimeStars float64 `ch:"on_time_stars"` // after a promise that was kept
	Delayed     uint64  `ch:"delayed"`
	LateStars   float64 `ch:"late_stars"` // after a promise that was broken
	Answered    uint64  `ch:"answered"`   // of the negative ones
}

// Subject is what opinions are about.
type Subject struct {
	Kind     string  `ch:"subject_kind"`
	ID       string  `ch:"subject"`
	Opinions uint64  `ch:"opinions"`
	Negative uint64  `ch:"negative"`
	Stars    float64 `ch:"stars"` // mean
}

// worst is how many subjects a summary names.
const worst = 5

// Summarize reads the summary of the connection's database.
func Summarize(ctx context.Context, conn clickhouse.Conn) (Summary, error) {
	var s Summary
	for _, q := range []struct {
		what string
		read func() error
	}{
		{"the period", func() error {
			return conn.QueryRow(ctx, "SELECT min(time), max(time) FROM events WHERE status = 'accepted'").Scan(&s.From, &s.To)
		}},
		{"events", func() error {
			return conn.Select(ctx, &s.Events, `SELECT toString(kind) AS kind, countIf(status = 'accepted') AS accepted,
    countIf(status = 'duplicate') AS duplicates, countIf(status = 'late') AS late
FROM events GROUP BY events.kind ORDER BY events.kind`)
		}},
		{"dead letters", func() error { return conn.QueryRow(ctx, "SELECT count() FROM dead_letters").Scan(&s.DeadLetters) }},
		{"the funnel", func() error { return s.funnel(ctx, conn) }},
		{"orders", func() error {
			return conn.QueryRow(ctx, `SELECT sum(orders) AS orders, sum(shipped) AS shipped, sum(delivered) AS delivered,
    sum(cancelled) AS cancelled, sum(returned) AS returned, sum(promised) AS promised, sum(kept) AS kept, sum(broken) AS broken
FROM delivery`).ScanStruct(&s.Orders)
		}},
		{"overdue orders", func() error {
			return conn.QueryRow(ctx, "SELECT count() FROM promises WHERE state = 'overdue'").Scan(&s.Orders.Overdue)
		}},
		{"carriers", func() error {
			return conn.Select(ctx, &s.Carriers, `SELECT toString(d.carrier) AS carrier, sum(d.orders) AS orders, sum(d.delivered) AS delivered,
    sum(d.kept) AS kept, sum(d.broken) AS broken, ifNotFinite(sum(d.days_late) / sum(d.broken), 0) AS days_late
FROM delivery AS d GROUP BY d.carrier ORDER BY orders DESC, carrier`)
		}},
		{"opinions", func() error {
			return conn.QueryRow(ctx, `SELECT count() AS opinions, countIf(sentiment = 'negative') AS negative,
    countIf(r.stars > 0) AS rated, ifNotFinite(avgIf(r.stars, r.stars > 0), 0) AS stars,
    countIf(r.stars > 0 AND promise = 'kept') AS on_time, ifNotFinite(avgIf(r.stars, r.stars > 0 AND promise = 'kept'), 0) AS on_time_stars,
    countIf(r.stars > 0 AND promise = 'broken') AS delayed, ifNotFinite(avgIf(r.stars, r.stars > 0 AND promise = 'broken'), 0) AS late_stars,
    countIf(sentiment = 'negative' AND r.answered IS NOT NULL) AS answered
FROM reviews AS r WHERE removed IS NULL AND posted IS NOT NULL`).ScanStruct(&s.Opinions)
		}},
		{"the worst subjects", func() error {
			// A subject with few ratings is judged by the mean of all: as if five average customers had rated it, too.
			return conn.Select(ctx, &s.Worst, `WITH (SELECT ifNotFinite(sum(stars) / sum(rated), 0) FROM reputation) AS average
SELECT toString(r.subject_kind) AS subject_kind, r.subject AS subject, sum(r.opinions) AS opinions, sum(r.negative) AS negative,
    sum(r.stars) / sum(r.rated) AS stars
FROM reputation AS r GROUP BY r.subject_kind, r.subject HAVING sum(r.rated) > 0 AND negative > 0
ORDER BY (sum(r.stars) + 5 * average) / (sum(r.rated) + 5), subject_kind, subject LIMIT ?`, worst)
		}},
	} {
		if err := q.read(); err != nil {
			return Summary{}, fmt.Errorf("summarize %s: %w", q.what, err)
		}
	}
	if len(s.Events) == 0 {
		s.From, s.To = time.Time{}, time.Time{}
	}
	return s, nil
}

func (s *Summary) funnel(ctx context.Context, conn clickhouse.Conn) error {
	var f struct {
		Sessions uint64   `ch:"sessions"`
		Bots     uint64   `ch:"bots"`
		Reached  []uint64 `ch:"reached"`
		Left     []uint64 `ch:"left"`
	}
	err := conn.QueryRow(ctx, `SELECT sumIf(f.sessions, NOT bot) AS sessions, sumIf(f.sessions, bot) AS bots,
    [sumIf(f.sessions, NOT bot), sumIf(reached_view, NOT bot), sumIf(reached_research, NOT bot), sumIf(reached_cart, NOT bot),
     sumIf(reached_checkout, NOT bot), sumIf(reached_order, NOT bot)] AS reached,
    [sumIf(left_at_visit, NOT bot), sumIf(left_at_view, NOT bot), sumIf(left_at_research, NOT bot), sumIf(left_at_cart, NOT bot),
     sumIf(left_at_checkout, NOT bot), 0] AS left
FROM funnel_with_bots AS f`).ScanStruct(&f)
	if err != nil {
		return err
	}
	s.Sessions, s.Bots = f.Sessions, f.Bots
	for i, stage := range []string{"visit", "view", "research", "cart", "checkout", "order"} {
		s.Funnel = append(s.Funnel, Step{stage, f.Reached[i], f.Left[i]})
	}
	return nil
}
