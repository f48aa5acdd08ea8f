package queries_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/afterclick/afterclick/dashboards/queries"
	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/schemas/cell"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/table"
	"github.com/afterclick/afterclick/schemas/writer"
)

func TestSummarize(t *testing.T) {
	conn, options := localtest.ClickHouse(t)
	ctx := context.Background()
	if _, err := migrate.Up(ctx, options); err != nil {
		t.Fatal(err)
	}
	none, err := queries.Summarize(ctx, conn)
	if err != nil || none.Sessions != 0 || !none.From.IsZero() || len(none.Funnel) != 6 || len(none.Worst) != 0 {
		t.Fatalf("of nothing: %+v, %v", none, err)
	}
	w, err := writer.Open(writer.Config{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	first := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	at := event.TimeOf(first)
	month := event.TimeOf(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	days := func(n float64) event.Time { return at.Add(time.Duration(n * 24 * float64(time.Hour))) }
	b := table.NewBatch()
	for i, status := range []table.Status{table.Accepted, table.Accepted, table.Duplicate, table.Late} {
		b.Events.Append(&table.Event{Header: event.Header{Time: at.Add(time.Duration(i) * time.Minute)}, Offset: int64(i), Kind: event.Clickstream, Status: status})
	}
	b.Events.Append(&table.Event{Header: event.Header{Time: days(3)}, Topic: "orders", Kind: event.Orders, Status: table.Accepted})
	b.DeadLetters.Append(&table.DeadLetter{SourceTime: at, Reason: "bad_json"})
	for i, stage := range []table.Stage{table.Visit, table.Visit, table.View, table.Cart, table.Ordered, table.Visit} {
		s := table.Session{Visitor: event.VisitorID(fmt.Sprint(i)), Start: at, Stage: stage, Bot: i == 5}
		if stage >= table.View {
			s.View = at
		}
		if stage >= table.Cart {
			s.Cart = at
		}
		if stage >= table.Ordered {
			s.Checkout, s.Order = at, at
		}
		b.Sessions.Append(&s)
	}
	// Two days late, one day early, not there yet, cancelled.
	b.Journeys.Append(&table.Journey{Month: month, Order: "o1", Placed: at, Carrier: "slow", Shipped: days(1), PromiseFirst: days(3), Delivered: days(5)})
	b.Journeys.Append(&table.Journey{Month: month, Order: "o2", Placed: at, Carrier: "quick", Shipped: days(1), PromiseFirst: days(3), Delivered: days(2), Returned: days(9)})
	b.Journeys.Append(&table.Journey{Month: month, Order: "o3", Placed: at, Carrier: "slow", PromiseFirst: days(3)})
	b.Journeys.Append(&table.Journey{Month: month, Order: "o4", Placed: at, PromiseFirst: days(3), Cancelled: days(1)})
	about := []event.Subject{{Kind: "product", ID: "p"}}
	b.Reviews.Append(&table.Review{Month: month, Order: "o1", Review: "r1", Posted: days(6), Stars: 1, Sentiment: table.Negative, Promise: table.PromiseBroken, Answered: days(7), Subjects: about})
	b.Reviews.Append(&table.Review{Month: month, Order: "o2", Review: "r2", Posted: days(6), Stars: 5, Sentiment: table.Positive, Promise: table.PromiseKept,
		Subjects: append(about, event.Subject{Kind: "carrier", ID: "quick"})})
	b.Reviews.Append(&table.Review{Month: month, Review: "r3", Posted: days(6), Sentiment: table.Unscored, Promise: table.PromiseNone})
	b.Reviews.Append(&table.Review{Month: month, Review: "r4", Posted: days(6), Removed: days(7), Stars: 1, Sentiment: table.Negative, Subjects: about})
	if err := w.Insert(ctx, b); err != nil {
		t.Fatal(err)
	}
	if _, err := (cell.Refresher{Conn: conn}).Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	got, err := queries.Summarize(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	want := queries.Summary{
		From: first, To: days(3).Time(), DeadLetters: 1, Sessions: 5, Bots: 1,
		Events: []queries.Kind{{Kind: "clickstream", Accepted: 2, Duplicates: 1, Late: 1}, {Kind: "orders", Accepted: 1}},
		Funnel: []queries.Step{{"visit", 5, 2}, {"view", 3, 1}, {"research", 0, 0}, {"cart", 2, 1}, {"checkout", 1, 0}, {"order", 1, 0}},
		Orders: queries.Orders{Orders: 4, Shipped: 2, Delivered: 2, Cancelled: 1, Returned: 1, Promised: 4, Kept: 1, Broken: 1, Overdue: 1},
		Carriers: []queries.Carrier{
			{Carrier: "slow", Orders: 2, Delivered: 1, Broken: 1, DaysLate: 2}, {Orders: 1}, {Carrier: "quick", Orders: 1, Delivered: 1, Kept: 1}},
		Opinions: queries.Opinions{Opinions: 3, Negative: 1, Rated: 2, Stars: 3, OnTime: 1, OnTimeStars: 5, Delayed: 1, LateStars: 1, Answered: 1},
		Worst:    []queries.Subject{{Kind: "product", ID: "p", Opinions: 2, Negative: 1, Stars: 3}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}
