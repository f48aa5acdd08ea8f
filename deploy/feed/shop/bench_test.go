package shop

import (
	"testing"

	"github.com/afterclick/afterclick/deploy/feed"
)

func drain(b *testing.B, records feed.Stream) {
	b.ReportAllocs()
	bytes, n := int64(0), 0
	b.ResetTimer()
	for r := range records {
		bytes += int64(len(r.Value))
		if n++; n >= b.N {
			break
		}
	}
	if n < b.N {
		b.Fatalf("only %d records", n)
	}
	b.SetBytes(bytes / int64(b.N))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkShop(b *testing.B) {
	s := newShop(b, func(c *Config) { c.Endless = true })
	drain(b, s.Records())
}

// Traffic as of a shop with a billion events in a year.
func BenchmarkShopLarge(b *testing.B) {
	s := newShop(b, func(c *Config) { c.Endless, c.Visits = true, 400_000 })
	drain(b, s.Records())
}

func BenchmarkLoad(b *testing.B) {
	l, err := NewLoad(LoadConfig{Seed: 1, Start: start, Rate: 100_000, Live: 1_000_000, Events: int64(b.N)})
	if err != nil {
		b.Fatal(err)
	}
	drain(b, l.Records())
}
