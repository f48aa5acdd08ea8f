package shop

import (
	"bytes"
	"hash/fnv"
	"strings"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/schemas/event"
)

// digest reads n records and returns a hash of all that they say.
func digest(records feed.Stream, n int) uint64 {
	h := fnv.New64a()
	for r := range records {
		h.Write([]byte{byte(r.Topic)})
		h.Write(r.Key)
		h.Write(r.Value)
		h.Write([]byte(r.Arrival.String()))
		if n--; n == 0 {
			break
		}
	}
	return h.Sum64()
}

func TestSeedDecides(t *testing.T) {
	with := func(seed uint64) uint64 {
		return digest(newShop(t, func(c *Config) { c.Seed, c.Visits = seed, 1000 }).Records(), 150_000)
	}
	first := with(1)
	if again := with(1); again != first {
		t.Error("the same seed gave other bytes")
	}
	if other := with(2); other == first {
		t.Error("another seed gave the same bytes")
	}
	load := func(seed uint64) uint64 {
		l, err := NewLoad(LoadConfig{Seed: seed, Start: start, Rate: 1000, Live: 10_000, Events: 50_000})
		if err != nil {
			t.Fatal(err)
		}
		return digest(l.Records(), 50_000)
	}
	if first := load(1); load(1) != first || load(2) == first {
		t.Error("the load does not follow its seed")
	}
}

// Records goes on where it stopped, so a stream in pieces is the whole stream.
func TestPiecesMakeTheWhole(t *testing.T) {
	small := func(c *Config) { c.Visits, c.Days = 300, 5 }
	var whole, pieces bytes.Buffer
	for r := range newShop(t, small).Records() {
		whole.Write(r.Value)
	}
	s := newShop(t, small)
	for more := true; more; {
		more = false
		n := 0
		for r := range s.Records() {
			pieces.Write(r.Value)
			more = true
			if n++; n == 777 {
				break
			}
		}
	}
	if !bytes.Equal(whole.Bytes(), pieces.Bytes()) {
		t.Errorf("%d bytes in one go, %d in pieces, and not the same", whole.Len(), pieces.Len())
	}
}

func TestOrderOfArrival(t *testing.T) {
	s := newShop(t, func(c *Config) { c.Visits, c.Days, c.Late, c.Duplicates = 1000, 20, 0.01, 0.005 })
	var last event.Time
	clicks, late, twice, total := 0, 0, 0, 0
	seen := map[string]event.Time{}
	for r := range s.Records() {
		if r.Arrival < last {
			t.Fatalf("arrived at %s, after what arrived at %s", r.Arrival, last)
		}
		if r.Arrival < r.Time || r.Arrival >= event.TimeOf(s.End()) || r.Time < event.TimeOf(start) {
			t.Fatalf("happened %s, arrived %s", r.Time, r.Arrival)
		}
		last = r.Arrival
		total++
		id := string(r.Value[7:24])
		if first, ok := seen[id]; ok {
			twice++
			if first == r.Arrival {
				t.Errorf("%s was told twice at once", id)
			}
			continue
		}
		seen[id] = r.Arrival
		if r.Topic == event.Clickstream {
			clicks++
			if r.Arrival > r.Time {
				late++
			}
		}
	}
	if share := float64(late) / float64(clicks); share < 0.008 || share > 0.012 {
		t.Errorf("%.4f of the clicks were late, want 0.01", share)
	}
	if share := float64(twice) / float64(total); share < 0.004 || share > 0.006 {
		t.Errorf("%.4f were told twice, want 0.005", share)
	}
	if last < event.TimeOf(s.End().Add(-time.Hour)) {
		t.Errorf("the history ends at %s, want %s", last, s.End())
	}
}

// A stream without disorder has none.
func TestWithoutDisorder(t *testing.T) {
	s := newShop(t, func(c *Config) { c.Visits, c.Days, c.Late, c.Duplicates = 500, 10, 0, 0 })
	for r := range s.Records() {
		if r.Topic == event.Clickstream && r.Arrival != r.Time {
			t.Fatalf("a click of %s arrived at %s", r.Time, r.Arrival)
		}
	}
}

