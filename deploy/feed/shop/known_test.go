package shop_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/feed/shop"
	"github.com/afterclick/afterclick/deploy/lookup"
	"github.com/afterclick/afterclick/schemas/event"
)

// TestKnown: what the shop knows is what it tells in events: products, customers and prices in other currencies, which the rates make
// those of the catalogue.
func TestKnown(t *testing.T) {
	start := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	c := shop.Demo(5, start)
	c.Days, c.Visits, c.Products = 3, 2000, 200
	s, err := shop.New(c)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, write func(*os.File) error) string {
		f, err := os.Create(filepath.Join(dir, name))
		if err == nil {
			err = write(f)
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		return f.Name()
	}
	facts := func(key string, all func(func(shop.Fact) bool)) func(*os.File) error {
		return func(f *os.File) error {
			e := json.NewEncoder(f)
			for x := range all {
				o := map[string]any{key: x.Key}
				if err := json.Unmarshal([]byte(x.Value), &o); err != nil {
					return err
				}
				if err := e.Encode(o); err != nil {
					return err
				}
			}
			return nil
		}
	}
	known, err := lookup.Open(lookup.Config{Currency: "EUR", MaxEntries: 1e6,
		Products:  lookup.Source{File: file("products.jsonl", facts("product", s.Products()))},
		Customers: lookup.Source{File: file("customers.jsonl", facts("customer", s.Customers()))},
		RatesFile: file("rates.csv", func(f *os.File) error { return s.Rates(f) })})
	if err != nil {
		t.Fatal(err)
	}
	orders, foreign, strangers := 0, map[string]int{}, 0
	for r := range s.Records() {
		if r.Topic != event.Orders {
			continue
		}
		var o event.Order
		if err := json.Unmarshal(r.Value, &o); err != nil {
			t.Fatal(err)
		}
		if o.Type != event.Placed {
			continue
		}
		orders++
		if o.Currency != "EUR" {
			foreign[o.Currency]++
		}
		if _, ok := known.Customer(o.Customer); !ok {
			strangers++
		}
		rate, ok := known.Rate(o.Currency, o.Time)
		if !ok {
			t.Fatalf("%s has no rate on %s", o.Currency, o.Time)
		}
		for _, i := range o.Items {
			p, ok := known.Product(i.Product)
			if !ok || p.Category != i.Category || p.Brand != i.Brand || math.Abs(p.Price-i.Price*rate) > 0.02 {
				t.Fatalf("%s is %+v in the catalogue, the order says %+v in %s at %v", i.Product, p, i, o.Currency, rate)
			}
		}
	}
	if orders < 100 || foreign["GBP"] == 0 || foreign["USD"] == 0 || strangers == 0 || strangers > orders/5 {
		t.Errorf("%d orders, in other currencies %v, of %d customers nobody knows", orders, foreign, strangers)
	}
}
