package view

import "fmt"

// reviewOrders finds the order of a review that names none.
func reviewOrders() View {
	return selecting(View{
		Name: "review_orders",
		Comment: "Opinions with the order that they are about. One that names no order, but a customer and a product, is about the latest order of that product " +
			"by that customer that was delivered before it was posted. how: named, matched (there is one such order), ambiguous (there are several; the latest is shown), " +
			"unknown (none, or no customer or product is named). Example: SELECT how, count() FROM review_orders WHERE month >= '2026-01-01' GROUP BY how.",
	}, `FROM reviews AS t
LEFT JOIN (
    SELECT r.month AS month, r.review AS review, argMax(o.order, (o.delivered, o.order)) AS order, uniqExact(o.order) AS candidates
    FROM (
        SELECT month, review, customer, posted, subject.1 AS kind, subject.2 AS product FROM reviews
        ARRAY JOIN arrayZip(`+"`subjects.kind`, `subjects.id`"+`) AS subject
        WHERE order = '' AND customer != '' AND posted IS NOT NULL AND subject.1 = 'product'
    ) AS r
    INNER JOIN (
        SELECT order, customer, delivered, product FROM journeys ARRAY JOIN `+"`items.product`"+` AS product
        WHERE delivered IS NOT NULL AND customer IN (SELECT customer FROM stored_reviews WHERE order = '' AND customer != '')
    ) AS o ON r.customer = o.customer AND r.product = o.product
    WHERE o.delivered <= r.posted
    GROUP BY r.month, r.review
) AS m ON t.order = '' AND t.month = m.month AND t.review = m.review
SETTINGS join_use_nulls = 0`,
		part{"review", text, "t.review", "Id of the opinion."},
		part{"month", moment, "t.month", "First of the month of the opinion, UTC; filter by it."},
		part{"order", text, "if(t.order != '', t.order, m.order)", "Order that it is about; empty: unknown."},
		part{"how", text, "multiIf(t.order != '', 'named', m.candidates = 1, 'matched', m.candidates > 1, 'ambiguous', 'unknown')",
			"How that is known: named, matched, ambiguous, unknown."},
		part{"candidates", count, "m.candidates", "Orders that it may be about, if it names none."},
		part{"customer", text, "t.customer", "Known person's id."},
		part{"posted", when, "t.posted", "Posted."},
		part{"stars", number, "t.stars", "Rating on a scale from 1 to 5; 0: none."},
		part{"complained", when, "t.complained", "First version that was negative; NULL: never."},
		part{"answered", when, "t.answered", "First answer; NULL: never."},
		part{"resolved", when, "t.resolved", "Resolved for the first time; NULL: never."},
		part{"removed", when, "t.removed", "Removed; NULL: never."},
	)
}

