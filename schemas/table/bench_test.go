package table_test

import (
	"fmt"
	"io"
	"testing"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

const benchRows = 10_000

func eventRows() []table.Event {
	rows := make([]table.Event, benchRows)
	body := make([]byte, 377)
	for i := range body {
		body[i] = byte('a' + i*i%23)
	}
	for i := range rows {
		at := event.Time(1_790_000_000_000 + i)
		rows[i] = table.Event{
			Topic: "clickstream", Partition: int32(i % 4), Offset: int64(i), SourceTime: at, Status: table.Accepted, Kind: event.Clickstream,
			Header:  event.Header{ID: event.ID(fmt.Sprintf("event-%016d", i)), Type: []event.Type{"page", "product", "cart_added"}[i%3], Time: at, Source: "web"},
			Visitor: event.VisitorID(fmt.Sprintf("visitor-%08d", i%3000)), Product: event.ProductID(fmt.Sprintf("p%05d", i%500)),
			URL: fmt.Sprintf("https://shop.example/p/%d?utm_source=news", i%500), Value: 19.99, Body: body, Revision: uint64(i),
		}
	}
	return rows
}

func sessionRows() []table.Session {
	rows := make([]table.Session, benchRows)
	for i := range rows {
		at := event.Time(1_790_000_000_000 + i)
		rows[i] = table.Session{
			Visitor: event.VisitorID(fmt.Sprintf("visitor-%08d", i)), Start: at, ID: uint64(i) * 0x9e3779b97f4a7c15, End: at + 60_000, Source: "web",
			Channel: []string{"search", "social", "email", "direct"}[i*7%4], Referrer: fmt.Sprintf("site%d.example", i%50),
			Campaign: fmt.Sprintf("campaign-%d", i%20), Device: []string{"mobile", "desktop", "tablet"}[i*5%3], OS: []string{"iOS", "Android", "Windows"}[i%3],
			Browser: []string{"Safari", "Chrome", "Firefox"}[i%3], Country: []string{"DE", "ES", "IT", "GB"}[i*3%4],
			Landing: fmt.Sprintf("/p/%d", i%500), Exit: "/cart", Stage: table.Cart, View: at, Cart: at + 50_000, Events: 12, ProductViews: 4, CartAdds: 1,
			Revision: uint64(i),
		}
	}
	return rows
}

func BenchmarkNative(b *testing.B) {
	b.Run("events", func(b *testing.B) { benchNative(b, table.Events, eventRows()) })
	b.Run("sessions", func(b *testing.B) { benchNative(b, table.Sessions, sessionRows()) })
}

// benchNative is what an HTTP insert costs before the socket.
func benchNative[R any](b *testing.B, tab *table.Table[R], rows []R) {
	buffer := tab.NewBuffer()
	var out table.Output
	b.ReportAllocs()
	for b.Loop() {
		buffer.Reset()
		for i := range rows {
			buffer.Append(&rows[i])
		}
		out.Reset()
		buffer.Blocks()[0].Native(&out)
		n, err := io.Copy(io.Discard, out.Reader())
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(n)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

// BenchmarkClickhouseGo is what a native insert costs before compression: the same columns handed to clickhouse-go.
func BenchmarkClickhouseGo(b *testing.B) {
	b.Run("events", func(b *testing.B) { benchClickhouseGo(b, table.Events, eventRows()) })
	b.Run("sessions", func(b *testing.B) { benchClickhouseGo(b, table.Sessions, sessionRows()) })
}

func benchClickhouseGo[R any](b *testing.B, tab *table.Table[R], rows []R) {
	buffer := tab.NewBuffer()
	var out chproto.Buffer
	b.ReportAllocs()
	for b.Loop() {
		buffer.Reset()
		for i := range rows {
			buffer.Append(&rows[i])
		}
		block, to := buffer.Blocks()[0], proto.NewBlock()
		for i, f := range tab.Schema.Columns {
			if err := to.AddColumn(f.Name, column.Type(f.Type)); err != nil {
				b.Fatal(err)
			}
			if _, err := to.Columns[i].Append(block.Slice(i)); err != nil {
				b.Fatal(err)
			}
		}
		out.Reset()
		if err := to.Encode(&out, 0); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(out.Buf)))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}
