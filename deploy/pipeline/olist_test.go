package pipeline_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/feedtest"
	"github.com/afterclick/afterclick/deploy/feed/olist"
	"github.com/afterclick/afterclick/deploy/feed/otto"
)

// csv is a file of the Olist data set as ClickHouse reads it by itself: every column as text, exactly as it stands there.
func csv(t *testing.T, name, columns string) string {
	t.Helper()
	file := filepath.Join(feedtest.Data(t, "olist"), name+".csv")
	return fmt.Sprintf("file('%s', CSVWithNames, '%s')", file, strings.ReplaceAll(columns, ",", " String,")+" String")
}

// exactly makes ClickHouse leave texts in CSV files alone.
const exactly = " SETTINGS input_format_csv_trim_whitespaces = 0"

// at reads a time of the files; an empty one never came.
func at(column string) string {
	return fmt.Sprintf("toDateTime64OrNull(nullIf(%s, ''), 3, 'UTC')", column)
}

// contents is a fingerprint of everything that analysts can see, but for where and when it was read.
func (s *site) contents(t *testing.T) map[string]string {
	t.Helper()
	seen := map[string]string{}
	for _, view := range []string{"sessions", "identities", "journeys", "reviews", "funnel", "delivery", "reputation", "dead_letters"} {
		seen[view] = s.ask(t, "SELECT concat(toString(count()), ' rows, ', toString(sum(cityHash64(formatRow('JSONEachRow', *))))) FROM "+view)
	}
	return seen
}

// once fails unless each key is in the view and in the table below it in exactly one row.
func (s *site) once(t *testing.T, view, key string) {
	t.Helper()
	for _, from := range []string{view, "stored_" + view + " FINAL WHERE is_deleted = 0"} {
		if n := s.ask(t, fmt.Sprintf("SELECT toString(count() - uniqExact(%s)) FROM %s", key, from)); n != "0" {
			t.Errorf("%s: %s rows too many", from, n)
		}
	}
}