// customerOrders puts a customer's orders in a row. An order that renews another is a row of its own kind: nobody decided anew.
func customerOrders() View {
	window := "(PARTITION BY t.customer, t.renews != '' ORDER BY t.placed, cityHash64(t.order)"
	all := window + " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
	return selecting(View{
		Name: "customer_orders",
		Comment: "Orders of known customers, cancelled ones left out, each with its number and the orders before and after it, and what the customer experienced. " +
			"Renewals of subscriptions and rentals are numbered by themselves. Opinions that name no order are found by customer and product. " +
			"Example: SELECT n, count(), avg(days_since) FROM customer_orders WHERE NOT renewal GROUP BY n ORDER BY n LIMIT 10.",
	}, `FROM (
    SELECT * FROM journeys WHERE customer != '' AND placed IS NOT NULL AND cancelled IS NULL
) AS t
LEFT JOIN (
    SELECT order, argMax(stars, assumeNotNull(posted)) AS stars, min(complained) AS complained, min(answered) AS answered, min(resolved) AS resolved
    FROM review_orders WHERE how IN ('matched', 'ambiguous') AND removed IS NULL GROUP BY order
) AS r ON t.order = r.order
SETTINGS join_use_nulls = 0`,
		part{"customer", text, "t.customer", "Known person's id."},
		part{"order", text, "t.order", "Order id."},
		part{"month", moment, "t.month", "First of the month of the order, UTC."},
		part{"placed", moment, "assumeNotNull(t.placed)", "Order placed."},
		part{"kind", text, "toString(t.kind)", "What was ordered: purchase, subscription, rental."},
		part{"renewal", flag, "toBool(t.renews != '')", "Whether it renews a subscription or rental by itself."},
		part{"n", count, "row_number() OVER " + window + ")", "Number of the order among the customer's orders, from 1; a renewal's among the renewals."},
		part{"previous", text, "lagInFrame(t.order) OVER " + all, "The order before; empty: it is the first."},
		part{"previous_placed", when, "lagInFrame(t.placed) OVER " + all, "When that was placed."},
		part{"days_since", maybe, days("previous_placed", "t.placed"), "Days since the order before; NULL: it is the first."},
		part{"next_placed", when, "leadInFrame(t.placed) OVER " + all, "When the next order was placed; NULL: there is none yet."},
		part{"channel", word, "t.channel", "Where it was ordered: web, app, store, phone, email."},
		part{"country", word, "t.country", "Country shipped to."},
		part{"carrier", word, "t.carrier", "Carrier."},
		part{"segment", word, "t.segment", "The customer's segment, as it was when the journey last changed; unknown: it is not told."},
		part{"generation", word, "t.generation", "The customer's generation by year of birth; unknown: it is not told."},
		part{"home_country", word, "t.home_country", "Country that the customer lives in; unknown: it is not told."},
		part{"value", maybe, "t.value", "What the customer pays, in the reporting currency; NULL: not known."},
		part{"products", texts, "arrayDistinct(t.`items.product`)", "Products of the order."},
		part{"delivered", when, "t.delivered", "Parcel delivered; NULL: never."},
		part{"promise", text, "multiIf(t.promise_first IS NULL, 'none', t.delivered IS NULL, 'open', t.delivered <= t.promise_first, 'kept', 'broken')",
			"What became of the promise of arrival, by delivery: none, open, kept, broken."},
		part{"days_off", maybe, days("t.promise_first", "t.delivered"), "Days from the promise to the delivery, negative: early; NULL: one of them is not known."},
		part{"stars", number, "if(t.stars > 0, t.stars, r.stars)", "Rating of the latest review of it on a scale from 1 to 5; 0: none."},
		part{"case", text, "multiIf(coalesce(t.case_opened, r.complained) IS NULL, 'none', coalesce(t.case_resolved, r.resolved) IS NOT NULL, 'resolved', " +
			"coalesce(t.case_answered, r.answered) IS NOT NULL, 'answered', coalesce(t.case_opened, r.complained) < now64(3, 'UTC') - toIntervalDay(" + ignoredDays + "), 'ignored', 'open')",
			"What became of a complaint about it: none (there was none), resolved, answered only, ignored, open."},
		part{"returned", flag, "toBool(t.returned IS NOT NULL OR t.refunded IS NOT NULL)", "Whether it was returned or refunded."},
	)
}

