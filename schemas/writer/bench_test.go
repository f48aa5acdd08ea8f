package writer_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/table"
	"github.com/afterclick/afterclick/schemas/writer"
)

// BenchmarkInsert measures an epoch of 50,000 clicks through buffers, writer and the engine, which runs in this process: cpu-µs/row
// is all of it, merges included as far as they keep up.
func BenchmarkInsert(b *testing.B) {
	for _, c := range []struct {
		name             string
		events, sessions int
	}{{"events", 50_000, 0}, {"sessions", 0, 25_000}} {
		b.Run(c.name, func(b *testing.B) {
			_, options := localtest.ClickHouse(b)
			ctx := context.Background()
			if _, err := migrate.Up(ctx, options); err != nil {
				b.Fatal(err)
			}
			w, err := writer.Open(writer.Config{Options: options})
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			batch, n := table.NewBatch(), 0
			began := cpu()
			b.ResetTimer()
			for range b.N {
				batch.Reset()
				for range c.events {
					n++
					at := day.Add(time.Duration(n) * 10 * time.Microsecond)
					batch.Events.Append(&table.Event{
						Topic: "clickstream", Partition: int32(n % 4), Offset: int64(n), SourceTime: at, Status: table.Accepted, Kind: event.Clickstream,
						Header:  event.Header{ID: event.ID(fmt.Sprintf("%032x", n*0x9e3779b9)), Type: []event.Type{event.Page, event.Product, event.CartAdded}[n%3], Time: at, Source: "web"},
						Visitor: event.VisitorID(fmt.Sprintf("v%08x", uint32(n*0x9e3779b9)%300_000)), Product: event.ProductID(fmt.Sprint("p", n%5000)), URL: fmt.Sprintf("https://shop.example/p/%d", n%5000),
						Body: fmt.Appendf(nil, `{"id":"%032x","type":"product","time":"2026-03-14T09:26:53.%03dZ","source":"web","visitor":"v%08x","url":"https://shop.example/p/%d","referrer":"https://search.example/?q=shoes","user_agent":"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15","country":"DE","product":"p%d","value":%d.99,"currency":"EUR"}`,
							n*0x9e3779b9, n%1000, uint32(n*0x9e3779b9)%300_000, n%5000, n%5000, n%100),
						Revision: uint64(n),
					})
				}
				for range c.sessions {
					n++
					at := day.Add(time.Duration(n) * 20 * time.Microsecond)
					batch.Sessions.Append(&table.Session{
						Visitor: event.VisitorID(fmt.Sprintf("v%08x", uint32(n*0x9e3779b9)%300_000)), Start: at, ID: uint64(n) * 0x9e3779b97f4a7c15, End: at, Source: "web",
						Channel: []string{"search", "social", "email"}[n%3], Referrer: fmt.Sprintf("site%d.example", n%50), Campaign: fmt.Sprint("c", n%20),
						Device: "mobile", OS: "iOS", Browser: "Safari", Country: []string{"DE", "ES", "IT"}[n%3], Landing: fmt.Sprint("/p/", n%5000), Exit: "/cart",
						Stage: table.Cart, View: at, Cart: at, Events: 9, ProductViews: 4, CartAdds: 1, Revision: uint64(n),
					})
				}
				if err := w.Insert(ctx, batch); err != nil {
					b.Fatal(err)
				}
			}
			rows := float64(c.events + c.sessions)
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64((cpu()-began).Nanoseconds())/1000/rows/float64(b.N), "cpu-µs/row")
		})
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
