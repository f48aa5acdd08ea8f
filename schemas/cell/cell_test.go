package cell_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/schemas/cell"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/table"
	"github.com/afterclick/afterclick/schemas/writer"
)

// margin is short, so that tests need not wait for long until all is certain.
const margin = 20 * time.Millisecond

func start(t *testing.T) (clickhouse.Conn, *writer.Writer, cell.Refresher) {
	t.Helper()
	conn, options := localtest.ClickHouse(t)
	if _, err := migrate.Up(context.Background(), options); err != nil {
		t.Fatal(err)
	}
	w, err := writer.Open(writer.Config{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return conn, w, cell.Refresher{Conn: conn, Margin: margin}
}

type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// settle refreshes until nothing is pending.
func settle(t fataler, r cell.Refresher) {
	t.Helper()
	ctx := context.Background()
	for range 50 {
		time.Sleep(margin)
		if _, err := r.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		n, err := r.Pending(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
	t.Fatal("cells stay pending")
}

func lines(t fataler, conn clickhouse.Conn, query string) string {
	t.Helper()
	var rows []struct {
		Row string `ch:"row"`
	}
	if err := conn.Select(context.Background(), &rows, "SELECT toString(tuple(*)) AS row FROM ("+query+") ORDER BY row"); err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	var out strings.Builder
	for _, r := range rows {
		out.WriteString(r.Row + "\n")
	}
	return out.String()
}

// compare holds the cells against the rows themselves.
func compare(t fataler, conn clickhouse.Conn) {
	t.Helper()
	for _, c := range cell.Cells() {
		view := c.Name
		if c == cell.Funnel {
			view = "funnel_with_bots"
			want := lines(t, conn, "SELECT channel, count() FROM sessions WHERE NOT bot GROUP BY channel")
			if got := lines(t, conn, "SELECT channel, sum(sessions) FROM funnel GROUP BY channel"); got != want {
				t.Fatalf("funnel has, by channel,\n%s\nand should have\n%s", got, want)
			}
		}
		want := lines(t, conn, c.Query("1"))
		if got := lines(t, conn, "SELECT * FROM "+view); got != want {
			t.Fatalf("%s is\n%s\nand should be\n%s", view, got, want)
		}
	}
}

var origin = time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC)

func monthOf(t event.Time) event.Time {
	at := t.Time()
	return event.TimeOf(time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC))
}

// shop emits rows as the machines do: absolute, with rising revisions, a tombstone for a key that is given up.
type shop struct {
	t        *rapid.T
	revision uint64
	sessions map[event.VisitorID]table.Session
	journeys map[event.OrderID]table.Journey
	reviews  map[event.ReviewID]table.Review
}

// at is a time within two hours around the turn of a month, so that buckets, and sort keys, change often.
func (s *shop) at(label string) event.Time {
	return event.TimeOf(origin.Add(time.Duration(rapid.IntRange(0, 119).Draw(s.t, label)) * time.Minute))
}

func (s *shop) maybe(label string) event.Time {
	if rapid.Bool().Draw(s.t, label+"?") {
		return s.at(label)
	}
	return 0
}

func (s *shop) pick(label string, words ...string) string {
	return rapid.SampledFrom(words).Draw(s.t, label)
}

func (s *shop) step(b *table.Batch) {
	s.revision++
	switch rapid.IntRange(0, 2).Draw(s.t, "kind") {
	case 0:
		v := event.VisitorID(s.pick("visitor", "a", "b", "c"))
		n := table.Session{Visitor: v, Start: s.at("start"), Channel: s.pick("channel", "search", "mail"), Device: s.pick("device", "mobile", ""),
			Stage: table.Stage(rapid.IntRange(1, 6).Draw(s.t, "stage")), Cart: s.maybe("cart"), Events: 3,
			Bot: rapid.Bool().Draw(s.t, "bot"), Revision: s.revision}
		if rapid.Bool().Draw(s.t, "ordered") {
			n.Order = n.Start.Add(time.Minute)
		}
		if old, ok := s.sessions[v]; ok && old.Start != n.Start {
			b.Sessions.Append(&table.Session{Visitor: v, Start: old.Start, Revision: s.revision, IsDeleted: true})
		}
		s.sessions[v] = n
		b.Sessions.Append(&n)
	case 1:
		o := event.OrderID(s.pick("order", "a", "b", "c"))
		n := table.Journey{Order: o, Placed: s.maybe("placed"), Carrier: s.pick("carrier", "", "dhl"), PromiseFirst: s.maybe("promise"),
			Delivered: s.maybe("delivered"), Shipped: s.maybe("shipped"), Attempts: 1, Revision: s.revision}
		n.Month = monthOf(n.Placed)
		if n.Placed == 0 {
			n.Month = monthOf(event.TimeOf(origin))
		}
		if old, ok := s.journeys[o]; ok && old.Month != n.Month {
			b.Journeys.Append(&table.Journey{Month: old.Month, Order: o, Revision: s.revision, IsDeleted: true})
		}
		s.journeys[o] = n
		b.Journeys.Append(&n)
	case 2:
		id := event.ReviewID(s.pick("review", "a", "b", "c"))
		n := table.Review{Review: id, Kind: "review", Posted: s.at("posted"), Removed: s.maybe("removed"), Stars: 2, Sentiment: table.Negative,
			Promise: table.PromiseKept, Source: "site", Revision: s.revision}
		for range rapid.IntRange(0, 2).Draw(s.t, "subjects") {
			n.Subjects = append(n.Subjects, event.Subject{Kind: "product", ID: s.pick("subject", "p", "q")})
		}
		n.Month = monthOf(n.Posted)
		if old, ok := s.reviews[id]; ok && old.Month != n.Month {
			b.Reviews.Append(&table.Review{Month: old.Month, Review: id, Revision: s.revision, IsDeleted: true})
		}
		s.reviews[id] = n
		b.Reviews.Append(&n)
	}
}

// TestCells: whatever is inserted, replaced, moved to another bucket or taken back, and whenever is refreshed and merged, in the end the
// cells are what their rows give.
func TestCells(t *testing.T) {
	conn, w, r := start(t)
	ctx := context.Background()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		if runs++; runs > 8 {
			return // each takes a second of the engine
		}
		for _, s := range migrate.Schemas() {
			if s.Name != "migrations" {
				if err := conn.Exec(ctx, "TRUNCATE TABLE "+s.Stored()); err != nil {
					t.Fatal(err)
				}
			}
		}
		s := &shop{t: t, sessions: map[event.VisitorID]table.Session{}, journeys: map[event.OrderID]table.Journey{}, reviews: map[event.ReviewID]table.Review{}}
		for range rapid.IntRange(1, 8).Draw(t, "epochs") {
			b := table.NewBatch()
			for range rapid.IntRange(1, 6).Draw(t, "rows") {
				s.step(b)
			}
			if err := w.Insert(ctx, b); err != nil {
				t.Fatal(err)
			}
			switch rapid.IntRange(0, 3).Draw(t, "then") {
			case 0:
				if _, err := r.Refresh(ctx); err != nil {
					t.Fatal(err)
				}
			case 1: // old versions are gone for good
				settle(t, r)
				for _, name := range []string{"stored_sessions", "stored_journeys", "stored_reviews"} {
					if err := conn.Exec(ctx, "OPTIMIZE TABLE "+name+" FINAL"); err != nil {
						t.Fatal(err)
					}
				}
				compare(t, conn)
			}
		}
		settle(t, r)
		compare(t, conn)
	})
}