// customers sums up.
func customers() View {
	return selecting(View{
		Name: "customers",
		Comment: "Known customers who ordered, with their orders and last experience. Orders are those that were not cancelled; renewals are counted by themselves. " +
			"Example: SELECT cohort, count(), countIf(orders > 1) / count() AS came_back FROM customers GROUP BY cohort ORDER BY cohort.",
	}, "FROM (SELECT *, "+place("placed", "order")+" AS place FROM customer_orders) AS o\nGROUP BY o.customer",
		part{"customer", text, "o.customer", "Known person's id."},
		part{"first_order", moment, "min(o.placed)", "First order placed."},
		part{"cohort", "Date", "toStartOfMonth(first_order)", "Month of the first order, UTC."},
		part{"first_channel", word, "argMin(o.channel, o.place)", "Where the first one was ordered: web, app, store, phone, email."},
		part{"country", word, "argMax(o.country, o.place)", "Country that the last order was shipped to."},
		part{"home_country", word, "argMax(o.home_country, o.place)", "Country that they live in, as known at the last order; unknown: it is not told."},
		part{"segment", word, "argMax(o.segment, o.place)", "Their segment, as known at the last order; unknown: it is not told."},
		part{"generation", word, "argMax(o.generation, o.place)", "Their generation by year of birth, as known at the last order; unknown: it is not told."},
		part{"orders", count, "countIf(NOT o.renewal)", "Orders that were not cancelled, without renewals."},
		part{"purchases", count, "countIf(NOT o.renewal AND o.kind = 'purchase')", "Of them purchases."},
		part{"subscriptions", count, "countIf(NOT o.renewal AND o.kind = 'subscription')", "Of them subscriptions."},
		part{"rentals", count, "countIf(NOT o.renewal AND o.kind = 'rental')", "Of them rentals."},
		part{"renewals", count, "countIf(o.renewal)", "Renewals of subscriptions and rentals."},
		part{"second_order", when, "minIf(toNullable(o.placed), o.n = 2 AND NOT o.renewal)", "Second order placed; NULL: there is none yet."},
		part{"last_order", moment, "max(o.placed)", "Last order placed."},
		part{"days_between", maybe, "avgIf(o.days_since, NOT o.renewal)", "Mean days between the orders; NULL: there is but one."},
		part{"channels", texts, "arraySort(groupUniqArrayIf(toString(o.channel), o.channel != ''))", "All that they ordered by: web, app, store, phone, email."},
		part{"spent", maybe, "if(countIf(o.value IS NULL) = 0, sum(o.value), NULL)", "What they paid for all orders, in the reporting currency; NULL: of some it is not known."},
		part{"last_promise", text, "argMaxIf(o.promise, o.place, o.delivered IS NOT NULL)", "What became of the promise of the last delivered order: none, kept, broken; empty: nothing was delivered."},
		part{"last_stars", number, "argMaxIf(o.stars, o.place, o.stars > 0)", "Last rating that they gave on a scale from 1 to 5; 0: none."},
		part{"last_case", text, "argMaxIf(o.case, o.place, o.case != 'none')", "What became of their last complaint: resolved, answered, ignored, open; empty: there was none."},
		part{"returns", count, "countIf(o.returned)", "Orders that they returned or were refunded."},
	)
}

// decided are the orders that a known customer decided to place.
const decided = "customer != '' AND placed IS NOT NULL AND cancelled IS NULL AND renews = ''"

// place sorts a customer's orders: by time, those of one moment by a hash of their id. A number, because aggregate functions are
// several times as fast on one as on a tuple.
func place(placed, order string) string {
	return fmt.Sprintf("bitOr(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(%s)), 64), toUInt128(cityHash64(%s)))", placed, order)
}

// placeOf is place in journeys.
var placeOf = place("assumeNotNull(placed)", "order")

// latestOrder is the time of the latest order of all: until then customers have been watched.
const latestOrder = "WITH assumeNotNull((SELECT max(placed) FROM journeys)) AS latest"

// cohorts are customers by the month of their first order, followed month by month until the last month in which anybody ordered.
func cohorts() View {
	return selecting(View{
		Name: "cohorts",
		Comment: "Customers by the month of their first order, and how many of them ordered so many months later. Counts add up over channels, countries, " +
			"generations and segments. Cancelled orders and renewals do not count. The last month is that of the latest order of all, and is usually not over. " +
			"Example: SELECT cohort, months, sum(active) / sum(customers) AS share FROM cohorts GROUP BY cohort, months ORDER BY cohort, months.",
	}, `FROM (
    `+latestOrder+`
    SELECT cohort, channel, country, generation, segment, count() AS customers, sumMap(arrayDistinct(months), arrayMap(x -> toUInt64(1), arrayDistinct(months))) AS active,
        sumMap(months, arrayMap(x -> toUInt64(1), months)) AS orders, arrayJoin(range(toUInt64(dateDiff('month', cohort, latest)) + 1)) AS month
    FROM (
        SELECT toStartOfMonth(min(assumeNotNull(placed))) AS cohort, argMin(channel, `+placeOf+`) AS channel, argMax(country, `+placeOf+`) AS country,
            argMax(generation, `+placeOf+`) AS generation, argMax(segment, `+placeOf+`) AS segment,
            arrayMap(p -> toUInt64(dateDiff('month', cohort, assumeNotNull(p))), groupArray(placed)) AS months
        FROM journeys WHERE `+decided+` GROUP BY customer
    )
    GROUP BY cohort, channel, country, generation, segment
) AS c`,
		part{"cohort", "Date", "c.cohort", "Month of the first order, UTC."},
		part{"months", count, "c.month", "Months since then; 0 is the month itself."},
		part{"channel", word, "c.channel", "Where the first order was placed: web, app, store, phone, email."},
		part{"country", word, "c.country", "Country that the customers' last orders were shipped to."},
		part{"generation", word, "c.generation", "Generation by year of birth, as known at the last order; unknown: it is not told."},
		part{"segment", word, "c.segment", "Segment, as known at the last order; unknown: it is not told."},
		part{"customers", count, "c.customers", "Customers of the cohort."},
		part{"active", count, "c.active.2[indexOf(c.active.1, c.month)]", "Of them, those who ordered in that month."},
		part{"orders", count, "c.orders.2[indexOf(c.orders.1, c.month)]", "Their orders in that month."},
	)
}

