package trial

import (
	"github.com/afterclick/afterclick/processors/enrich"
	"github.com/afterclick/afterclick/schemas/event"
)

// Known are lookups with fixed content. Rates hold on every day.
type Known struct {
	Products  map[event.ProductID]enrich.Product
	Customers map[event.CustomerID]enrich.Customer
	Rates     map[string]float64
}

func (k Known) Product(id event.ProductID) (enrich.Product, bool) {
	p, ok := k.Products[id]
	return p, ok
}

func (k Known) Customer(id event.CustomerID) (enrich.Customer, bool) {
	c, ok := k.Customers[id]
	return c, ok
}

func (k Known) Rate(currency string, _ event.Time) (float64, bool) {
	r, ok := k.Rates[currency]
	return r, ok
}

// Shop are lookups that know some of what the trials' events name, and not all.
var Shop = Known{
	Products: map[event.ProductID]enrich.Product{
		"p1": {Category: "toys", Brand: "acme", Price: 9.5}, "p2": {Category: "books", Brand: enrich.Unknown},
		"p3": {Category: "toys", Brand: "zig", Price: 3}, "p4": {Category: enrich.Unknown, Brand: "zag", Price: 1}},
	Customers: map[event.CustomerID]enrich.Customer{
		"ann": {Segment: "gold", Generation: "gen_x", HomeCountry: "DE", FirstOrder: 1_499_990_400_000},
		"cy":  {Segment: enrich.Unknown, Generation: "boomer", HomeCountry: enrich.Unknown}},
	Rates: map[string]float64{"EUR": 1, "USD": 0.9},
}

// Changed are other lookups: what an attempt may have seen that was aborted.
var Changed = Known{
	Products:  map[event.ProductID]enrich.Product{"p1": {Category: "games", Brand: "other", Price: 1}, "p5": {Category: "toys", Brand: "x", Price: 2}},
	Customers: map[event.CustomerID]enrich.Customer{"ann": {Segment: "new", Generation: "gen_z", HomeCountry: "FR"}, "bob": {Segment: "new"}},
	Rates:     map[string]float64{"EUR": 2},
}

// Switch are lookups whose content changes.
type Switch struct{ enrich.Lookups }
