package lookup_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/deploy/lookup"
	"github.com/afterclick/afterclick/deploy/lookup/lookuptest"
	"github.com/afterclick/afterclick/processors/enrich"
	"github.com/afterclick/afterclick/schemas/event"
)

var _ enrich.Lookups = (*lookup.Lookups)(nil)

// write makes a file, and sees to it that its change shows.
func write(t testing.TB, name, text string) string {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(t.TempDir(), name)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func config() lookup.Config {
	return lookup.Config{Currency: "EUR", MaxEntries: 1000, Log: slog.New(slog.DiscardHandler)}
}

func open(t testing.TB, c lookup.Config) *lookup.Lookups {
	t.Helper()
	l, err := lookup.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

const day = event.Time(86_400_000)

func date(text string) event.Time {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return event.TimeOf(at)
}

func TestFiles(t *testing.T) {
	for name, text := range map[string][2]string{
		"csv": {"\ufeffproduct,name,category,brand,price\np1,\"Shoe, red\",shoes,acme,59.90\n p2 ,,,,\n",
			"customer,birth_year,segment,first_order,country\nann,1984,gold,2024-05-31,de\nbob,,,,\n"},
		"jsonl": {`{"product":"p1","name":"Shoe, red","category":"shoes","brand":"acme","price":59.9}` + "\n\n" + `{"product":"p2"}` + "\n",
			`{"customer":"ann","birth_year":1984,"segment":"gold","first_order":"2024-05-31","country":"DE"}` + "\n" + `{"customer":"bob"}`},
	} {
		t.Run(name, func(t *testing.T) {
			c := config()
			c.Products.File, c.Customers.File = write(t, "products."+name, text[0]), write(t, "customers."+name, text[1])
			l := open(t, c)
			if p, ok := l.Product("p1"); !ok || p != (enrich.Product{Category: "shoes", Brand: "acme", Price: 59.9}) {
				t.Errorf("p1 is %+v", p)
			}
			if p, ok := l.Product("p2"); !ok || p != (enrich.Product{Category: "unknown", Brand: "unknown"}) {
				t.Errorf("p2 is %+v", p)
			}
			if p, ok := l.Product("p3"); ok {
				t.Errorf("p3 is %+v", p)
			}
			if a, ok := l.Customer("ann"); !ok || a != (enrich.Customer{Segment: "gold", Generation: "millennial", HomeCountry: "DE", FirstOrder: date("2024-05-31")}) {
				t.Errorf("ann is %+v", a)
			}
			if b, ok := l.Customer("bob"); !ok || b != (enrich.Customer{Segment: "unknown", Generation: "unknown", HomeCountry: "unknown"}) {
				t.Errorf("bob is %+v", b)
			}
			if n := l.Counts()[0]; n.Entries != 2 || n.Found != 2 || n.Unknown != 1 {
				t.Errorf("products count %+v", n)
			}
		})
	}
}

// TestBadFiles: an error names the file, the line and what is wrong.
func TestBadFiles(t *testing.T) {
	f := func(name, text, want string) {
		t.Helper()
		c := config()
		name = write(t, name, text)
		switch {
		case strings.Contains(name, "rates"):
			c.RatesFile = name
		case strings.Contains(name, "customers"):
			c.Customers.File = name
		case strings.HasSuffix(name, ".mmdb"):
			c.MMDBFile = name
		default:
			c.Products.File = name
		}
		if _, err := lookup.Open(c); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	f("products.csv", "", ":1: the column names are missing")
	f("products.csv", "id,category\n", `:1: "id" is no column`)
	f("products.csv", "product,product\n", "there twice")
	f("products.csv", "category,brand\n", "there is no column product")
	f("products.csv", "product,price\np1,1\np2,x\n", `:3: price is "x"`)
	f("products.csv", "product,price\np1,-1\n", ":2: price: must be from 0")
	f("products.csv", "product,price\np1,NaN\n", ":2: price")
	f("products.csv", "product,price\np1\n", "wrong number of fields")
	f("products.csv", "product,price\n,1\n", ":2: product: is required")
	f("products.csv", "product,price\np1,1\np1,2\n", `:3: product "p1" is there twice`)
	f("products.csv", "product,category\np1,\"a\x01b\"\n", ":2: category: must be UTF-8 without control characters")
	f("products.csv", "product,category\np1,"+strings.Repeat("x", 257)+"\n", ":2: category: may have at most 256 bytes, has 257")
	f("products.txt", "", "must end in .csv")
	f("products.jsonl", `{"product":"p1"}`+"\n"+`{"product":"p2","colour":"red"}`, ":2: ")
	f("products.jsonl", `{"product":"p1"} {"product":"p2"}`, ":1: there is something after the object")
	f("products.jsonl", `["p1"]`, ":1: ")
	f("products.jsonl", `null`, ":1: must be an object")
	f("products.jsonl", `{"product":"p1"}`+"\n"+`{"product":"p1"}`, ":2: its product is there twice")
	f("customers.csv", "customer,birth_year\nann,84\n", ":2: birth_year: must be a year from 1850")
	f("customers.csv", "customer,first_order\nann,31.05.2024\n", ":2: first_order: must be a day")
	f("customers.csv", "customer,country\nann,Germany\n", ":2: country: must be two letters")
	f("rates.csv", "currency,date,rate\n", ":1: must be date,currency,rate")
	f("rates.csv", "date,currency,rate\n2026-01-01,usd,1\n", ":2: currency: must be three capital letters")
	f("rates.csv", "date,currency,rate\n2026-01-01,USD,0\n", ":2: rate: must be what 1 USD was worth")
	f("rates.csv", "date,currency,rate\n2026-13-01,USD,1\n", ":2: date: must be like")
	f("rates.csv", "date,currency,rate\n2026-01-01,USD,1\n2026-01-01,USD,2\n", "USD has two rates on 2026-01-01")
	f("places.mmdb", "not one", "must be a database in MaxMind's format")
	c := config()
	c.Products.File = filepath.Join(t.TempDir(), "none.csv")
	if _, err := lookup.Open(c); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a file that is not there: %v", err)
	}
	c = config()
	c.MaxEntries, c.Products.File = 2, write(t, "products.csv", "product\na\nb\nc\n")
	if _, err := lookup.Open(c); err == nil || !strings.Contains(err.Error(), ":4: there are more than 2 products: raise enrich.max_entries") {
		t.Errorf("too many: %v", err)
	}
}

func TestRates(t *testing.T) {
	c := config()
	c.RatesFile = write(t, "rates.csv", "date,currency,rate\n2026-03-02,USD,0.9\n2026-03-01,USD,0.8\n2026-03-05,USD,1.1\n2026-03-01,GBP,1.2\n")
	l := open(t, c)
	f := func(currency, on string, after event.Time, want float64) {
		t.Helper()
		if v, ok := l.Rate(currency, date(on)+after); ok != (want != 0) || v != want {
			t.Errorf("%s on %s: %v %v, want %v", currency, on, v, ok, want)
		}
	}
	f("EUR", "1999-01-01", 0, 1)
	f("USD", "2026-02-28", day-1, 0) // none so early
	f("USD", "2026-03-01", 0, 0.8)
	f("USD", "2026-03-01", day-1, 0.8)
	f("USD", "2026-03-02", 0, 0.9)
	f("USD", "2026-03-04", day-1, 0.9)
	f("USD", "2026-03-05", 0, 1.1)
	f("USD", "2027-01-01", 0, 1.1)
	f("GBP", "2026-04-01", 0, 1.2)
	f("XXX", "2026-04-01", 0, 0)
	f("", "2026-04-01", 0, 0)
}

// TestReload: a file that changes is read again; what is wrong with it is a problem, and what it said before stays.
func TestReload(t *testing.T) {
	c := config()
	c.Products.File = write(t, "products.csv", "product,category\np1,shoes\n")
	l := open(t, c)
	f := func(text, category string, problems int) {
		t.Helper()
		if text != "" {
			write(t, c.Products.File, text)
		}
		l.Reload()
		if p, _ := l.Product("p1"); p.Category != category || len(l.Problems()) != problems {
			t.Errorf("%q: the category is %s, want %s; problems %v", text, p.Category, category, l.Problems())
		}
	}
	f("", "shoes", 0)
	f("product,category\np1,boots\np2,hats\n", "boots", 0)
	f("product,category\np1,boots\np2\n", "boots", 1)
	f("", "boots", 1)
	f("product,category\np1,sandals\n", "sandals", 0)
	if err := os.Remove(c.Products.File); err != nil {
		t.Fatal(err)
	}
	f("", "sandals", 1)
	f("product,category\np1,shoes\n", "shoes", 0)
}

func TestPlaces(t *testing.T) {
	c := config()
	c.MMDBFile = lookuptest.MMDB(t, map[string]lookuptest.Place{"203.0.113.0/24": {Country: "DE", Region: "Berlin"}, "198.51.100.0/24": {Country: "fr"},
		"2001:db8::/32": {Country: "ES", Region: "Madrid"}, "10.0.0.0/8": {Country: "US"}, "192.0.2.0/24": {Country: "Nowhere", Region: "x"}})
	l := open(t, c)
	where := l.Locator()
	for range 2 { // the second time from memory
		for ip, want := range map[string][2]string{"203.0.113.7": {"DE", "Berlin"}, "198.51.100.1": {"FR", ""}, "2001:db8::1": {"ES", "Madrid"},
			"::ffff:203.0.113.9": {"DE", "Berlin"}, " 203.0.113.7 ": {"DE", "Berlin"},
			// Not there, private, and no addresses.
			"192.0.2.1": {}, "8.8.8.8": {}, "10.1.2.3": {}, "127.0.0.1": {}, "fe80::1%eth0": {}, "0.0.0.0": {}, "203.0.113": {}, "": {}, "unknown": {},
			"203.0.113.7, 10.0.0.1": {}} {
			if country, region := where.Locate(ip); country != want[0] || region != want[1] {
				t.Errorf("%s is in %q %q, want %v", ip, country, region, want)
			}
		}
	}
	for i := range 40_000 { // it does not remember without end
		where.Locate(fmt.Sprintf("8.1.%d.%d", i/250, i%250))
	}
	if country, _ := where.Locate("203.0.113.7"); country != "DE" {
		t.Error("forgot where 203.0.113.7 is")
	}
	if lines := l.Describe(); len(lines) != 1 || !strings.Contains(lines[0], "GeoIP2-City") {
		t.Error(lines)
	}
}

// TestTopics: all that the topics have is known before Load returns, what comes later is known soon, a tombstone takes back, and a bad
// record is counted.
func TestTopics(t *testing.T) {
	brokers := localtest.Kafka(t, "products:3", "customers")
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := t.Context()
	say := func(topic, key, value string) {
		t.Helper()
		r := &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value)}
		if value == "" {
			r.Value = nil
		}
		if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 50 {
		say("products", fmt.Sprint("p", i), fmt.Sprintf(`{"category":"c%d","brand":"b"}`, i%3))
	}
	say("products", "p1", "")
	say("products", "p2", `{"product":"p2","category":"other","price":3}`)
	say("products", "p3", `{"product":"p4"}`)
	say("products", "p5", `{"categories":["x"]}`)
	say("products", "", `{"product":"p6"}`)

	c := config()
	c.Kafka = []kgo.Opt{kgo.SeedBrokers(brokers...)}
	c.Products.Topic, c.Customers.Topic = "products", "customers"
	c.MaxEntries = 51
	l := open(t, c)
	if err := l.Load(ctx); err != nil {
		t.Fatal(err)
	}
	product := func(id event.ProductID) string { p, _ := l.Product(id); return p.Category }
	if got := []string{product("p0"), product("p1"), product("p2"), product("p3"), product("p5")}; !reflect.DeepEqual(got, []string{"c0", "", "other", "c0", "c2"}) {
		t.Errorf("categories are %q", got)
	}
	if n := l.BadRecords.Load(); n != 3 {
		t.Errorf("%d records are bad, 3 are", n)
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { l.Run(running); close(done) }()
	await := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: not within a minute", what)
			}
		}
	}
	say("customers", "ann", `{"segment":"gold","birth_year":1970}`)
	await("a customer", func() bool { a, ok := l.Customer("ann"); return ok && a.Generation == "gen_x" })
	say("products", "p2", "")
	await("a tombstone", func() bool { return product("p2") == "" })
	// 48 are there, 51 fit: the others are refused, and nothing else is given up.
	for i := range 5 {
		say("products", fmt.Sprint("n", i), `{"category":"new"}`)
	}
	await("too many", func() bool { return len(l.Problems()) == 1 })
	if n := l.Counts()[0].Entries; n != 51 || product("p0") != "c0" || !strings.Contains(l.Problems()[0].Error(), "more than 51 products") {
		t.Errorf("%d products, %v", n, l.Problems())
	}
	stop()
	<-done
	// A start with too many is refused.
	full := open(t, c)
	if err := full.Load(ctx); err == nil || !strings.Contains(err.Error(), "enrich.products.topic") || !strings.Contains(err.Error(), "max_entries") {
		t.Errorf("loaded too many: %v", err)
	}
	c.Products.Topic = "none"
	missing := open(t, c)
	if err := missing.Load(ctx); err == nil || !strings.Contains(err.Error(), "enrich.products.topic: read none") {
		t.Errorf("a topic that is not there: %v", err)
	}
}

// TestMemory: what is said of the memory is about what it takes.
func TestMemory(t *testing.T) {
	const n = 300_000
	var b strings.Builder
	b.WriteString("customer,segment,birth_year,country,first_order\n")
	for i := range n {
		fmt.Fprintf(&b, "c-%07d,segment%d,%d,%c%c,2024-%02d-01\n", i, i%7, 1940+i%70, 'A'+i%26, 'A'+i%25, 1+i%12)
	}
	c := config()
	c.MaxEntries = n
	c.Customers.File = write(t, "customers.csv", b.String())
	b.Reset()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l := open(t, c)
	runtime.GC()
	runtime.ReadMemStats(&after)
	measured, said := float64(after.HeapAlloc-before.HeapAlloc), float64(l.Counts()[1].Bytes)
	t.Logf("%.0f bytes a customer measured, %.0f said", measured/n, said/n)
	if said < measured*0.6 || said > measured*1.6 {
		t.Errorf("%.0f bytes a customer are said, %.0f measured", said/n, measured/n)
	}
	runtime.KeepAlive(l)
}
