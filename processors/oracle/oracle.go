// Package oracle says what the tables must hold, slowly and plainly: it takes all accepted events at once and writes the rows down
// from the definitions, without states, epochs or revisions. Whatever the pipeline does, its tables must equal this.
//
// It shares with the machines the meaning of a single click (package enrich) and the hash that is a session's id, nothing else.
package oracle

import (
	"cmp"
	"slices"
	"time"

	"github.com/afterclick/afterclick/processors/enrich"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
	"github.com/cespare/xxhash/v2"
)

// Rules are the settings that change what the rows are.
type Rules struct {
	Gap, MaxLength, Horizon time.Duration
	ByTracker               bool
	Lookups                 enrich.Lookups
}

// Default rules, those of an unconfigured pipeline.
var Default = Rules{Gap: 30 * time.Minute, MaxLength: 24 * time.Hour, Horizon: 24 * time.Hour, Lookups: enrich.Currency("EUR")}

// Tables are what the machines write, in order of their keys, with revision 0.
type Tables struct {
	Sessions   []table.Session
	Identities []table.Identity
	Touches    []event.Touch
	Journeys   []table.Journey
	Reviews    []table.Review
}

// Of gives the final tables for all events that were accepted (not late, and no more than a bot's limit). Duplicates may be among
// them. Events of any topic, in any order; touches are computed, not read.
func Of(rules Rules, events []*event.Event) Tables {
	return of(rules, events, nil)
}

// OfTouched gives the journeys and reviews for events and touches that were said.
func OfTouched(lookups enrich.Lookups, events []*event.Event, touches []event.Touch) Tables {
	rules := Default
	rules.Lookups = lookups
	t := of(rules, events, touches)
	t.Touches = nil
	return t
}

func of(rules Rules, events []*event.Event, said []event.Touch) Tables {
	t := Tables{Touches: slices.Clone(said)}
	seen := map[string]bool{}
	visitors := map[event.VisitorID][]*event.Click{}
	keys := map[string][]*event.Event{}
	for _, e := range events {
		if e.Topic == event.Touches {
			continue
		}
		once := e.Topic.String() + "\x00" + e.Key() + "\x00" + string(e.Header().ID)
		if seen[once] {
			continue
		}
		seen[once] = true
		if e.Topic == event.Clickstream {
			visitors[e.Click.Visitor] = append(visitors[e.Click.Visitor], e.Click)
		} else {
			keys[e.Key()] = append(keys[e.Key()], e)
		}
	}
	for _, clicks := range visitors {
		rules.visitor(&t, clicks)
	}
	touches := map[event.OrderID][]event.Touch{}
	for _, touch := range t.Touches {
		touches[touch.Order] = append(touches[touch.Order], touch)
	}
	for _, events := range keys {
		rules.journey(&t, events, touches)
	}
	t.Sort()
	return t
}

// Sort orders the rows by their keys, so that two sets of tables can be compared.
func (t *Tables) Sort() {
	slices.SortFunc(t.Sessions, func(a, b table.Session) int {
		return cmp.Or(cmp.Compare(a.Visitor, b.Visitor), cmp.Compare(a.Start, b.Start))
	})
	slices.SortFunc(t.Identities, func(a, b table.Identity) int {
		return cmp.Or(cmp.Compare(a.Visitor, b.Visitor), cmp.Compare(a.Start, b.Start), cmp.Compare(a.From, b.From),
			cmp.Compare(a.Customer, b.Customer))
	})
	slices.SortFunc(t.Touches, func(a, b event.Touch) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Visitor, b.Visitor), cmp.Compare(a.Start, b.Start))
	})
	slices.SortFunc(t.Journeys, func(a, b table.Journey) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Month, b.Month))
	})
	slices.SortFunc(t.Reviews, func(a, b table.Review) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Review, b.Review), cmp.Compare(a.Month, b.Month))
	})
}

// byTime orders events by time, those of one time by the hash of their id.
func byTime(a, b event.Header) int {
	return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(xxhash.Sum64String(string(a.ID)), xxhash.Sum64String(string(b.ID))))
}
