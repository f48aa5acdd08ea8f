package enrich

import "github.com/afterclick/afterclick/schemas/event"

// Lookups is what is known besides the events. The machines ask when they write a row, and keep nothing of the answers: what a state
// holds is what the events said. The methods may be called by several goroutines at once; the strings that they return stay as they are.
type Lookups interface {
	// Product returns what the catalogue says of a product; false: it is not in it.
	Product(event.ProductID) (Product, bool)
	// Customer returns what is told of a customer; false: nothing is.
	Customer(event.CustomerID) (Customer, bool)
	// Rate returns what one unit of a currency was worth in the reporting currency at a time: the rate of its day (UTC), else the latest
	// before it. false: the currency has none, or none so early.
	Rate(currency string, at event.Time) (float64, bool)
}

// Product is an entry of the catalogue. Category and brand are Unknown where it does not say them.
type Product struct {
	Category, Brand string
	Price           float64 // of one, in the reporting currency; 0: not told
}

// Customer is what is told of one. What is not is Unknown, or 0.
type Customer struct {
	Segment, Generation, HomeCountry string
	FirstOrder                       event.Time // the day
}

// Currency are the Lookups where there are no others: amounts in the reporting currency itself are known, and nothing else is.
type Currency string

func (Currency) Product(event.ProductID) (Product, bool)    { return Product{}, false }
func (Currency) Customer(event.CustomerID) (Customer, bool) { return Customer{}, false }

func (c Currency) Rate(currency string, _ event.Time) (float64, bool) {
	if currency == "" || currency != string(c) {
		return 0, false
	}
	return 1, true
}

// ProductOf is the catalogue's entry, or one of which nothing is known.
func ProductOf(l Lookups, id event.ProductID) Product {
	if p, ok := l.Product(id); ok {
		return p
	}
	return Product{Category: Unknown, Brand: Unknown}
}

// CustomerOf is what is told of a customer: Unknown where nothing is, and empty if id is.
func CustomerOf(l Lookups, id event.CustomerID) Customer {
	if id == "" {
		return Customer{}
	}
	if c, ok := l.Customer(id); ok {
		return c
	}
	return Customer{Segment: Unknown, Generation: Unknown, HomeCountry: Unknown}
}

// generations by the last year of birth that belongs to them, as the Pew Research Center and, for the first and the last, common use
// have them.
var generations = []struct {
	last int
	name string
}{{1900, Unknown}, {1927, "greatest"}, {1945, "silent"}, {1964, "boomer"}, {1980, "gen_x"}, {1996, "millennial"}, {2012, "gen_z"}, {2024, "alpha"}}

// Generation is the name of a year of birth's generation: greatest (1901 to 1927), silent (to 1945), boomer (to 1964), gen_x (to 1980),
// millennial (to 1996), gen_z (to 2012) and alpha (to 2024). Any other year is unknown.
func Generation(birthYear int) string {
	for _, g := range generations {
		if birthYear <= g.last {
			return g.name
		}
	}
	return Unknown
}
