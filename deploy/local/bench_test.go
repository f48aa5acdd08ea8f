package local

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// BenchmarkInsert sends blocks of a click-like table through clickhouse-go, the HTTP side and the engine. rows/s is
// the number to look at; the columns are filled once, so the sender's own work is small.
func BenchmarkInsert(b *testing.B) {
	for _, compression := range []clickhouse.CompressionMethod{clickhouse.CompressionNone, clickhouse.CompressionLZ4} {
		b.Run(compression.String(), func(b *testing.B) {
			conn, db := connect(b, func(o *clickhouse.Options) { o.Compression = &clickhouse.Compression{Method: compression} })
			run(b, "CREATE TABLE "+db+`.t (at DateTime64(3, 'UTC'), visitor UInt64, session UInt64, type LowCardinality(String), page String,
				referrer String, device LowCardinality(String), country LowCardinality(String), value Float64, item String, position UInt32,
				late Bool, tags Array(LowCardinality(String))) ENGINE = MergeTree ORDER BY (at, visitor)`)
			const rows = 2_000_000
			at, ids, words, numbers := make([]time.Time, rows), make([]uint64, rows), make([]string, rows), make([]string, rows)
			values, positions, late, tags := make([]float64, rows), make([]uint32, rows), make([]bool, rows), make([][]string, rows)
			start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			for i := range rows {
				at[i], ids[i] = start.Add(time.Duration(i)*time.Millisecond), uint64(i)*0x9e3779b97f4a7c15
				words[i], numbers[i] = []string{"view", "cart", "order", "search"}[i%4], fmt.Sprintf("/products/%d", i%50_000)
				values[i], positions[i], tags[i] = float64(i), uint32(i), []string{"a"}
			}
			b.ResetTimer()
			for b.Loop() {
				batch, err := conn.PrepareBatch(context.Background(), "INSERT INTO t")
				if err != nil {
					b.Fatal(err)
				}
				for i, column := range []any{at, ids, ids, words, numbers, numbers, words, words, values, numbers, positions, late, tags} {
					if err := batch.Column(i).Append(column); err != nil {
						b.Fatal(err)
					}
				}
				if err := batch.Send(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkSelect1 is the cost of a round trip: HTTP, a connection to the engine, a query.
func BenchmarkSelect1(b *testing.B) {
	conn, _ := connect(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		var n uint8
		if err := conn.QueryRow(context.Background(), "SELECT 1").Scan(&n); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads a large result through clickhouse-go, which makes the HTTP side reframe every block.
func BenchmarkRead(b *testing.B) {
	conn, _ := connect(b, nil)
	const rows = 2_000_000
	b.ReportAllocs()
	for b.Loop() {
		result, err := conn.Query(context.Background(), fmt.Sprintf("SELECT number, toString(number) AS s, toLowCardinality(toString(number %% 100)) AS l FROM numbers(%d)", rows))
		if err != nil {
			b.Fatal(err)
		}
		var number uint64
		var s, l string
		n := 0
		for ; result.Next(); n++ {
			if err := result.Scan(&number, &s, &l); err != nil {
				b.Fatal(err)
			}
		}
		if n != rows || result.Err() != nil {
			b.Fatal(n, result.Err())
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
