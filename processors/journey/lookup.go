package journey

import (
	"cmp"
	"math"

	"github.com/afterclick/afterclick/processors/enrich"
	"github.com/afterclick/afterclick/schemas/table"
)

// lookUp adds to a row what is known besides the events. What an order says itself wins; what nobody says is unknown.
func lookUp(known enrich.Lookups, r *table.Journey) {
	customer := enrich.CustomerOf(known, r.Customer)
	r.Segment, r.Generation, r.HomeCountry, r.CustomerSince = customer.Segment, customer.Generation, customer.HomeCountry, customer.FirstOrder
	value(known, r)
	for i := range r.Items {
		item := &r.Items[i]
		if item.Category == "" || item.Brand == "" {
			p := enrich.ProductOf(known, item.Product)
			item.Category, item.Brand = cmp.Or(item.Category, p.Category), cmp.Or(item.Brand, p.Brand)
		}
	}
}

// Where a journey's value is from.
const (
	fromTotal     = "total"
	fromItems     = "items"
	fromCatalogue = "catalogue"
)

// value puts the order's money into the reporting currency, all of it at the rate of the order's day, so that an order that is refunded
// in full is worth nothing in the end. An order that does not say its total is worth its lines; a line without a price is worth what the
// catalogue says now, which the row admits. If one of them is not known, neither is the sum.
func value(known enrich.Lookups, r *table.Journey) {
	rate, ok := 0.0, false
	if r.Currency != "" {
		rate, ok = known.Rate(r.Currency, cmp.Or(r.Placed, r.FirstEvent))
	}
	if ok && r.RefundAmount != 0 {
		r.RefundValue = money(r.RefundAmount * rate)
	}
	r.ValueFrom = enrich.Unknown
	if r.Total != 0 {
		if ok {
			r.Value, r.ValueFrom = money(r.Total*rate), fromTotal
		}
		return
	}
	sum, from := 0.0, fromItems
	for _, item := range r.Items {
		each := item.Price * rate
		if item.Price == 0 {
			each, from = enrich.ProductOf(known, item.Product).Price, fromCatalogue
		}
		if each == 0 { // no price, or no rate
			return
		}
		sum += each * cmp.Or(item.Quantity, 1)
	}
	if len(r.Items) > 0 {
		r.Value, r.ValueFrom = money(sum), from
	}
}

// money is an amount without the dust of floating point: 15.15, not 15.149999999999999.
func money(v float64) table.Maybe { return table.Known(math.Round(v*1e6) / 1e6) }