// TestConcurrently: rows come while several refreshers are at work.
func TestConcurrently(t *testing.T) {
	conn, w, r := start(t)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var refreshers, writers errgroup.Group
	for range 2 {
		refreshers.Go(func() error {
			for ctx.Err() == nil {
				if _, err := r.Refresh(ctx); err != nil && ctx.Err() == nil {
					return err
				}
			}
			return nil
		})
	}
	for lane := range 3 {
		writers.Go(func() error {
			b := table.NewBatch()
			for epoch := range 15 {
				b.Reset()
				for i := range 40 {
					n := lane*1000 + (epoch*7+i)%60
					b.Sessions.Append(&table.Session{Visitor: event.VisitorID(fmt.Sprint(n)), Start: event.TimeOf(origin.Add(time.Duration(n) * time.Minute)),
						Channel: []string{"search", "mail", "social"}[(epoch+i)%3], Stage: table.Cart, Events: uint32(epoch), Revision: uint64(epoch + 1)})
				}
				if err := w.Insert(ctx, b); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := writers.Wait(); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := refreshers.Wait(); err != nil {
		t.Fatal(err)
	}
	settle(t, r)
	compare(t, conn)
}

// TestRun: the loop refreshes by itself, the newest first, and ends with its context.
func TestRun(t *testing.T) {
	conn, w, r := start(t)
	r.Every, r.Older = 10*time.Millisecond, 50*time.Millisecond
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	b := table.NewBatch()
	for day := range 40 {
		b.Sessions.Append(&table.Session{Visitor: "v", Start: event.TimeOf(origin.AddDate(0, 0, day)), Stage: table.Visit, Revision: 1})
	}
	if err := w.Insert(ctx, b); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for n := -1; n != 0; {
		var err error
		if n, err = r.Pending(ctx); err != nil || time.Now().After(deadline) {
			t.Fatalf("%d pending, %v", n, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	compare(t, conn)
	stop()
	if err := <-done; err != context.Canceled {
		t.Errorf("Run ended with %v", err)
	}
}
