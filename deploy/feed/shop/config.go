package shop

import (
	"errors"
	"fmt"
	"time"
)

// Config says which shop is simulated. Demo gives a good one to start from.
type Config struct {
	Seed  uint64
	Start time.Time // the shop opens; nobody has ordered anything before
	Days  int       // of history, to Start + Days
	// Endless lets the stream go on after the history, in the same way. The sender can pace it by the clock.
	Endless bool
	// Visits of people on an average day without campaigns. About 3 in 100 visits order, and a visit is about 6 clicks.
	Visits int
	// Products in the catalogue.
	Products int
	// Bots is their share of visits; each of them clicks far more than people do.
	Bots float64
	// Late is the share of records that arrive minutes to hours after they happened.
	Late float64
	// Duplicates is the share of records that are sent twice.
	Duplicates float64
	// Incidents are what goes wrong, and when. Nil: the usual ones, planned by the seed, see Incidents. Empty: none.
	Incidents []Incident
}

// Demo is a month of a middling shop: about a million clicks and five thousand orders.
func Demo(seed uint64, start time.Time) Config {
	return Config{
		Seed: seed, Start: start, Days: 30, Visits: 5000, Products: 1200,
		Bots: 0.006, Late: 0.005, Duplicates: 0.002,
	}
}

// Validate says what is wrong with c.
func (c *Config) Validate() error {
	var errs []error
	if err := validStart(c.Start); err != nil {
		errs = append(errs, err)
	}
	if c.Days < 1 || c.Days > 3660 {
		errs = append(errs, fmt.Errorf("days %d: must be from 1 to 3660", c.Days))
	}
	if c.Visits < 1 || c.Visits > 1e9 {
		errs = append(errs, fmt.Errorf("visits %d: must be from 1 to 1,000,000,000 a day", c.Visits))
	}
	if c.Products < 50 || c.Products > 1e6 {
		errs = append(errs, fmt.Errorf("products %d: must be from 50 to 1,000,000", c.Products))
	}
	for _, share := range []struct {
		name string
		of   float64
	}{{"bots", c.Bots}, {"late", c.Late}, {"duplicates", c.Duplicates}} {
		if !(share.of >= 0 && share.of <= 1) {
			errs = append(errs, fmt.Errorf("%s %v: must be a share from 0 to 1", share.name, share.of))
		}
	}
	for i := range c.Incidents {
		if err := c.Incidents[i].validate(c.Products); err != nil {
			errs = append(errs, fmt.Errorf("incident %d: %w", i+1, err))
		}
	}
	return errors.Join(errs...)
}

// validStart leaves room for years of history within the times that the contract accepts.
func validStart(t time.Time) error {
	if y := t.UTC().Year(); y < 2000 || y > 2080 {
		return fmt.Errorf("start %s: must lie between 2000 and 2080", t.Format(time.DateOnly))
	}
	return nil
}

const (
	secondMS = int64(1000)
	minuteMS = 60 * secondMS
	hourMS   = 60 * minuteMS
	dayMS    = 24 * hourMS
)
