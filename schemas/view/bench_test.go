package view_test

import (
	"context"
	"testing"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/schemas/migrate"
)

// fill makes a year of a shop inside the engine: a million orders of 300,000 customers, three million sessions, 200,000 reviews.
var fill = []string{
	`INSERT INTO stored_journeys (month, order, customer, visitor, placed, promised_at, promise_first, promise_last, kind, channel, country, region, carrier, warehouse,
    generation, segment, value, items.product, items.category, items.brand, items.seller, items.quantity, items.price, shipped, delivered, stars, case_opened, revision)
SELECT toStartOfMonth(placed), concat('o-', toString(number)), concat('c-', toString(cityHash64(number, 1) % 300000)) AS customer, concat(customer, '-', toString(number % 2)),
    toDateTime64('2025-01-01', 3, 'UTC') + toIntervalSecond(number * 31) AS placed, placed, placed + toIntervalDay(4), placed + toIntervalDay(4),
    if(number % 10 = 0, 'subscription', 'purchase'), 'web', ['DE', 'FR', 'IT', 'ES'][1 + number % 4], concat('r', toString(number % 30)), concat('carrier', toString(number % 5)),
    concat('w', toString(number % 4)), 'gen_x', 'unknown', 50, [concat('p-', toString(cityHash64(number, 2) % 2000))], ['a'], ['b'], ['s'], [1], [50],
    placed + toIntervalHour(10 + cityHash64(number, 4) % 30) AS shipped, if(number % 50 = 0, toDateTime64(0, 3, 'UTC'), shipped + toIntervalHour(20 + cityHash64(number, 5) % 100)),
    number % 6, if(number % 6 IN (1, 2), placed + toIntervalDay(8), toDateTime64(0, 3, 'UTC')), number + 1
FROM numbers(1000000)`,
	`INSERT INTO stored_sessions (visitor, start, id, end, customer, source, stage, revision)
SELECT concat('c-', toString(cityHash64(number, 1) % 300000), '-', toString(number % 2)), toDateTime64('2025-01-01', 3, 'UTC') + toIntervalSecond(number * 10) AS start, number, start + 600,
    if(number % 5 = 0, concat('c-', toString(cityHash64(number, 1) % 300000)), ''), 'web', 'view', number + 1
FROM numbers(3000000)`,
	`INSERT INTO stored_identities (visitor, start, from, to, customer, revision) SELECT visitor, start, start, end, customer, revision FROM stored_sessions WHERE customer != ''`,
	`INSERT INTO stored_reviews (month, order, review, kind, customer, posted, stars, subjects.kind, subjects.id, complained, resolved, revision)
SELECT toStartOfMonth(posted), if(number % 10 = 0, '', concat('o-', toString(number * 5))), concat('r-', toString(number)), 'review',
    concat('c-', toString(cityHash64(number * 5, 1) % 300000)), toDateTime64('2025-01-01', 3, 'UTC') + toIntervalSecond(number * 155) + toIntervalDay(9) AS posted, 1 + number % 5,
    ['product'], [concat('p-', toString(cityHash64(number * 5, 2) % 2000))], if(number % 5 < 2, posted, toDateTime64(0, 3, 'UTC')),
    if(number % 5 = 0, posted + toIntervalDay(2), toDateTime64(0, 3, 'UTC')), number + 1
FROM numbers(200000)`,
}

// BenchmarkMillion asks the views of a shop with a million journeys: go test ./schemas/view -run ^$ -bench Million -benchtime 3x
//
// CPU seconds of the engine, once measured, of which two free cores take half the time: promises 0.3, delays 0.3 (a month 0.1), cases 0.05,
// backlog 0.1, review_orders 0.25, customer_orders 0.9, customers 0.5 by cohort and 5.4 with all columns, cohorts 1.5, second_order 1.3,
// experience_effect 3.4, won_back 1.9, timeline 0.4, known_sessions of three million sessions 8. So none of them is kept in a table.
func BenchmarkMillion(b *testing.B) {
	conn, options := localtest.ClickHouse(b)
	ctx := context.Background()
	if _, err := migrate.Up(ctx, options); err != nil {
		b.Fatal(err)
	}
	for _, q := range fill {
		if err := conn.Exec(ctx, q); err != nil {
			b.Fatal(err)
		}
	}
	for _, q := range []struct{ name, query string }{
		{"promises", "SELECT carrier, warehouse, region, count(), countIf(state = 'kept'), countIf(attempt = 'kept'), sum(contacts), sum(days_late) FROM promises GROUP BY ALL"},
		{"promises_by_product", "SELECT product, countIf(state = 'kept') FROM promises ARRAY JOIN products AS product GROUP BY product"},
		{"delays", "SELECT carrier, warehouse, avg(days_off), avg(warehouse_days), avg(carrier_days) FROM delays GROUP BY ALL"},
		{"delays_of_a_month", "SELECT carrier, warehouse, avg(days_off), avg(warehouse_days), avg(carrier_days) FROM delays WHERE month = '2025-03-01' GROUP BY ALL"},
		{"cases", "SELECT state, contact, count() FROM cases GROUP BY ALL"},
		{"backlog", "SELECT age, state, count() FROM backlog(at = '2025-06-01') GROUP BY ALL"},
		{"review_orders", "SELECT how, count() FROM review_orders GROUP BY how"},
		{"customer_orders", "SELECT n, count(), avg(days_since) FROM customer_orders GROUP BY n"},
		{"customers_by_cohort", "SELECT cohort, count(), countIf(orders > 1) FROM customers GROUP BY cohort"},
		{"customers_all_columns", "SELECT * FROM customers ORDER BY orders DESC LIMIT 10"},
		{"cohorts", "SELECT cohort, months, sum(active) / sum(customers) FROM cohorts GROUP BY ALL"},
		{"second_order", "SELECT count() FROM second_order(by = 'promise')"},
		{"experience_effect", "SELECT count() FROM experience_effect(days = 60)"},
		{"won_back", "SELECT previous_promise, count() FROM won_back(days = 180) GROUP BY ALL"},
		{"timeline", "SELECT count() FROM timeline(customer = 'c-77')"},
		{"known_sessions", "SELECT known, count() FROM known_sessions GROUP BY known"},
	} {
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				rows, err := conn.Query(ctx, q.query)
				if err != nil {
					b.Fatal(err)
				}
				for rows.Next() {
				}
				if err := rows.Err(); err != nil {
					b.Fatal(err)
				}
				rows.Close()
			}
		})
	}
}
