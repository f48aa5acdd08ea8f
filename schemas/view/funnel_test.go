package view_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/table"
	"github.com/afterclick/afterclick/schemas/writer"
)

// TestDropOffAndPaths: a few sessions, of which one is not over yet.
func TestDropOffAndPaths(t *testing.T) {
	conn, options := localtest.ClickHouse(t)
	ctx := context.Background()
	if _, err := migrate.Up(ctx, options); err != nil {
		t.Fatal(err)
	}
	w, err := writer.Open(writer.Config{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	base := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	at := func(minute int) event.Time { return event.TimeOf(base.Add(time.Duration(minute) * time.Minute)) }
	b := table.NewBatch()
	for i, s := range []table.Session{
		{Stage: table.Visit, End: at(1), Exit: "/"},
		{Stage: table.Cart, View: at(1), Cart: at(4), End: at(5), Exit: "/cart"},
		{Stage: table.Cart, View: at(0), Cart: at(3), End: at(5), Exit: "/cart"},
		{Stage: table.Checkout, View: at(6), Research: at(1), Cart: at(7), Checkout: at(8), CheckoutStep: "payment", End: at(9), Exit: "/pay"},
		{Stage: table.Ordered, View: at(1), Cart: at(2), Checkout: at(3), Order: at(5), End: at(5), Exit: "/thanks"},
		{Stage: table.View, View: at(2), End: at(2), Exit: "/p", Bot: true},
	} {
		s.Visitor, s.Start, s.Device = event.VisitorID(fmt.Sprint(i)), at(0), "mobile"
		b.Sessions.Append(&s)
	}
	now := event.TimeOf(time.Now())
	b.Sessions.Append(&table.Session{Visitor: "open", Start: now, End: now, Stage: table.Visit})
	if err := w.Insert(ctx, b); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][]string{
		"SELECT concat(stage, ' ', exit, ' ', checkout_step, ' ', device, ' ', toString(sessions)) AS row FROM drop_off WHERE day = '2026-03-14'": {
			"cart /cart  mobile 2", "checkout /pay payment mobile 1", "order /thanks  mobile 1", "visit /  mobile 1"},
		"SELECT concat(toString(level), ' ', from_stage, ' ', to_stage, ' ', toString(sum(sessions)), ' ', toString(sum(seconds))) AS row FROM paths GROUP BY level, from_stage, to_stage": {
			"1 visit left 1 0", "1 visit research 1 60", "1 visit view 3 120", "2 research view 1 300", "2 view cart 3 420", "3 cart checkout 1 60",
			"3 cart left 2 0", "3 view cart 1 60", "4 cart checkout 1 60", "4 checkout order 1 120", "5 checkout left 1 0", "5 order left 1 0"},
		"SELECT toString(sum(sessions)) AS row FROM drop_off": {"5"},
		// Every session leaves once.
		"SELECT toString(sum(sessions)) AS row FROM paths WHERE to_stage = 'left'": {"5"},
	} {
		var rows []struct {
			Row string `ch:"row"`
		}
		if err := conn.Select(ctx, &rows, query+" ORDER BY row"); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range rows {
			got = append(got, r.Row)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\n got  %q\n want %q", query, got, want)
		}
	}
}