// A real marketplace's history, through Kafka and the engine into the tables, is what ClickHouse reads in its files.
func TestOlistIsWhatItsFilesSay(t *testing.T) {
	h, err := olist.Open(feedtest.Data(t, "olist"))
	if err != nil {
		t.Fatal(err)
	}
	t.Parallel()
	var records []feed.Record
	for r := range h.Records() {
		r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
		records = append(records, r)
	}
	s := newSite(t)
	dir := t.TempDir()
	s.send(t, records)
	s.finish(t, dir)

	orders := csv(t, "olist_orders_dataset", "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,"+
		"order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date")
	customers := csv(t, "olist_customers_dataset", "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state")
	reviews := csv(t, "olist_order_reviews_dataset", "review_id,order_id,review_score,review_comment_title,review_comment_message,"+
		"review_creation_date,review_answer_timestamp")
	items := csv(t, "olist_order_items_dataset", "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value")
	if n := s.ask(t, "SELECT toString(count()) FROM journeys"); n != "3000" {
		t.Errorf("%s journeys, the data set is known for 3,000 orders", n)
	}
	s.same(t, "how many there are", "SELECT (SELECT count() FROM journeys), (SELECT count() FROM reviews)",
		"SELECT (SELECT count() FROM "+orders+"), (SELECT count() FROM "+reviews+")")
	s.once(t, "journeys", `"order"`)
	s.once(t, "reviews", `("order", review)`)
	if n := s.ask(t, "SELECT toString(count()) FROM dead_letters"); n != "0" {
		t.Errorf("%s dead letters, for example %s", n, s.ask(t, "SELECT any(detail) FROM dead_letters"))
	}
	if got := s.ask(t, "SELECT toString((count(), countIf(status = 'accepted'), uniqExact(id))) FROM events"); got != fmt.Sprintf("(%d,%[1]d,%[1]d)", len(records)) {
		t.Errorf("events, accepted, ids are %s, %d were sent", got, len(records))
	}

	delivered, promised := at("order_delivered_customer_date"), at("order_estimated_delivery_date")
	s.same(t, "orders",
		`SELECT "order", placed, paid, shipped, delivered, promise_first, cancelled IS NOT NULL, customer, region FROM journeys`,
		"SELECT order_id, "+at("order_purchase_timestamp")+", "+at("order_approved_at")+", "+at("order_delivered_carrier_date")+", "+
			delivered+", "+promised+", order_status IN ('canceled', 'unavailable'), customer_unique_id, customer_state FROM "+orders+
			" AS o JOIN "+customers+" AS c ON c.customer_id = o.customer_id")
	s.same(t, "what was bought",
		`SELECT "order", product, sum(quantity), round(sum(quantity * price), 2) FROM journeys ARRAY JOIN items.product AS product, items.quantity AS quantity, items.price AS price GROUP BY ALL`,
		"SELECT order_id, product_id, toFloat64(count()), round(sum(toFloat64(price)), 2) FROM "+items+" GROUP BY ALL")
	s.same(t, "reviews",
		`SELECT review, "order", posted, answered, rating, stars, title, text FROM reviews`,
		"SELECT review_id, order_id, "+at("review_creation_date")+", "+at("review_answer_timestamp")+
			", toFloat64(review_score) AS score, score, review_comment_title, review_comment_message FROM "+reviews+exactly)
	if n := s.ask(t, "SELECT toString(countIf(position(text, '\\n') > 0)) FROM reviews"); n == "0" {
		t.Error("no review has a line break: the comparison shows nothing about them")
	}
	late := delivered + " > " + promised
	s.same(t, "promises by state",
		"SELECT region, count(), countIf(delivered IS NOT NULL), countIf(delivered > promise_first), countIf(delivered > promise_first) / countIf(delivered IS NOT NULL) FROM journeys GROUP BY GROUPING SETS ((region), ())",
		"SELECT customer_state, count(), countIf("+delivered+" IS NOT NULL), countIf("+late+"), countIf("+late+") / countIf("+delivered+" IS NOT NULL) FROM "+
			orders+" AS o JOIN "+customers+" AS c ON c.customer_id = o.customer_id GROUP BY GROUPING SETS ((customer_state), ())")
	s.same(t, "ratings by promise and state",
		"SELECT region, promise = 'broken' AS late, count(), avg(rating) FROM reviews WHERE promise IN ('kept', 'broken') GROUP BY GROUPING SETS ((region, late), (late))",
		"SELECT customer_state, "+late+" AS late, count(), avg(toFloat64(review_score)) FROM "+reviews+" AS r JOIN "+orders+
			" AS o ON o.order_id = r.order_id JOIN "+customers+" AS c ON c.customer_id = o.customer_id WHERE "+delivered+" IS NOT NULL GROUP BY GROUPING SETS ((customer_state, late), (late))")
	s.same(t, "delivery cells by state",
		"SELECT region, sum(orders), sum(delivered), sum(broken) FROM delivery GROUP BY region",
		"SELECT customer_state, count(), countIf("+delivered+" IS NOT NULL), countIf("+late+") FROM "+
			orders+" AS o JOIN "+customers+" AS c ON c.customer_id = o.customer_id GROUP BY customer_state")

	// The views: what became of the promise, whose part of the delay it was, what reviews complain of, and who came back.
	cancelled := "order_status IN ('canceled', 'unavailable')"
	off := "dateDiff('millisecond', " + promised + ", " + delivered + ") / 86400000"
	s.same(t, "promises",
		`SELECT "order", state, days_off, overlong FROM promises`,
		"SELECT order_id, multiIf("+promised+" IS NULL, 'none', "+late+", 'broken', "+delivered+" IS NOT NULL, 'kept', "+cancelled+", 'cancelled', 'overdue'), "+off+
			", toBool(ifNull("+off+" <= -3 AND dateDiff('millisecond', "+at("order_purchase_timestamp")+", "+promised+") > 2 * dateDiff('millisecond', "+at("order_purchase_timestamp")+", "+delivered+"), false)) FROM "+orders)
	s.same(t, "delays",
		`SELECT "order", days_off, warehouse_days, round(carrier_days, 6) FROM delays WHERE due_by = 'plan'`,
		"SELECT order_id, assumeNotNull("+off+"), dateDiff('millisecond', ship_by, "+at("order_delivered_carrier_date")+") / 86400000 AS warehouse, round("+off+" - warehouse, 6) FROM "+orders+
			" AS o JOIN (SELECT order_id, max("+at("shipping_limit_date")+") AS ship_by FROM "+items+" GROUP BY order_id) AS i ON i.order_id = o.order_id WHERE "+
			delivered+" IS NOT NULL AND "+promised+" IS NOT NULL")
	s.same(t, "cases",
		`SELECT review, "order", opened, hours_to_answer FROM cases`,
		"SELECT review_id, order_id, "+at("review_creation_date")+" AS opened, dateDiff('millisecond', opened, "+at("review_answer_timestamp")+") / 3600000 FROM "+reviews+" WHERE toFloat64(review_score) <= 2")
	people := "(SELECT customer_unique_id AS customer, count() AS orders, arraySort(groupArray(assumeNotNull(" + at("order_purchase_timestamp") + "))) AS placed FROM " +
		orders + " AS o JOIN " + customers + " AS c ON c.customer_id = o.customer_id WHERE NOT " + cancelled + " GROUP BY customer)"
	s.same(t, "customers",
		`SELECT customer, orders, first_order, second_order, last_order FROM customers`,
		"SELECT customer, orders, placed[1], if(orders > 1, placed[2], NULL), placed[-1] FROM "+people)
	if n := s.count(t, "customers WHERE orders > 1"); n == 0 {
		t.Error("nobody came back: the comparison shows nothing about them")
	}
	s.same(t, "cohorts",
		`SELECT cohort, months, sum(active) FROM cohorts GROUP BY cohort, months HAVING sum(active) > 0`,
		"SELECT toStartOfMonth(placed[1]) AS cohort, toUInt64(dateDiff('month', cohort, p)) AS months, uniqExact(customer) FROM "+people+" ARRAY JOIN placed AS p GROUP BY cohort, months")

	before := s.contents(t)
	s.send(t, records)
	s.finish(t, dir)
	after := s.contents(t)
	for view, was := range before {
		if is := after[view]; is != was {
			t.Errorf("importing twice changes %s from %s to %s", view, was, is)
		}
	}
	// What is told again is a duplicate, or late: the history is longer than orders are remembered.
	if got := s.ask(t, "SELECT toString((count(), countIf(status = 'accepted'), uniqExact(id))) FROM events"); got != fmt.Sprintf("(%d,%d,%[2]d)", 2*len(records), len(records)) {
		t.Errorf("events, accepted, ids are %s after importing %d twice", got, len(records))
	}
}

