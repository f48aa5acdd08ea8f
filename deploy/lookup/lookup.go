// Package lookup knows what the machines ask for besides the events: the catalogue, the customers, rates of currencies, and where
// addresses are. It reads files and compacted topics, and follows them while the pipeline runs.
package lookup

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/afterclick/afterclick/processors/enrich"
	"github.com/afterclick/afterclick/schemas/event"
)

// Config says where what is known comes from. What is empty is not known.
type Config struct {
	Products, Customers Source
	RatesFile           string // CSV: date,currency,rate
	Currency            string // the reporting currency
	MMDBFile            string
	MaxEntries          int // of products, and of customers
	Kafka               []kgo.Opt
	Log                 *slog.Logger
}

// Source is a topic or a file.
type Source struct{ Topic, File string }

// Validate names the first rule that c breaks.
func (c *Config) Validate() error {
	switch {
	case !isCurrency(c.Currency):
		return fmt.Errorf("enrich.currency: must be three capital letters as in ISO 4217, like EUR, is %q", c.Currency)
	case c.MaxEntries < 1:
		return fmt.Errorf("enrich.max_entries: must be at least 1, is %d", c.MaxEntries)
	}
	for name, s := range map[string]Source{"enrich.products": c.Products, "enrich.customers": c.Customers} {
		if s.Topic != "" && s.File != "" {
			return fmt.Errorf("%s: has both a topic and a file, must have one", name)
		}
	}
	return nil
}

// Lookups are what is known now. They implement enrich.Lookups.
type Lookups struct {
	cfg       Config
	products  *entries
	customers *entries
	rates     atomic.Pointer[rates]
	places    places
	files     []*file
	topics    []*topic

	ratesFound, ratesUnknown atomic.Int64
	BadRecords               atomic.Int64 // records of topics that could not be used

	mu       sync.Mutex
	problems map[string]error // by what has one
}

// Open reads the files. An error says in which line of which file something is wrong.
func Open(c Config) (*Lookups, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	l := &Lookups{cfg: c, products: newEntries("products", c.MaxEntries), customers: newEntries("customers", c.MaxEntries), problems: map[string]error{}}
	l.rates.Store(&rates{})
	for _, of := range []struct {
		kind kind
		from Source
		to   *entries
	}{{products, c.Products, l.products}, {customers, c.Customers, l.customers}} {
		if of.from.File != "" {
			l.files = append(l.files, &file{name: of.from.File, about: of.kind.name, read: func(f *openFile) error {
				fresh := newEntries(of.kind.name, c.MaxEntries)
				if err := of.kind.parseFile(f.name, f, fresh); err != nil {
					return err
				}
				of.to.replace(fresh)
				return nil
			}})
		}
		if of.from.Topic != "" {
			l.topics = append(l.topics, &topic{name: of.from.Topic, kind: of.kind, to: of.to, of: l})
		}
	}
	if c.RatesFile != "" {
		l.files = append(l.files, &file{name: c.RatesFile, about: "rates", read: func(f *openFile) error {
			r, err := parseRates(f.name, f)
			if err == nil {
				l.rates.Store(&r)
			}
			return err
		}})
	}
	if c.MMDBFile != "" {
		l.files = append(l.files, &file{name: c.MMDBFile, about: "places", read: l.places.read})
	}
	for _, f := range l.files {
		if _, err := f.check(); err != nil {
			return nil, fmt.Errorf("enrich: %w", err)
		}
	}
	return l, nil
}

// Load reads the topics to where they end now, once. Lanes start after it, so that what was told long ago is known to the first event.
func (l *Lookups) Load(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, t := range l.topics {
		group.Go(func() error { return t.load(ctx) })
	}
	return group.Wait()
}

// lookAgain is how often files are looked at.
const lookAgain = 10 * time.Second

// Run follows topics and files until ctx ends. What goes wrong is a problem of which Problems tells, and what was known before stays.
func (l *Lookups) Run(ctx context.Context) error {
	var group errgroup.Group
	for _, t := range l.topics {
		group.Go(func() error { t.follow(ctx); return nil })
	}
	group.Go(func() error {
		tick := time.NewTicker(lookAgain)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.Reload()
			case <-ctx.Done():
				return nil
			}
		}
	})
	return group.Wait()
}

// Reload reads the files that have changed.
func (l *Lookups) Reload() {
	for _, f := range l.files {
		changed, err := f.check()
		l.problem(f.name, err)
		switch {
		case err != nil && changed:
			l.cfg.Log.Error("a file cannot be read, what it said before stays", "file", f.name, "error", err)
		case changed:
			l.cfg.Log.Info("a file was read again", "file", f.name, "of", f.about)
		}
	}
}

// Close frees what is open.
func (l *Lookups) Close() {
	for _, t := range l.topics {
		t.close()
	}
}

func (l *Lookups) problem(about string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		delete(l.problems, about)
	} else {
		l.problems[about] = err
	}
}

// Problems are what keeps the lookups from being as told.
func (l *Lookups) Problems() (all []error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for about, err := range l.problems {
		all = append(all, fmt.Errorf("%s: %w", about, err))
	}
	return all
}

// Product is part of enrich.Lookups, as Customer and Rate are.
func (l *Lookups) Product(id event.ProductID) (enrich.Product, bool) {
	w, price, ok := l.products.get(string(id))
	return enrich.Product{Category: w[0], Brand: w[1], Price: price}, ok
}

func (l *Lookups) Customer(id event.CustomerID) (enrich.Customer, bool) {
	w, first, ok := l.customers.get(string(id))
	return enrich.Customer{Segment: w[0], Generation: w[1], HomeCountry: w[2], FirstOrder: event.Time(first)}, ok
}

func (l *Lookups) Rate(currency string, at event.Time) (v float64, ok bool) {
	if currency == l.cfg.Currency {
		return 1, true
	}
	if v, ok = l.rates.Load().at(currency, at); ok {
		l.ratesFound.Add(1)
	} else {
		l.ratesUnknown.Add(1)
	}
	return v, ok
}

// Count is what one of the lookups has and did.
type Count struct {
	Name           string // products, customers, rates, places
	Entries, Bytes int    // 0 bytes: not counted
	Found, Unknown int64  // answers
}

// Counts are those of all lookups.
func (l *Lookups) Counts() []Count {
	of := func(e *entries) Count {
		return Count{e.name, e.len(), e.size(), e.found.Load(), e.unknown.Load()}
	}
	rates := Count{Name: "rates", Found: l.ratesFound.Load(), Unknown: l.ratesUnknown.Load()}
	for _, list := range *l.rates.Load() {
		rates.Entries += len(list)
		rates.Bytes += 16 * cap(list)
	}
	return []Count{of(l.products), of(l.customers), rates, l.places.count()}
}

// Describe says in a line each what was read.
func (l *Lookups) Describe() (lines []string) {
	for _, f := range l.files {
		lines = append(lines, fmt.Sprintf("%s: %s", f.name, l.describe(f.about)))
	}
	return lines
}

func (l *Lookups) describe(about string) string {
	for _, c := range l.Counts() {
		if c.Name == about && about != "places" {
			return fmt.Sprintf("%d %s", c.Entries, c.Name)
		}
	}
	return l.places.describe()
}
