package shop

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/afterclick/afterclick/schemas/event"
)

// Kinds of an incident.
const (
	CarrierStrike    = "carrier_strike"    // nothing of Carrier moves on its way to Country, then the backlog clears slowly
	BadBatch         = "bad_batch"         // most of what is sold of Product is defective
	BrokenCheckout   = "broken_checkout"   // payment fails on Browser, nearly always
	WarehouseBacklog = "warehouse_backlog" // Warehouse packs days late
)

// Incident is something that goes wrong in the shop on purpose: the truth that dashboards and alerts should find.
type Incident struct {
	Kind      string          `json:"kind"`
	From      time.Time       `json:"from"`
	To        time.Time       `json:"to"` // exclusive
	Carrier   string          `json:"carrier,omitempty"`
	Country   string          `json:"country,omitempty"`
	Product   event.ProductID `json:"product,omitempty"`
	Browser   string          `json:"browser,omitempty"`
	Warehouse string          `json:"warehouse,omitempty"`
	// Orders that it has touched: parcels held up, defective goods sold, parcels packed late.
	Orders int `json:"orders"`
	// Visits are those that reached the payment and could not order.
	Visits int `json:"visits"`
}

// String tells the incident in a sentence.
func (i Incident) String() string {
	from, to := i.From.UTC().Format("2006-01-02 15:04"), i.To.UTC().Format("2006-01-02 15:04")
	switch i.Kind {
	case CarrierStrike:
		return fmt.Sprintf("%s to %s: strike at %s in %s, %d parcels held up", from, to, i.Carrier, i.Country, i.Orders)
	case BadBatch:
		return fmt.Sprintf("%s to %s: bad batch of %s, sold defective in %d orders", from, to, i.Product, i.Orders)
	case BrokenCheckout:
		return fmt.Sprintf("%s to %s: payment broken on %s, %d visits could not order", from, to, i.Browser, i.Visits)
	case WarehouseBacklog:
		return fmt.Sprintf("%s to %s: backlog in warehouse %s, %d parcels packed late", from, to, i.Warehouse, i.Orders)
	}
	return fmt.Sprintf("%s to %s: %s", from, to, i.Kind)
}

func (i *Incident) validate(products int) error {
	if !i.From.Before(i.To) {
		return fmt.Errorf("%s: from must be before to", i.Kind)
	}
	switch i.Kind {
	case CarrierStrike:
		if !slices.ContainsFunc(carriers, func(c carrier) bool { return c.name == i.Carrier }) {
			return fmt.Errorf("%s: the shop has no carrier %q", i.Kind, i.Carrier)
		}
		if !slices.ContainsFunc(places, func(p place) bool { return p.country == i.Country }) {
			return fmt.Errorf("%s: the shop does not sell to country %q", i.Kind, i.Country)
		}
	case BadBatch:
		number, ok := strings.CutPrefix(string(i.Product), "p-")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 1000 || n >= 1000+products {
			return fmt.Errorf("%s: the shop has no product %q: they go from p-1000 to p-%d", i.Kind, i.Product, 999+products)
		}
	case BrokenCheckout:
		if !slices.ContainsFunc(agents, func(a agent) bool { return a.browser == i.Browser }) {
			return fmt.Errorf("%s: nobody comes with browser %q", i.Kind, i.Browser)
		}
	case WarehouseBacklog:
		if !slices.Contains(warehouses, i.Warehouse) {
			return fmt.Errorf("%s: the shop has no warehouse %q", i.Kind, i.Warehouse)
		}
	default:
		return fmt.Errorf("unknown kind %q", i.Kind)
	}
	return nil
}

// incidents are the planned ones. The usual ones come in seasons of at most four weeks, each with one of every kind, planned when
// a season is first asked about.
type incidents struct {
	cfg     *Config
	start   int64
	season  int64 // its length; 0: the list was given
	seasons [][]Incident
}