// secondOrder is the Kaplan–Meier estimate of the time to the second order: E. L. Kaplan, P. Meier, "Nonparametric estimation from
// incomplete observations", JASA 53 (1958). A customer who has not ordered again counts as long as they were watched.
func secondOrder() View {
	return selecting(View{
		Name: "second_order",
		Comment: "How many customers have ordered a second time so many days after the first order, those included who may still do so: they count as long as they " +
			"have been watched, which is until the latest order of all (Kaplan-Meier). In groups by cohort, channel, country, generation, segment, kind or promise " +
			"(kept, broken ...) of the first order; by = '' makes one group. Days on which nobody ordered have no row. " +
			"Example: SELECT group, max(share) FROM second_order(by = 'promise') WHERE days <= 60 GROUP BY group.",
		Parameters: true,
	}, `FROM (
    SELECT group, day, sum(again) AS ordered, count() AS gone,
        sum(count()) OVER (PARTITION BY group ORDER BY day ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS at_risk
    FROM (
        `+latestOrder+`
        SELECT argMin(multiIf({by:String} = '', 'all', {by:String} = 'cohort', toString(toStartOfMonth(assumeNotNull(placed))), {by:String} = 'channel', toString(channel),
                {by:String} = 'country', toString(country), {by:String} = 'generation', toString(generation), {by:String} = 'segment', toString(segment),
                {by:String} = 'kind', toString(kind), {by:String} = 'promise', multiIf(promise_first IS NULL, 'none', delivered IS NULL, 'open', delivered <= promise_first, 'kept', 'broken'),
                'unknown group'), `+placeOf+`) AS group,
            arraySlice(arraySort(groupArray(assumeNotNull(placed))), 1, 2) AS two,
            length(two) = 2 AS again,
            toUInt32(dateDiff('second', two[1], if(again, two[2], latest)) / 86400) AS day
        FROM journeys WHERE `+decided+` GROUP BY customer
    )
    GROUP BY group, day
) AS d
WHERE d.ordered > 0`,
		part{"group", text, "d.group", "Group of customers."},
		part{"days", uint32s, "d.day", "Days since the first order."},
		part{"at_risk", count, "d.at_risk", "Customers who had been watched for so long and not ordered again before."},
		part{"ordered", count, "d.ordered", "Of them, those who did on that day."},
		part{"share", number, "1 - exp(sum(log(1 - d.ordered / d.at_risk)) OVER (PARTITION BY d.group ORDER BY d.day))",
			"Estimated share of customers who have ordered again by then, 0 to 1."},
	)
}

// wilson is an end of the 95 % interval of a share: E. B. Wilson, "Probable inference, the law of succession, and statistical
// inference", JASA 22 (1927).
func wilson(sign, hits, of string) string {
	const z = "1.96"
	return fmt.Sprintf("(%[2]s / %[3]s + %[4]s * %[4]s / (2 * %[3]s) %[1]s %[4]s * sqrt(%[2]s / %[3]s * (1 - %[2]s / %[3]s) / %[3]s + %[4]s * %[4]s / (4 * %[3]s * %[3]s))) / (1 + %[4]s * %[4]s / %[3]s)",
		sign, hits, of, z)
}