// A real shop's clicks: what people did, counted in its file.
func TestOttoIsWhatItsFileSays(t *testing.T) {
	file := feedtest.Data(t, "otto", "train.jsonl")
	t.Parallel()
	h, err := otto.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	s.send(t, slices.Collect(h.Records()))
	s.finish(t, t.TempDir())
	s.once(t, "sessions", "(visitor, start)")
	s.once(t, "journeys", `"order"`)

	// Of each shopper: events by kind, orders (what was bought in one moment), and activities without a gap of over 30 minutes,
	// cut after a day at most. The file is counted here, without any of our code.
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const gap, day = 30 * 60 * 1000, 24 * 60 * 60 * 1000
	var want []string
	all := 0
	for line := range bytes.Lines(raw) {
		var shopper struct {
			Session int
			Events  []struct {
				Aid, Ts int64
				Type    string
			}
		}
		if err := json.Unmarshal(line, &shopper); err != nil {
			t.Fatal(err)
		}
		all += len(shopper.Events)
		kinds, orders, times := map[string]int{}, map[int64]bool{}, []int64{}
		for _, e := range shopper.Events {
			kinds[e.Type]++
			times = append(times, e.Ts)
			if e.Type == "orders" {
				orders[e.Ts] = true
			}
		}
		slices.Sort(times)
		sessions, began := 0, int64(0)
		for i, ts := range times {
			if i == 0 || ts-times[i-1] > gap || ts-began > day {
				sessions, began = sessions+1, ts
			}
		}
		want = append(want, fmt.Sprintf("('otto-%d',%d,%d,%d,%d,%d)", shopper.Session, sessions, len(times), kinds["clicks"], kinds["carts"], len(orders)))
	}
	slices.Sort(want)
	got := s.ask(t, `SELECT arrayStringConcat(arraySort(groupArray(toString(x))), '\n') FROM
		(SELECT (visitor, count(), sum(events), sum(product_views), sum(cart_adds), uniqExactArray(orders)) AS x FROM sessions GROUP BY visitor)`)
	if got != strings.Join(want, "\n") {
		t.Errorf("shopper, sessions, events, clicks, carts, orders are\n%s\nthe file says\n%s", got, strings.Join(want, "\n"))
	}
	if all != 862 {
		t.Errorf("the file has %d events, it is known for 862", all)
	}
	if n := s.ask(t, "SELECT toString(count()) FROM journeys WHERE placed IS NOT NULL AND notEmpty(touches.session)"); n != fmt.Sprint(h.Orders()) {
		t.Errorf("%s journeys with a touch, the file has %d orders", n, h.Orders())
	}
}
