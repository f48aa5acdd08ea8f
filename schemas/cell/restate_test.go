package cell_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

// TestRestatements: what comes late moves days that were over; the view says which, by how much and why.
func TestRestatements(t *testing.T) {
	conn, w, r := start(t)
	ctx := context.Background()
	day := time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)
	month := monthOf(event.TimeOf(day))
	at := func(hours float64) event.Time {
		return event.TimeOf(day.Add(time.Duration(hours * float64(time.Hour))))
	}
	insert := func(fill func(b *table.Batch)) {
		t.Helper()
		b := table.NewBatch()
		fill(b)
		if err := w.Insert(ctx, b); err != nil {
			t.Fatal(err)
		}
		settle(t, r)
	}
	state := func(now string) {
		t.Helper()
		if err := r.StateAt(ctx, now); err != nil {
			t.Fatal(err)
		}
	}
	moved := func() (got []string) {
		t.Helper()
		var rows []struct {
			AsOf                         time.Time `ch:"as_of"`
			Aggregate, Part, Metric, Why string
			Day                          time.Time `ch:"day"`
			Before                       float64   `ch:"before"`
			After                        float64   `ch:"after"`
		}
		if err := conn.Select(ctx, &rows, "SELECT as_of, toString(aggregate) AS Aggregate, toString(part) AS Part, toString(metric) AS Metric, why AS Why, day, before, after FROM restatements ORDER BY as_of, aggregate, part, day, metric"); err != nil {
			t.Fatal(err)
		}
		for _, x := range rows {
			got = append(got, fmt.Sprintf("%s: %s %s%s of %s %v → %v, %s", x.AsOf.Format("01-02"), x.Aggregate, x.Part, x.Metric, x.Day.Format("01-02"), x.Before, x.After, x.Why))
		}
		return got
	}
	subjects := []event.Subject{{Kind: "shop", ID: "s"}, {Kind: "product", ID: "p"}}
	insert(func(b *table.Batch) {
		b.Sessions.Append(&table.Session{Visitor: "a", Start: at(10), End: at(11), Stage: table.View, View: at(10), Events: 4, Revision: 1})
		b.Sessions.Append(&table.Session{Visitor: "b", Start: at(12), End: at(13), Stage: table.Visit, Events: 2, Revision: 2})
		b.Sessions.Append(&table.Session{Visitor: "bot", Start: at(12), End: at(13), Bot: true, Stage: table.Visit, Events: 99, Revision: 3})
		b.Journeys.Append(&table.Journey{Month: month, Order: "o1", Placed: at(9), Revision: 1})
		b.Reviews.Append(&table.Review{Month: month, Order: "o1", Review: "r1", Posted: at(20), Stars: 2, Sentiment: table.Negative, Subjects: subjects, Revision: 2})
		b.Sessions.Append(&table.Session{Visitor: "a", Start: at(34), End: at(35), Stage: table.Visit, Events: 1, Revision: 5})
	})
	state("2026-03-14 23:00:00") // the day is not over
	state("2026-03-15 00:59:59")
	if n := count(t, conn, "SELECT count() FROM stated"); n != 0 {
		t.Fatalf("%d totals are noted of a day that is not over", n)
	}
	state("2026-03-15 01:00:00")
	if n := count(t, conn, "SELECT count() FROM stated WHERE day = '2026-03-14'"); n == 0 || count(t, conn, "SELECT count() FROM stated") != n {
		t.Fatalf("%d totals are noted of the day", n)
	}
	state("2026-03-15 02:00:00") // nothing came
	if got := moved(); got != nil {
		t.Fatalf("moved: %q", got)
	}
	// On the same day three clicks come late, one of them making a cart of a session, and the parcel is delivered.
	insert(func(b *table.Batch) {
		b.Sessions.Append(&table.Session{Visitor: "b", Start: at(12), End: at(13), Stage: table.Cart, Cart: at(12), Events: 5, Revision: 10})
		b.Journeys.Append(&table.Journey{Month: month, Order: "o1", Placed: at(9), Shipped: at(26), Revision: 11})
	})
	state("2026-03-15 05:00:00")
	if got := moved(); got != nil {
		t.Fatalf("within a day: %q", got)
	}
	// The day after: one more click, an order that nobody had told of, an edited review, and a bot found out.
	insert(func(b *table.Batch) {
		b.Sessions.Append(&table.Session{Visitor: "a", Start: at(10), End: at(11), Stage: table.View, View: at(10), Events: 5, Revision: 20})
		b.Journeys.Append(&table.Journey{Month: month, Order: "o2", Placed: at(15), Revision: 21})
		b.Reviews.Append(&table.Review{Month: month, Order: "o1", Review: "r1", Posted: at(20), Edited: at(40), Stars: 5, Sentiment: table.Positive, Subjects: subjects[:1], Revision: 22})
	})
	state("2026-03-16 00:30:00") // the next day is not over yet, this one has moved
	second := []string{
		"03-16: delivery orders of 03-14 1 → 2, 1 order came late",
		"03-16: funnel events of 03-14 9 → 10, 1 click came late",
		"03-16: reputation productnegative of 03-14 1 → 0, 1 opinion was removed",
		"03-16: reputation productopinions of 03-14 1 → 0, 1 opinion was removed",
		"03-16: reputation productrated of 03-14 1 → 0, 1 opinion was removed",
		"03-16: reputation productstars of 03-14 2 → 0, 1 opinion was removed",
		"03-16: reputation shopnegative of 03-14 1 → 0, opinions were edited, answered or resolved",
		"03-16: reputation shoppositive of 03-14 0 → 1, opinions were edited, answered or resolved",
		"03-16: reputation shopstars of 03-14 2 → 5, opinions were edited, answered or resolved",
	}
	if got := moved(); !slices.Equal(got, second) {
		t.Fatalf("got  %q\nwant %q", got, second)
	}
	// Later on the same day it moves back in part: what counts is the end of the day.
	insert(func(b *table.Batch) {
		b.Sessions.Append(&table.Session{Visitor: "a", Start: at(10), End: at(11), Stage: table.View, View: at(10), Events: 4, Revision: 30})
		b.Journeys.Append(&table.Journey{Month: month, Order: "o2", Placed: at(15), Shipped: at(50), Revision: 31})
	})
	state("2026-03-16 09:00:00")
	second[0] = "03-16: delivery orders of 03-14 1 → 2, 1 order came late"
	second = slices.Insert(slices.Delete(second, 1, 2), 1, "03-16: delivery shipped of 03-14 1 → 2, 1 order came late, or others went on",
		"03-16: delivery warehouse_seconds of 03-14 61200 → 187200, 1 order came late, or others went on")
	if got := moved(); !slices.Equal(got, second) {
		t.Fatalf("got  %q\nwant %q", got, second)
	}
	// All sessions of a day may go, and come for the first time.
	insert(func(b *table.Batch) {
		for i, v := range []event.VisitorID{"a", "b"} {
			b.Sessions.Append(&table.Session{Visitor: v, Start: at([]float64{10, 12}[i]), IsDeleted: true, Revision: 40})
		}
		b.Reviews.Append(&table.Review{Month: month, Review: "m1", Posted: at(21), Stars: 0, Sentiment: table.Unscored, Subjects: []event.Subject{{Kind: "carrier", ID: "dhl"}}, Revision: 41})
	})
	state("2026-03-17 09:00:00")
	third := []string{
		"03-17: funnel events of 03-14 9 → 0, 9 clicks went to another day, or turned out to be of bots",
		"03-17: funnel left_at_cart of 03-14 1 → 0, 9 clicks went to another day, or turned out to be of bots",
		"03-17: funnel left_at_view of 03-14 1 → 0, 9 clicks went to another day, or turned out to be of bots",
		"03-17: funnel reached_cart of 03-14 1 → 0, 9 clicks went to another day, or turned out to be of bots",
		"03-17: funnel reached_view of 03-14 1 → 0, 9 clicks went to another day, or turned out to be of bots",
		"03-17: funnel sessions of 03-14 2 → 0, 9 clicks went to another day, or turned out to be of bots",
		"03-17: reputation carrieropinions of 03-14 0 → 1, 1 opinion came late",
		"03-17: reputation carrierunscored of 03-14 0 → 1, 1 opinion came late",
	}
	if got := moved(); !slices.Equal(got, append(second, third...)) {
		t.Fatalf("got  %q\nwant %q", got, append(second, third...))
	}
	// By the server's own clock it finds nothing new.
	before := count(t, conn, "SELECT count() FROM stated FINAL WHERE day = '2026-03-14'")
	if _, err := r.State(ctx); err != nil {
		t.Fatal(err)
	}
	if after := count(t, conn, "SELECT count() FROM stated FINAL WHERE day = '2026-03-14'"); after != before {
		t.Errorf("%d more totals are noted, although nothing came", after-before)
	}
}

func count(t *testing.T, conn clickhouse.Conn, query string) (n uint64) {
	t.Helper()
	if err := conn.QueryRow(context.Background(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRunRestates: a refresher that runs notes past days by itself.
func TestRunRestates(t *testing.T) {
	conn, w, r := start(t)
	b := table.NewBatch()
	day := event.TimeOf(time.Date(2026, 3, 14, 10, 0, 0, 0, time.UTC))
	b.Sessions.Append(&table.Session{Visitor: "a", Start: day, End: day, Stage: table.Visit, Events: 1, Revision: 1})
	if err := w.Insert(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	r.Every, r.Older, r.Restate = time.Millisecond, time.Millisecond, time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	for deadline := time.Now().Add(time.Minute); count(t, conn, "SELECT count() FROM stated WHERE metric = 'sessions' AND value = 1") == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nothing is noted")
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	<-done
}
