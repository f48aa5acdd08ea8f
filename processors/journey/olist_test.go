package journey_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/feed/feedtest"
	"github.com/afterclick/afterclick/processors/journey"
	"github.com/afterclick/afterclick/processors/oracle"
	"github.com/afterclick/afterclick/processors/trial"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

// TestOlist runs a real marketplace's orders and reviews: every order is one journey, every opinion one review, and the share of
// late deliveries is what the file itself says.
func TestOlist(t *testing.T) {
	dir := feedtest.Data(t, "olist")
	var events []*event.Event
	at := func(s string) event.Time {
		p, err := time.Parse(time.DateTime, s)
		if err != nil {
			return 0
		}
		return event.TimeOf(p)
	}
	orders, wantLate, wantDelivered := map[string]bool{}, 0, 0
	for _, r := range readCSV(t, filepath.Join(dir, "olist_orders_dataset.csv")) {
		id := event.OrderID(r[0])
		orders[r[0]] = true
		order := func(typ event.Type, when, promise string) {
			if at(when) != 0 {
				events = append(events, &event.Event{Topic: event.Orders, Order: &event.Order{Header: event.Header{
					ID: event.ID(r[0] + "-" + string(typ)), Type: typ, Time: at(when), Source: "olist"}, Order: id,
					Customer: event.CustomerID(r[1]), Promise: at(promise)}})
			}
		}
		delivery := func(typ event.Type, when string) {
			if at(when) != 0 {
				events = append(events, &event.Event{Topic: event.Deliveries, Delivery: &event.Delivery{Header: event.Header{
					ID: event.ID(r[0] + "-" + string(typ)), Type: typ, Time: at(when), Source: "olist"}, Order: id}})
			}
		}
		order(event.Placed, r[3], r[7])
		order(event.Paid, r[4], "")
		delivery(event.HandedOver, r[5])
		delivery(event.Delivered, r[6])
		if at(r[6]) != 0 {
			wantDelivered++
			if at(r[6]) > at(r[7]) {
				wantLate++
			}
		}
	}
	opinions := map[string]bool{}
	for _, r := range readCSV(t, filepath.Join(dir, "olist_order_reviews_dataset.csv")) {
		opinions[r[1]+" "+r[0]] = true
		rating, err := strconv.ParseFloat(r[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, &event.Event{Topic: event.Reviews, Review: &event.Review{Header: event.Header{
			ID: event.ID(r[0] + "-" + r[1]), Type: event.Posted, Time: at(r[5]), Source: "olist"}, Review: event.ReviewID(r[0]),
			Order: event.OrderID(r[1]), Rating: rating, Title: r[3], Text: r[4], Language: "pt"}})
	}
	slices.SortStableFunc(events, func(a, b *event.Event) int { return int(a.Header().Time - b.Header().Time) })
	var log []trial.Record
	var clock event.Time
	for _, e := range events {
		log = append(log, trial.Record{Event: e, Clock: clock})
		clock = e.Header().Time
	}
	m, err := journey.New(journey.Default)
	if err != nil {
		t.Fatal(err)
	}
	r := trial.New(m, log)
	for r.Next < len(log) {
		if err := r.Epoch(997, true); err != nil {
			t.Fatal(err)
		}
	}
	got := r.Tables.Final()
	if d := trial.Diff(got, oracle.Of(oracle.Default, events)); d != "" {
		t.Fatal(d)
	}
	if len(got.Journeys) != len(orders) || len(got.Reviews) != len(opinions) {
		t.Errorf("%d journeys of %d orders, %d reviews of %d opinions", len(got.Journeys), len(orders), len(got.Reviews), len(opinions))
	}
	late, delivered, verdicts := 0, 0, map[table.Promise]int{}
	for _, j := range got.Journeys {
		if !orders[string(j.Order)] {
			t.Fatalf("order %s, or it twice", j.Order)
		}
		delete(orders, string(j.Order))
		if j.Delivered != 0 {
			delivered++
			if j.Delivered > j.PromiseFirst {
				late++
			}
		}
	}
	for _, r := range got.Reviews {
		verdicts[r.Promise]++
	}
	if late != wantLate || delivered != wantDelivered {
		t.Errorf("%d late of %d, the file says %d of %d", late, delivered, wantLate, wantDelivered)
	}
	var bytes int
	for _, e := range r.States {
		bytes += len(e.State)
	}
	t.Logf("%d events, %d journeys, %d reviews %v, %d of %d late, %d bytes a state", len(events), len(got.Journeys), len(got.Reviews),
		verdicts, late, delivered, bytes/len(r.States))
}

func readCSV(t *testing.T, file string) [][]string {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}
