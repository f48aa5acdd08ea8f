package shop

import (
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"time"
)

// Fact is what the shop knows besides the events, as a record of a compacted topic.
type Fact struct{ Key, Value string }

// Products is the catalogue.
func (s *Shop) Products() iter.Seq[Fact] {
	return func(yield func(Fact) bool) {
		for i := range s.goods.all {
			p := &s.goods.all[i]
			if !yield(Fact{fmt.Sprintf("p-%d", p.number), fmt.Sprintf(`{"name":%q,"category":%q,"brand":%q,"price":%.2f}`,
				p.slug, categories[p.category].name, p.brand, float64(p.price)/100)}) {
				return
			}
		}
	}
}

// Customers are the shop's customers of old and those who may become one within its history. As in any shop not all is told of all: of one
// in twelve nothing is, and some do not say when they were born.
func (s *Shop) Customers() iter.Seq[Fact] {
	return func(yield func(Fact) bool) {
		for n := range s.regulars + uint64(s.cfg.Visits)*uint64(s.cfg.Days+7) { // days with campaigns have more visits
			p := s.person(n)
			d := diceOf(s.cfg.Seed, 'k', n)
			if d.chance(1.0 / 12) {
				continue
			}
			segment := "private"
			switch x := d.float(); {
			case p.keen:
				segment = "plus"
			case x < 0.07:
				segment = "business"
			}
			value := fmt.Sprintf(`{"segment":%q,"country":%q`, segment, places[p.place].country)
			if d.chance(0.85) {
				value += fmt.Sprintf(`,"birth_year":%d`, 1935+d.below(38)+d.below(38))
			}
			if n < s.regulars {
				value += fmt.Sprintf(`,"first_order":%q`, s.cfg.Start.AddDate(0, 0, -1-d.below(1500)).Format(time.DateOnly))
			}
			if !yield(Fact{"c-" + strconv.FormatUint(customerNumber(n), 10), value + "}"}) {
				return
			}
		}
	}
}

// Rates writes what the currencies that orders are in were worth in euros, day by day, as a table in CSV: until a week after the history.
func (s *Shop) Rates(to io.Writer) error {
	if _, err := fmt.Fprintln(to, "date,currency,rate"); err != nil {
		return err
	}
	for day := s.cfg.Start.UTC().Truncate(24 * time.Hour); day.Before(s.End().AddDate(0, 0, 7)); day = day.AddDate(0, 0, 1) {
		for _, currency := range []string{"GBP", "USD"} {
			if _, err := fmt.Fprintf(to, "%s,%s,%.4f\n", day.Format(time.DateOnly), currency, rateOn(currency, day.UnixMilli())); err != nil {
				return err
			}
		}
	}
	return nil
}

// currencyOf is what people of a country pay in.
func currencyOf(at *place) string {
	switch at.country {
	case "GB":
		return "GBP"
	case "US":
		return "USD"
	}
	return "EUR"
}

// rateOn is what one unit of a currency is worth in euros on the day of t: it goes up and down slowly.
func rateOn(currency string, t int64) float64 {
	base, swing, days := 1.0, 0.0, 1.0
	switch currency {
	case "GBP":
		base, swing, days = 1.16, 0.02, 9
	case "USD":
		base, swing, days = 0.92, 0.03, 13
	}
	return math.Round(base*(1+swing*math.Sin(float64(t/dayMS)/days))*1e4) / 1e4
}

// paid is an amount of euro cents in the cents that the customer of an order pays.
func (o *order) paid(cents int64) int64 {
	return int64(math.Round(float64(cents) / rateOn(currencyOf(&places[o.person.place]), o.placed)))
}

// paidTotal is what all lines of an order add up to.
func (s *Shop) paidTotal(o *order) (cents int64) {
	for _, l := range o.lines[:o.count] {
		cents += o.paid(s.goods.all[l.product].price) * int64(l.quantity)
	}
	return cents
}
