package session_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/afterclick/afterclick/processors/session"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
)

var agents = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
}

// path of a shopper who buys: ten clicks.
var path = []event.Type{event.Page, event.ProductList, event.Product, event.ReviewsRead, event.Product, event.CartAdded, event.CartViewed,
	event.CheckoutStarted, event.CheckoutStep, event.CheckoutCompleted}

// page of click n: some are looked at twice.
func page(v, n int) string {
	product := func(i int) string { return fmt.Sprintf("product/%d?color=red", (v*7+i*13)%5000) }
	return [...]string{"", "c/shoes?sort=price", product(0), product(0), product(1), product(1), "cart", "checkout/address", "checkout/payment",
		"checkout/thanks"}[n]
}

// click n of visitor v, as an edge would send it.
func click(e *event.Click, v, n int) {
	*e = event.Click{Header: event.Header{ID: event.ID(fmt.Sprintf("%08x-%04x-4000-8000-000000000000", v, n)), Type: path[n%len(path)],
		Time: day.Add(time.Duration(n)*40*time.Second + time.Duration(v)*time.Millisecond), Source: "web"},
		Visitor: event.VisitorID(fmt.Sprintf("v-%08d", v)), Session: "", Country: "DE", UserAgent: agents[v%len(agents)],
		URL: "https://shop.example/" + page(v, n), Referrer: "https://shop.example/"}
	switch {
	case n == 0:
		e.Referrer = "https://www.google.com/"
	case n >= 7:
		e.Customer = event.CustomerID(fmt.Sprintf("c-%d", v))
	}
	if e.Type == event.CheckoutCompleted {
		e.Order = event.OrderID(fmt.Sprintf("o-%d", v))
	}
}

// BenchmarkClick applies and settles one click after the other, ten for each of a million visitors who come in turns; each click is
// its own epoch for its visitor, which is the worst case.
func BenchmarkClick(b *testing.B) {
	const visitors = 1_000_000
	m, err := session.New(session.Default)
	if err != nil {
		b.Fatal(err)
	}
	// The clicks are made before, a block at a time, outside the time that is taken.
	const block = 10_000
	clicks := make([]event.Click, block)
	states := make(map[string][]byte, visitors)
	var out flow.Output
	e := event.Event{Topic: event.Clickstream}
	bytes, full := 0, 0
	var used time.Duration
	before := cpu(b)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		if i%block == 0 {
			b.StopTimer()
			used += cpu(b) - before
			for j := range clicks {
				click(&clicks[j], (i+j)%visitors, (i+j)/visitors%10)
			}
			before = cpu(b)
			b.StartTimer()
		}
		e.Click = &clicks[i%block]
		key := string(e.Click.Visitor)
		old := states[key]
		at := flow.At{Revision: flow.Revision(1, int64(i)), Clock: e.Click.Time}
		next, status := m.Apply(old, &e, at, &out)
		if status != table.Accepted && i < 10*visitors {
			b.Fatal(status)
		}
		next, _ = m.Settle(next, false, &out)
		if cap(old) >= len(next) {
			old = append(old[:0], next...)
		} else {
			old = append(make([]byte, 0, len(next)+64), next...) // stands for the engine's slabs
		}
		states[key] = old
		if i/visitors == 9 {
			bytes += len(next)
			full++
		}
		if i%1000 == 0 {
			out.Reset()
		}
	}
	b.ReportMetric(float64(used+cpu(b)-before)/float64(b.N), "cpu-ns/op")
	if full > 0 {
		b.ReportMetric(float64(bytes)/float64(full), "B/state")
	}
}

// BenchmarkMachine is the same for one visitor at a time, without the map: what the machine itself costs, over a session of ten.
func BenchmarkMachine(b *testing.B) {
	m, err := session.New(session.Default)
	if err != nil {
		b.Fatal(err)
	}
	clicks := make([]event.Click, 10_000)
	for i := range clicks {
		click(&clicks[i], i/10, i%10)
	}
	var out flow.Output
	var state []byte
	var total int
	e := event.Event{Topic: event.Clickstream}
	b.ReportAllocs()
	before := cpu(b)
	for i := 0; b.Loop(); i++ {
		if i%10 == 0 {
			total += len(state)
			state = state[:0]
			out.Reset()
		}
		e.Click = &clicks[i%len(clicks)]
		next, status := m.Apply(state, &e, flow.At{Revision: flow.Revision(1, int64(i)), Clock: e.Click.Time}, &out)
		if status != table.Accepted {
			b.Fatal(status)
		}
		next, _ = m.Settle(next, false, &out)
		state = append(state[:0], next...)
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(total)/float64(b.N/10+1), "B/state")
}

// BenchmarkBot is a visitor on the way to the limit of marks: the dearest state there is, ten thousand clicks from nothing to a bot.
func BenchmarkBot(b *testing.B) {
	for _, byTracker := range []bool{false, true} {
		b.Run(fmt.Sprintf("tracker=%v", byTracker), func(b *testing.B) {
			config := session.Default
			config.ByTracker = byTracker
			m, err := session.New(config)
			if err != nil {
				b.Fatal(err)
			}
			var out flow.Output
			for b.Loop() {
				var state []byte
				largest := 0
				for i := range config.MaxMarks + 1 {
					e := event.Event{Topic: event.Clickstream, Click: &event.Click{Header: event.Header{ID: event.ID(fmt.Sprint(i)),
						Type: event.Product, Time: day.Add(time.Duration(i) * 7 * time.Second), Source: "web"}, Visitor: "v",
						Session: event.SessionID(fmt.Sprint("s", i/3)), URL: fmt.Sprintf("https://shop.example/product/%d", i)}}
					next, _ := m.Apply(state, &e, flow.At{Revision: uint64(i), Clock: e.Click.Time}, &out)
					next, _ = m.Settle(next, false, &out)
					state = append(state[:0], next...)
					largest = max(largest, len(state))
					out.Reset()
				}
				b.ReportMetric(float64(largest), "B/largest")
			}
		})
	}
}

// cpu is the processor time that the process has used: unlike the clock on the wall, it does not count the neighbours'.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