// experienceEffect compares how many come back after one experience and after another.
func experienceEffect() View {
	return selecting(View{
		Name: "experience_effect",
		Comment: "How many customers ordered again within so many days after a delivery, by what they experienced: experience_effect(days = 60). Aspects: promise (kept, broken), " +
			"delay (in days), stars (1 to 5, none), case (none, resolved, answered, ignored, open), return (yes, no). Only deliveries that many days before the latest order of all count, so that " +
			"everybody had the time. It tells what goes together, not what causes what. " +
			"Example: SELECT experience, orders, share, low, high FROM experience_effect(days = 60) WHERE aspect = 'promise'.",
		Parameters: true,
	}, `FROM (
    `+latestOrder+`
    SELECT a.lived.1 AS aspect, a.lived.2 AS experience, count() AS orders, countIf(n.placed > a.came AND n.placed <= a.came + toIntervalDay({days:UInt32})) AS again
    FROM (
        SELECT customer, assumeNotNull(delivered) AS came, arrayJoin([
            ('promise', promise),
            ('delay', multiIf(days_off IS NULL, 'no promise', days_off <= 0, 'in time', days_off <= 1, 'up to 1 day', days_off <= 3, '1 to 3 days', days_off <= 7, '3 to 7 days', 'over 7 days')),
            ('stars', if(stars = 0, 'none', toString(round(stars)))),
            ('case', case),
            ('return', if(returned, 'yes', 'no'))]) AS lived
        FROM customer_orders
        WHERE NOT renewal AND delivered <= latest - toIntervalDay({days:UInt32})
    ) AS a
    ASOF LEFT JOIN (SELECT customer, assumeNotNull(placed) AS placed FROM journeys WHERE `+decided+`) AS n ON a.customer = n.customer AND a.came < n.placed
    GROUP BY aspect, experience
    SETTINGS join_use_nulls = 0
) AS e`,
		part{"aspect", text, "e.aspect", "promise, delay, stars, case, return."},
		part{"experience", text, "e.experience", "What it was like."},
		part{"orders", count, "e.orders", "Delivered orders with that experience, without renewals."},
		part{"again", count, "e.again", "Of them, those after whose delivery the customer ordered again in time."},
		part{"share", number, "e.again / e.orders", "Their share, 0 to 1."},
		part{"low", number, "greatest(0, " + wilson("-", "e.again", "e.orders") + ")", "Lower end of its 95 % interval, by Wilson, as if orders were independent."},
		part{"high", number, "least(1, " + wilson("+", "e.again", "e.orders") + ")", "Upper end."},
	)
}

// wonBack are customers who had been away.
func wonBack() View {
	return selecting(View{
		Name: "won_back",
		Comment: "Orders of customers who had not ordered for more than so many days: won_back(days = 180). Example: " +
			"SELECT toStartOfMonth(placed) AS month, previous_promise, count() FROM won_back(days = 180) GROUP BY month, previous_promise ORDER BY month.",
		Parameters: true,
	}, `FROM (SELECT * FROM customer_orders WHERE NOT renewal AND days_since > {days:UInt32}) AS t
INNER JOIN (SELECT order, promise, stars, case FROM customer_orders WHERE NOT renewal) AS p ON t.previous = p.order`,
		part{"order", text, "t.order", "Order id."},
		part{"customer", text, "t.customer", "Known person's id."},
		part{"placed", moment, "t.placed", "Order placed."},
		part{"channel", word, "t.channel", "Where it was ordered: web, app, store, phone, email."},
		part{"country", word, "t.country", "Country shipped to."},
		part{"value", maybe, "t.value", "What the customer pays, in the reporting currency; NULL: not known."},
		part{"days_away", maybe, "t.days_since", "Days since the order before."},
		part{"previous", text, "t.previous", "The order before."},
		part{"previous_promise", text, "p.promise", "What became of its promise of arrival: none, open, kept, broken."},
		part{"previous_stars", number, "p.stars", "Its rating on a scale from 1 to 5; 0: none."},
		part{"previous_case", text, "p.case", "What became of a complaint about it: none, resolved, answered, ignored, open."},
	)
}
