package view_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/table"
	"github.com/afterclick/afterclick/schemas/view"
	"github.com/afterclick/afterclick/schemas/writer"
)

// shown is a database with the rows of b.
func shown(t *testing.T, b *table.Batch) clickhouse.Conn {
	t.Helper()
	conn, options := localtest.ClickHouse(t)
	if _, err := migrate.Up(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	w, err := writer.Open(writer.Config{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Insert(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return conn
}

// answer is a query's answer, a line for each row, a blank between columns, - for NULL.
func answer(t *testing.T, conn clickhouse.Conn, query string) string {
	t.Helper()
	var rows []struct {
		Row string `ch:"row"`
	}
	if err := conn.Select(context.Background(), &rows, "SELECT formatRowNoNewline('TSV', *) AS row FROM ("+query+")"); err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	var out []string
	for _, r := range rows {
		out = append(out, strings.TrimRight(strings.NewReplacer("\t", " ", `\N`, "-").Replace(r.Row), " "))
	}
	return strings.Join(out, "\n")
}

// day is a time of 2026: "02-01" or "02-01 13:00".
func day(s string) event.Time {
	if s == "" {
		return 0
	}
	if len(s) == 5 {
		s += " 00:00"
	}
	t, err := time.Parse("2006-01-02 15:04", "2026-"+s)
	if err != nil {
		panic(err)
	}
	return event.TimeOf(t)
}

func monthOf(t event.Time) event.Time {
	at := t.Time()
	return event.TimeOf(time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC))
}

// TestViewsAnswer: every view can be read in all its columns, has the types that it says, and the example in its comment runs.
func TestViewsAnswer(t *testing.T) {
	conn := shown(t, aShop())
	for _, v := range view.Views() {
		from := v.Name
		_, example, has := strings.Cut(v.Comment, "Example")
		if has {
			_, example, _ = strings.Cut(example, ": ")
			example = strings.TrimSuffix(strings.TrimSpace(example), ".")
			rows, err := conn.Query(t.Context(), example)
			if err == nil {
				for rows.Next() {
				}
				err = rows.Err()
				rows.Close()
			}
			if err != nil {
				t.Errorf("the example of %s: %v\n%s", v.Name, err, example)
			}
		}
		if v.Parameters {
			_, call, ok := strings.Cut(example, "FROM "+v.Name+"(")
			if !ok {
				t.Errorf("%s has parameters, and no example that says how to give them", v.Name)
				continue
			}
			call, _, _ = strings.Cut(call, ")")
			from += "(" + call + ")"
		}
		rows, err := conn.Query(t.Context(), "SELECT * FROM "+from)
		if err == nil {
			for rows.Next() {
			}
			err = rows.Err()
			rows.Close()
		}
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if len(v.Columns) == 0 {
			continue
		}
		var want []string
		for _, c := range v.Columns {
			want = append(want, c.Name+" "+plain(c.Type))
		}
		var types []struct {
			Name    string `ch:"name"`
			Type    string `ch:"type"`
			Default string `ch:"default_type"`
			Expr    string `ch:"default_expression"`
			Comment string `ch:"comment"`
			Codec   string `ch:"codec_expression"`
			TTL     string `ch:"ttl_expression"`
		}
		if err := conn.Select(t.Context(), &types, "DESCRIBE (SELECT * FROM "+from+")"); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range types {
			got = append(got, c.Name+" "+plain(c.Type))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has columns\n%s\nand says\n%s", v.Name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// plain leaves out how a type is stored.
func plain(typ string) string {
	return strings.ReplaceAll(typ, "LowCardinality(String)", "String")
}

// aShop is a handful of orders of which one can tell by heart what the views must say.
func aShop() *table.Batch {
	b := table.NewBatch()
	order := func(j table.Journey) {
		j.Month, j.Revision = monthOf(j.Placed), 1
		if j.Kind == "" {
			j.Kind = event.Purchase
		}
		if j.FirstEvent == 0 {
			j.FirstEvent, j.LastEvent = j.Placed, j.Placed
		}
		b.Journeys.Append(&j)
	}
	item := func(p ...event.ProductID) (items []event.Item) {
		for _, p := range p {
			items = append(items, event.Item{Product: p, Quantity: 1})
		}
		return items
	}
	// Ann: late by two days, for which she asked twice before and once after; complained without naming the order.
	order(table.Journey{Order: "a1", Customer: "ann", Visitor: "family", Channel: "web", Country: "DE", Carrier: "dhl", Warehouse: "north", Items: item("p1", "p2", "p1"),
		Placed: day("01-05"), PromisedAt: day("01-05"), PromiseFirst: day("01-10"), PromiseLast: day("01-11"), PromiseChanges: 1, PromiseChanged: day("01-09"),
		ShipBy: day("01-06"), Shipped: day("01-07 12:00"), Delivered: day("01-12"), Attempted: day("01-10"), Attempts: 1, Exceptions: 2, ExceptionLate: day("01-10"),
		ExceptionDamaged: day("01-12"), Total: 40, Currency: "EUR", Touches: []table.Touch{
			{Session: 1, Visitor: "family", Start: day("01-05"), Ordered: day("01-05")},
			{Session: 2, Visitor: "family", Start: day("01-11"), Contact: day("01-11"), Contacts: 2, Track: day("01-11"), Tracks: 3},
			{Session: 3, Visitor: "phone", Start: day("01-13"), Contact: day("01-13"), Contacts: 1}}})
	order(table.Journey{Order: "a2", Customer: "ann", Channel: "phone", Country: "DE", Carrier: "dhl", Warehouse: "north", Items: item("p1"),
		Placed: day("02-20"), PromiseFirst: day("03-01"), PromisedAt: day("02-20"), PromiseLast: day("03-01"), Shipped: day("02-21"), Delivered: day("02-22"),
		ReturnRequested: day("02-24"), ReturnReason: "wrong_size", Returned: day("02-28"), Refunded: day("03-02"), RefundAmount: 10, Total: 40, RefundReason: "return"})
	order(table.Journey{Order: "a3", Customer: "ann", Channel: "store", Placed: day("09-01")}) // no promise
	// Bob shares a device with Ann. A subscription, renewed, and a rental.
	order(table.Journey{Order: "b1", Customer: "bob", Visitor: "family", Channel: "web", Country: "FR", Kind: event.Subscription, Carrier: "ups", Items: item("p1"),
		Placed: day("01-20"), PromiseFirst: day("01-25"), PromisedAt: day("01-20"), Delivered: day("01-25"), Stars: 5})
	order(table.Journey{Order: "b2", Customer: "bob", Channel: "web", Country: "FR", Kind: event.Subscription, Renews: "b1", Placed: day("02-20")})
	order(table.Journey{Order: "b3", Customer: "bob", Channel: "app", Country: "FR", Kind: event.Rental, Placed: day("03-20")})
	// Cid cancelled, and never came back. Dora is a guest without a name.
	order(table.Journey{Order: "c1", Customer: "cid", Channel: "web", Placed: day("01-21"), PromiseFirst: day("01-25"), PromisedAt: day("01-21"), Cancelled: day("01-22")})
	order(table.Journey{Order: "d1", Channel: "web", Placed: day("01-22"), PromiseFirst: day("01-26"), PromisedAt: day("01-22")})

	review := func(r table.Review) {
		r.Month, r.Revision = monthOf(r.Posted), 1
		if r.Kind == "" {
			r.Kind = "review"
		}
		b.Reviews.Append(&r)
	}
	about := func(p string) []event.Subject { return []event.Subject{{Kind: event.SubjectProduct, ID: p}} }
	review(table.Review{Review: "r1", Customer: "ann", Source: "google", Posted: day("01-20"), Stars: 1, Sentiment: table.Negative, Subjects: about("p1"),
		Complained: day("01-20"), ContactPromised: day("01-21"), ContactDue: day("01-23"), Contacted: day("01-24"), Answered: day("01-24"), Resolved: day("01-25"), Resolution: "refund"})
	review(table.Review{Review: "r2", Customer: "ann", Source: "google", Posted: day("03-01"), Stars: 4, Sentiment: table.Positive, Subjects: about("p1")})
	review(table.Review{Review: "r3", Customer: "ann", Source: "google", Posted: day("01-06"), Stars: 2, Sentiment: table.Negative, Subjects: about("p1"), Complained: day("01-06")})
	review(table.Review{Review: "r4", Order: "b1", Customer: "bob", Source: "shop", Posted: day("01-28"), Stars: 5, Sentiment: table.Positive, Subjects: about("p1"),
		Complained: day("01-27"), Answered: day("01-27 06:00"), Resolved: day("01-29"), Reopened: day("02-03"), ResolvedAgain: day("02-05"), Verified: true})
	review(table.Review{Review: "r5", Source: "x", Kind: "mention", Posted: day("01-28"), Stars: 1, Sentiment: table.Negative, Subjects: about("p9"), Complained: day("01-28"),
		ContactPromised: day("01-29"), ContactDue: day("02-01")})
	review(table.Review{Review: "r6", Source: "x", Kind: "mention", Posted: day("01-28"), Stars: 1, Sentiment: table.Negative, Complained: day("01-28"), Removed: day("02-04")})

	session := func(id uint64, visitor event.VisitorID, start, end string, customer event.CustomerID, source event.Source, contact string) {
		b.Sessions.Append(&table.Session{ID: id, Visitor: visitor, Start: day(start), End: day(end), Customer: customer, Source: source, Channel: "direct",
			Device: "desktop", Stage: table.View, Contact: day(contact), Events: 2, Revision: 1})
		if customer != "" {
			b.Identities.Append(&table.Identity{Visitor: visitor, Start: day(start), From: day(start), To: day(end), Customer: customer, Revision: 1})
		}
	}
	session(1, "family", "01-05", "01-05 00:10", "", "web", "")
	session(2, "family", "01-11", "01-11 00:10", "ann", "web", "01-11")
	session(3, "phone", "01-13", "01-13 00:10", "ann", "phone", "01-13")
	session(4, "family", "01-19", "01-19 00:10", "", "web", "") // Bob, who ordered next
	session(5, "family", "01-24", "01-24 00:10", "", "app", "") // nobody after: Bob was the last
	session(6, "other", "01-24", "01-24 00:10", "", "web", "")
	return b
}

func TestAnswers(t *testing.T) {
	conn := shown(t, aShop())
	for _, c := range []struct{ query, want string }{
		// Coverage, first attempt, and "where is my order". Two places in a list are one product.
		{"SELECT order, state, attempt, if(state = 'overdue', -1, days_late), days_off, promised_days, overlong, contacts, tracks, exception FROM promises ORDER BY order", `
a1 broken kept 2 2 5 false 2 3 late,damaged
a2 kept kept 0 -7 9 true 0 0
a3 none none 0 - - false 0 0
b1 kept kept 0 0 5 false 0 0
b2 none none 0 - - false 0 0
b3 none none 0 - - false 0 0
c1 cancelled cancelled 0 - 4 false 0 0
d1 overdue overdue -1 - 4 false 0 0`},
		{"SELECT product, count(), countIf(state = 'broken') FROM promises ARRAY JOIN products AS product GROUP BY product ORDER BY product", `
p1 3 1
p2 1 1`},
		// a1 was planned; nobody knows what is usual for the others.
		{"SELECT order, due, due_by, days_off, warehouse_days, carrier_days, cause FROM delays ORDER BY order", `
a1 2026-01-06 00:00:00.000 plan 2 1.5 0.5 warehouse
a2 - unknown -7 - -
b1 - unknown 0 - -`},
		{"SELECT order, state, reason, refund_share, days_to_request, days_to_return, days_to_refund, days_waiting FROM returns", `
a2 refunded wrong_size 0.25 2 4 6 -`},
		{"SELECT review, opened, state, contact, hours_to_answer, hours_to_contact, hours_to_resolve, if(state = 'resolved', age_days, 0) FROM cases ORDER BY review", `
r1 2026-01-20 00:00:00.000 resolved late 96 72 120 5
r3 2026-01-06 00:00:00.000 ignored none - - - 0
r4 2026-01-27 00:00:00.000 resolved none 6 - 48 9
r5 2026-01-28 00:00:00.000 broken never - - - 0`},
		{"SELECT review, state, age_days, age FROM backlog(at = '2026-01-22') ORDER BY review", `
r1 promised 2 1 to 3 days
r3 ignored 16 7 to 30 days`},
		{"SELECT review, state FROM backlog(at = '2026-01-23 12:00:00') ORDER BY review", `
r1 broken
r3 ignored`},
		{"SELECT review, state FROM backlog(at = '2026-01-28 12:00:00') ORDER BY review", `
r3 ignored
r4 answered
r5 open
r6 open`},
		{"SELECT review, state FROM backlog(at = '2026-01-30') ORDER BY review", `
r3 ignored
r5 promised
r6 open`},
		{"SELECT review, state FROM backlog(at = '2026-02-03 12:00:00') ORDER BY review", `
r3 ignored
r4 reopened
r5 broken
r6 ignored`},
		{"SELECT review, state FROM backlog(at = '2026-02-10') ORDER BY review", `
r3 ignored
r5 broken`},
		{"SELECT review, order, how, candidates FROM review_orders ORDER BY review", `
r1 a1 matched 1
r2 a2 ambiguous 2
r3  unknown 0
r4 b1 named 0
r5  unknown 0
r6  unknown 0`},
		{"SELECT customer, order, kind, renewal, n, previous, days_since, next_placed IS NULL, stars, case, promise, returned FROM customer_orders ORDER BY customer, placed", `
ann a1 purchase false 1  - 0 1 resolved broken false
ann a2 purchase false 2 a1 46 0 4 none kept true
ann a3 purchase false 3 a2 193 1 0 none none false
bob b1 subscription false 1  - 0 5 none kept false
bob b2 subscription true 1  - 1 0 none none false
bob b3 rental false 2 b1 59 1 0 none none false`},
		{"SELECT customer, cohort, first_channel, orders, purchases, subscriptions, rentals, renewals, second_order, days_between, arrayStringConcat(channels, '+'), last_promise, last_stars, last_case, returns FROM customers ORDER BY customer", `
ann 2026-01-01 web 3 3 0 0 0 2026-02-20 00:00:00.000 119.5 phone+store+web kept 4 resolved 1
bob 2026-01-01 web 2 0 1 1 1 2026-03-20 00:00:00.000 59 app+web kept 5  0`},
		{"SELECT cohort, months, sum(customers), sum(active), sum(orders) FROM cohorts WHERE months < 3 OR months = 8 GROUP BY cohort, months ORDER BY months", `
2026-01-01 0 2 2 2
2026-01-01 1 2 1 1
2026-01-01 2 2 1 1
2026-01-01 8 2 1 1`},
		{"SELECT group, days, at_risk, ordered, share FROM second_order(by = '')", `
all 46 2 1 0.5
all 59 1 1 1`},
		{"SELECT group, days, at_risk, ordered, share FROM second_order(by = 'promise') ORDER BY group", `
broken 46 1 1 1
kept 59 1 1 1`},
		{"SELECT aspect, experience, orders, again FROM experience_effect(days = 50) WHERE aspect IN ('promise', 'case', 'return', 'delay') ORDER BY aspect, experience", `
case none 2 0
case resolved 1 1
delay 1 to 3 days 1 1
delay in time 2 0
promise broken 1 1
promise kept 2 0
return no 2 1
return yes 1 0`},
		{"SELECT order, previous, days_away, previous_promise, previous_stars FROM won_back(days = 180)", `
a3 a2 193 kept 4`},
		// A shared device is two people's: who is known next, else who was known last.
		{"SELECT id, customer, known FROM known_sessions ORDER BY id", `
1 ann later
2 ann seen
3 ann seen
4 bob later
5 bob earlier
6  no`},
		{"SELECT formatDateTime(at, '%m-%d'), channel, what, detail, order, review FROM timeline(customer = 'ann') WHERE at < '2026-02-20' AND what NOT IN ('payment') ORDER BY at, what", `
01-05 web order purchase, 40 EUR a1
01-05 web promise arrive by 2026-01-10 00:00:00.000 a1
01-05 web session desktop, direct, got to view (known later)
01-06 google opinion 2 stars now.   r3
01-07 web handed over dhl a1
01-09 web promise changed arrive by 2026-01-11 00:00:00.000 a1
01-10 web attempt nobody there, 1 times a1
01-10 web delay dhl a1
01-11 web contact
01-11 web session desktop, direct, got to view
01-12 web damage dhl a1
01-12 web delivery 2 days late a1
01-13 phone contact
01-13 phone session desktop, direct, got to view
01-20 google opinion 1 stars now.   r1
01-21 google contact promised until 2026-01-23 00:00:00.000  r1
01-24 google answer   r1
01-25 google resolution refund  r1`},
		{"SELECT visitor, session FROM timeline(customer = 'bob') WHERE what = 'session'", `
family 4
family 5`},
	} {
		got := answer(t, conn, c.query)
		if want := strings.TrimPrefix(c.want, "\n"); got != want {
			t.Errorf("%s\n got\n%s\nwant\n%s", c.query, got, want)
		}
	}
}