// What the shop holds in memory does not grow with the stream. Incidents are one list entry a week.
func TestConstantMemory(t *testing.T) {
	s := newShop(t, func(c *Config) { c.Visits, c.Endless = 300, true })
	held := func() (visits, orders, records int) {
		return len(s.visits.all), len(s.orders.all) + len(s.away.all), len(s.held.all)
	}
	var visits, orders, records int
	for r := range s.Records() {
		day := r.Arrival.Sub(event.TimeOf(start)) / (24 * time.Hour)
		if day >= 100 && visits == 0 {
			visits, orders, records = held()
		}
		if day >= 400 {
			break
		}
	}
	v, o, h := held()
	t.Logf("after 100 days %d visits, %d orders, %d records; after 400 days %d, %d, %d", visits, orders, records, v, o, h)
	if v > 2*visits+20 || o > 2*orders || h > 2*records+20 { // peaks of a dozen may double, leaks of 300 days are thousands
		t.Error("what is held has doubled")
	}
}

func TestLoad(t *testing.T) {
	cfg := LoadConfig{Seed: 3, Start: start, Rate: 600, Live: 6000, Events: 120_000}
	l, err := NewLoad(cfg)
	if err != nil {
		t.Fatal(err)
	}
	last, clicks, sessions := map[string]event.Time{}, map[string]int{}, map[event.SessionID]bool{}
	types := map[event.Type]int{}
	bytes, within, n := 0, 0, int64(0)
	closest := time.Hour
	for r := range l.Records() {
		e := must(t, r)
		if want := event.TimeOf(start) + event.Time(n*1000/600); r.Time != want {
			t.Fatalf("click %d happened at %s, want %s", n, r.Time, want)
		}
		v := string(r.Key)
		if before, ok := last[v]; ok {
			closest = min(closest, r.Time.Sub(before))
		}
		last[v] = r.Time
		clicks[v]++
		sessions[e.Click.Session] = true
		types[e.Click.Type]++
		bytes += len(r.Value)
		if len(r.Value) >= 400 && len(r.Value) <= 600 {
			within++
		}
		n++
	}
	if n != cfg.Events {
		t.Errorf("%d clicks, want %d", n, cfg.Events)
	}
	if closest < 5*time.Second {
		t.Errorf("clicks of one visitor are %s apart, want at least 5 s", closest)
	}
	whole := 0
	for _, c := range clicks {
		if c > loadClicks {
			t.Fatalf("a visitor clicked %d times", c)
		}
		if c == loadClicks {
			whole++
		}
	}
	if whole < 5500 || len(sessions) != len(clicks) {
		t.Errorf("%d visits of ten clicks, %d sessions of %d visitors", whole, len(sessions), len(clicks))
	}
	if share := float64(within) / float64(n); share < 0.95 {
		t.Errorf("%.3f of the clicks have 400 to 600 bytes; the mean is %d", share, bytes/int(n))
	}
	for _, typ := range []event.Type{event.Page, event.ProductList, event.Product, event.Search, event.ReviewsRead, event.CartAdded, event.CheckoutStarted, event.CheckoutCompleted} {
		if types[typ] == 0 {
			t.Errorf("no %s", typ)
		}
	}
}

func TestConfigs(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"start":      func(c *Config) { c.Start = time.Time{} },
		"days 0":     func(c *Config) { c.Days = 0 },
		"visits 0":   func(c *Config) { c.Visits = 0 },
		"products 3": func(c *Config) { c.Products = 3 },
		"late 2":     func(c *Config) { c.Late = 2 },
		"no carrier \"ups\"": func(c *Config) {
			c.Incidents = []Incident{{Kind: CarrierStrike, Carrier: "ups", From: start, To: start.Add(1)}}
		},
		"\"p-77\"": func(c *Config) {
			c.Incidents = []Incident{{Kind: BadBatch, Product: "p-77", From: start, To: start.Add(1)}}
		},
		"unknown kind": func(c *Config) { c.Incidents = []Incident{{Kind: "flood", From: start, To: start.Add(1)}} },
		"from must be": func(c *Config) {
			c.Incidents = []Incident{{Kind: WarehouseBacklog, Warehouse: "lyon", From: start, To: start}}
		},
	} {
		cfg := Demo(1, start)
		change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewLoad(LoadConfig{Start: start, Rate: 100_000, Live: 1000, Events: 1}); err == nil || !strings.Contains(err.Error(), "must be 5 to 600") {
		t.Errorf("too few visits for the rate: %v", err)
	}
}
