package cell_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/schemas/cell"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/table"
	"github.com/afterclick/afterclick/schemas/writer"
)

// BenchmarkRefresh is one round of the newest buckets, with half a million sessions in the bucket that is touched (500 new sessions a
// second) and half a million orders in its month.
func BenchmarkRefresh(b *testing.B) {
	conn, options := localtest.ClickHouse(b)
	ctx := context.Background()
	if _, err := migrate.Up(ctx, options); err != nil {
		b.Fatal(err)
	}
	w, err := writer.Open(writer.Config{Options: options})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	month := event.TimeOf(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	fill := func(sessions, journeys int, revision uint64) {
		batch := table.NewBatch()
		for i := range sessions {
			at := month.Add(time.Duration(i) * 1700 * time.Microsecond)
			batch.Sessions.Append(&table.Session{Visitor: event.VisitorID(fmt.Sprintf("%016x", i*0x9e3779b9)), Start: at, End: at, Channel: "search",
				Country: []string{"DE", "ES", "IT"}[i%3], Browser: []string{"Safari", "Chrome"}[i%2], Stage: table.View, View: at, Revision: revision})
		}
		for i := range journeys {
			at := month.Add(time.Duration(i) * 5 * time.Second)
			batch.Journeys.Append(&table.Journey{Month: month, Order: event.OrderID(fmt.Sprintf("%016x", i*0x9e3779b9)), Placed: at, Carrier: "dhl", Revision: revision})
		}
		if err := w.Insert(ctx, batch); err != nil {
			b.Fatal(err)
		}
	}
	fill(500_000, 500_000, 1)
	r := cell.Refresher{Conn: conn, Margin: time.Millisecond}
	began := time.Now()
	n, err := r.Refresh(ctx)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("all %d buckets at first: %v", n, time.Since(began).Round(time.Millisecond))
	for range b.N {
		b.StopTimer()
		fill(1000, 200, 2)
		b.StartTimer()
		if _, err := r.Refresh(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