func newIncidents(cfg *Config, start int64) incidents {
	if cfg.Incidents != nil {
		return incidents{cfg: cfg, start: start, seasons: [][]Incident{slices.Clone(cfg.Incidents)}}
	}
	return incidents{cfg: cfg, start: start, season: int64(min(max(cfg.Days, 7), 28)) * dayMS}
}

// at are the incidents of the season of time t.
func (in *incidents) at(t int64) []Incident {
	n := 0
	if in.season > 0 {
		n = int(max(t-in.start, 0) / in.season)
	}
	for len(in.seasons) <= n {
		in.seasons = append(in.seasons, in.usual(len(in.seasons)))
	}
	return in.seasons[n]
}

func (in *incidents) usual(n int) []Incident {
	d := diceOf(in.cfg.Seed, 'i', uint64(n))
	from := in.start + int64(n)*in.season
	// Whole days in UTC: at night there is neither a parcel on its way to a door nor anybody in a warehouse.
	days := func(first, length float64) (time.Time, time.Time) {
		first += 0.04 * d.float()
		a := from + int64(first*float64(in.season))/dayMS*dayMS
		a -= a % dayMS
		b := a + max(int64(length*float64(in.season)+float64(dayMS)/2)/dayMS, 1)*dayMS
		return time.UnixMilli(a).UTC(), time.UnixMilli(b).UTC()
	}
	batch := Incident{Kind: BadBatch, Product: event.ProductID("p-" + strconv.Itoa(1000+d.below(6)))}
	batch.From, batch.To = days(0.18, 0.25)
	broken := Incident{Kind: BrokenCheckout, Browser: pick(&d, []string{"Safari", "Firefox", "Edge"})}
	broken.From, broken.To = days(0.22, 0.08)
	broken.From, broken.To = broken.From.Add(9*time.Hour), broken.To.Add(15*time.Hour)
	backlog := Incident{Kind: WarehouseBacklog, Warehouse: pick(&d, warehouses)}
	backlog.From, backlog.To = days(0.3, 0.11)
	strike := Incident{Kind: CarrierStrike, Carrier: carriers[d.below(3)].name, Country: pick(&d, []string{"DE", "FR", "IT", "ES"})}
	strike.From, strike.To = days(0.48, 0.14)
	return []Incident{batch, broken, backlog, strike}
}

// until are all incidents that begin before end.
func (in *incidents) until(end int64) []Incident {
	if in.season > 0 {
		in.at(end - 1)
	}
	var all []Incident
	for _, season := range in.seasons {
		for _, i := range season {
			if i.From.UnixMilli() < end {
				all = append(all, i)
			}
		}
	}
	return all
}

func (i *Incident) on(t int64) bool { return t >= i.From.UnixMilli() && t < i.To.UnixMilli() }

func (in *incidents) find(t int64, is func(*Incident) bool) *Incident {
	season := in.at(t)
	for n := range season {
		if i := &season[n]; i.on(t) && is(i) {
			return i
		}
	}
	return nil
}

func (in *incidents) broken(browser string, t int64) *Incident {
	return in.find(t, func(i *Incident) bool { return i.Kind == BrokenCheckout && i.Browser == browser })
}

func (in *incidents) strike(carrier *carrier, country string, t int64) *Incident {
	return in.find(t, func(i *Incident) bool {
		return i.Kind == CarrierStrike && i.Carrier == carrier.name && i.Country == country
	})
}

func (in *incidents) backlog(warehouse string, t int64) *Incident {
	return in.find(t, func(i *Incident) bool { return i.Kind == WarehouseBacklog && i.Warehouse == warehouse })
}

func (in *incidents) batch(product uint64, t int64) *Incident {
	return in.find(t, func(i *Incident) bool {
		return i.Kind == BadBatch && i.Product == event.ProductID("p-"+strconv.FormatUint(product, 10))
	})
}
