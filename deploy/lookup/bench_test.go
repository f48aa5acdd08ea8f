package lookup_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/deploy/feed/shop"
	"github.com/afterclick/afterclick/deploy/lookup"
	"github.com/afterclick/afterclick/deploy/lookup/lookuptest"
	"github.com/afterclick/afterclick/processors/enrich"
	"github.com/afterclick/afterclick/schemas/event"
)

// BenchmarkClick is all enrichments of a click together, at the cardinalities of the simulated shop's month: its agents, addresses of pages
// and referrers, 1,200 products, all its customers, and an IP address for each visitor. Products and customers are looked up for every click
// that names one, which is more often than the machine does it: it asks when it writes a row.
func BenchmarkClick(b *testing.B) {
	s, err := shop.New(shop.Demo(1, time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)))
	if err != nil {
		b.Fatal(err)
	}
	l := known(b, s)
	var clicks []event.Click
	visitors := map[event.VisitorID]string{}
	dice := rand.New(rand.NewPCG(1, 2))
	for r := range s.Records() {
		if r.Topic != event.Clickstream {
			continue
		}
		var c event.Click
		if err := json.Unmarshal(r.Value, &c); err != nil {
			b.Fatal(err)
		}
		if c.IP = visitors[c.Visitor]; c.IP == "" {
			c.IP = fmt.Sprintf("%d.%d.%d.%d", 20+dice.IntN(60), dice.IntN(256), dice.IntN(256), dice.IntN(256))
			visitors[c.Visitor] = c.IP
		}
		if clicks = append(clicks, c); len(clicks) == 200_000 {
			break
		}
	}
	agents, where := enrich.NewAgents(8192), l.Locator()
	parts := map[string]func(c *event.Click){
		"agent":   func(c *event.Click) { agents.Agent(c.UserAgent) },
		"channel": func(c *event.Click) { enrich.Visit(c.URL, c.Referrer) },
		"place":   func(c *event.Click) { where.Locate(c.IP) },
		"known": func(c *event.Click) {
			if c.Product != "" {
				enrich.ProductOf(l, c.Product)
			}
			if c.Customer != "" {
				enrich.CustomerOf(l, c.Customer)
			}
		},
	}
	order := []string{"agent", "channel", "place", "known"}
	run := func(name string, all ...string) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpu(b)
			for i := 0; b.Loop(); i++ {
				c := &clicks[i%len(clicks)]
				for _, part := range all {
					parts[part](c)
				}
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
	run("all", order...)
	for _, part := range order {
		run(part, part)
	}
}

// known are lookups of what a shop knows.
func known(b *testing.B, s *shop.Shop) *lookup.Lookups {
	dir := b.TempDir()
	write := func(name, key string, facts func(func(shop.Fact) bool)) string {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		for x := range facts {
			fmt.Fprintf(f, "{%q:%q,%s\n", key, x.Key, x.Value[1:])
		}
		return f.Name()
	}
	networks := map[string]lookuptest.Place{}
	for i := range 60 {
		for j := range 64 {
			networks[fmt.Sprintf("%d.%d.0.0/14", 20+i, 4*j)] = lookuptest.Place{Country: "DE", Region: fmt.Sprint("region ", j%16)}
		}
	}
	c := config()
	c.MaxEntries = 1e6
	c.Products.File, c.Customers.File = write("products.jsonl", "product", s.Products()), write("customers.jsonl", "customer", s.Customers())
	c.MMDBFile = lookuptest.MMDB(b, networks)
	l := open(b, c)
	b.Logf("%+v", l.Counts())
	return l
}

// cpu is the processor time that the process has used: unlike the clock on the wall, it does not count the neighbours'.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
