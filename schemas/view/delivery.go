package view

import "fmt"

// attempted is when somebody stood at the door first: NULL while nobody did.
const attempted = "least(ifNull(t.attempted, t.delivered), ifNull(t.delivered, t.attempted))"

// beforeDelivery sums what the sessions did about the order before it was delivered; of a session it is known when it did so first.
func beforeDelivery(counts, first string) string {
	return fmt.Sprintf("arraySum((n, at) -> if(n > 0 AND (t.delivered IS NULL OR at < t.delivered), n, 0), t.`touches.%s`, t.`touches.%s`)", counts, first)
}

// promises decides what depends on the present.
func promises() View {
	return selecting(View{
		Name: "promises",
		Comment: "Orders with their promised arrival as it stands now: kept, broken, open, overdue (not delivered, and the promise has passed), " +
			"cancelled, or none (no arrival was ever promised: 1 minus its share is the coverage). " +
			"Example, by product: SELECT product, countIf(state = 'none') / count() AS without, countIf(state = 'kept') / countIf(state IN ('kept', 'broken')) AS kept " +
			"FROM promises ARRAY JOIN products AS product WHERE month >= '2026-01-01' GROUP BY product.",
	}, "FROM journeys AS t",
		part{"order", text, "t.order", "Order id."},
		part{"month", moment, "t.month", "First of the month of the order, UTC; filter by it."},
		part{"placed", when, "t.placed", "Order placed."},
		part{"customer", text, "t.customer", "Known person's id."},
		part{"kind", text, "toString(t.kind)", "What was ordered: purchase, subscription, rental."},
		part{"channel", word, "t.channel", "Where it was ordered: web, app, store, phone, email."},
		part{"carrier", word, "t.carrier", "Carrier; empty until one is known."},
		part{"warehouse", word, "t.warehouse", "Warehouse."},
		part{"country", word, "t.country", "Country shipped to."},
		part{"region", word, "t.region", "Region shipped to."},
		part{"products", texts, "arrayDistinct(t.`items.product`)", "Products of the order; ARRAY JOIN it to group by product."},
		part{"promised_at", when, "t.promised_at", "When the first promise was given; NULL: never."},
		part{"promised", when, "t.promise_first", "Arrive by, as first promised; NULL: never."},
		part{"estimated", when, "t.promise_last", "Arrive by, as promised or estimated last."},
		part{"changes", uint32s, "t.promise_changes", "Times that the promised or estimated arrival changed."},
		part{"changed", when, "t.promise_changed", "When it changed last."},
		part{"shipped", when, "t.shipped", "Parcel handed over to the carrier."},
		part{"attempted", when, attempted, "First time that somebody was at the door, whether or not the parcel could be delivered."},
		part{"delivered", when, "t.delivered", "Parcel delivered."},
		part{"confirmed", when, "t.confirmed", "Customer confirmed the delivery."},
		part{"state", text, "multiIf(t.promise_first IS NULL, 'none', t.delivered <= t.promise_first, 'kept', t.delivered > t.promise_first, 'broken', " +
			"t.cancelled IS NOT NULL, 'cancelled', now64(3, 'UTC') > t.promise_first, 'overdue', 'open')",
			"By delivery: kept, broken, open, overdue, cancelled, none."},
		part{"attempt", text, "multiIf(t.promise_first IS NULL, 'none', " + attempted + " <= t.promise_first, 'kept', " + attempted + " > t.promise_first, 'broken', " +
			"t.cancelled IS NOT NULL, 'cancelled', now64(3, 'UTC') > t.promise_first, 'overdue', 'open')",
			"The same by the first attempt: kept if somebody was at the door in time."},
		part{"days_late", number, "if(state IN ('broken', 'overdue'), assumeNotNull(" + days("t.promise_first", "ifNull(t.delivered, now64(3, 'UTC'))") + "), 0)",
			"Days after the promise, until the delivery or until now; 0: not late."},
		part{"days_off", maybe, days("t.promise_first", "t.delivered"), "Days from the promise to the delivery, negative: early; NULL: one of them is not known."},
		part{"promised_days", maybe, days("t.placed", "t.promise_first"), "Days from the order to the promised arrival."},
		part{"overlong", flag, "toBool(ifNull(t.delivered < t.promise_first AND days_off <= -3 AND promised_days > 2 * " + days("t.placed", "t.delivered") + ", false))",
			"Whether the promise was over-long: the parcel came before half of the promised time had passed, and 3 days early or more."},
		part{"exceptions", uint32s, "t.exceptions", "Exceptions that the carrier reported: delay, loss, damage, refusal."},
		part{"exception", text, "arrayStringConcat(arrayFilter(x -> x != '', [if(t.exception_late IS NULL, '', 'late'), if(t.exception_lost IS NULL, '', 'lost'), " +
			"if(t.exception_damaged IS NULL, '', 'damaged'), if(t.exception_refused IS NULL, '', 'refused')]), ',')",
			"Their kinds, with commas: late, lost, damaged, refused; empty: none."},
		part{"contacts", count, beforeDelivery("contacts", "contact"), "Contacts opened about the order before it was delivered (where is my order?), of a session by when it first did so."},
		part{"tracks", count, beforeDelivery("tracks", "track"), "Looks at its tracking page before it was delivered."},
	)
}

// usualDeliveries are so many that their median says what is usual.
const usualDeliveries = 20

// delays splits the deviation from the promise. The parts add up, and so do their sums and means.
func delays() View {
	return selecting(View{
		Name: "delays",
		Comment: fmt.Sprintf("Delivered orders that had a promise: days late or early, split into the warehouse's and the carrier's part. The parcel was due for "+
			"hand-over at ship_by if the shop planned it, else at the promise minus the carrier's usual time into that country: the median of all its deliveries there, "+
			"if there are %d or more. The warehouse's part is how long after that it was handed over, the carrier's is the rest: what it took beyond the time it had. "+
			"A negative part made up for the other. Example: SELECT carrier, country, count(), avg(days_off), avg(warehouse_days), avg(carrier_days) FROM delays "+
			"WHERE month >= '2026-01-01' AND days_off > 0 GROUP BY carrier, country.", usualDeliveries),
	}, fmt.Sprintf(`FROM journeys AS t
LEFT JOIN (
    SELECT carrier, country, quantileExact(0.5)(dateDiff('millisecond', assumeNotNull(shipped), assumeNotNull(delivered))) AS milliseconds FROM journeys
    WHERE shipped IS NOT NULL AND delivered >= shipped GROUP BY carrier, country HAVING count() >= %d
) AS u ON t.carrier = u.carrier AND t.country = u.country
WHERE t.promise_first IS NOT NULL AND t.delivered IS NOT NULL
SETTINGS join_use_nulls = 0`, usualDeliveries),
		part{"order", text, "t.order", "Order id."},
		part{"month", moment, "t.month", "First of the month of the order, UTC; filter by it."},
		part{"placed", when, "t.placed", "Order placed."},
		part{"carrier", word, "t.carrier", "Carrier."},
		part{"warehouse", word, "t.warehouse", "Warehouse."},
		part{"country", word, "t.country", "Country shipped to."},
		part{"region", word, "t.region", "Region shipped to."},
		part{"products", texts, "arrayDistinct(t.`items.product`)", "Products of the order; ARRAY JOIN it to group by product."},
		part{"promised", moment, "assumeNotNull(t.promise_first)", "Arrive by, as first promised."},
		part{"shipped", when, "t.shipped", "Parcel handed over to the carrier."},
		part{"delivered", moment, "assumeNotNull(t.delivered)", "Parcel delivered."},
		part{"days_off", number, "assumeNotNull(" + days("t.promise_first", "t.delivered") + ")", "Days from the promise to the delivery; negative: early."},
		part{"due", when, "ifNull(t.ship_by, if(u.milliseconds > 0, t.promise_first - toIntervalMillisecond(u.milliseconds), NULL))",
			"When the parcel should have been handed over; NULL: not known."},
		part{"due_by", text, "multiIf(t.ship_by IS NOT NULL, 'plan', u.milliseconds > 0, 'usual', 'unknown')",
			"How that is known: plan (the shop's), usual (the carrier's usual time), unknown."},
		part{"warehouse_days", maybe, days("due", "t.shipped"), "Days that the hand-over came after it was due; negative: before. NULL: not known."},
		part{"carrier_days", maybe, "days_off - warehouse_days", "The rest of days_off: days that the carrier took beyond the time that it had. NULL: not known."},
		part{"cause", text, "multiIf(days_off <= 0, '', warehouse_days IS NULL, 'unknown', warehouse_days > carrier_days, 'warehouse', 'carrier')",
			"Whose part of a delay is the greater one: warehouse, carrier, unknown; empty: not late."},
	)
}

// returns are what came back, or was paid back or sent again.
func returns() View {
	return selecting(View{
		Name: "returns",
		Comment: "Orders that customers sent back, or that were paid back or replaced, with reasons and times. Example: " +
			"SELECT reason, count(), avg(days_to_refund), sum(refund_value) FROM returns WHERE month >= '2026-01-01' GROUP BY reason.",
	}, "FROM journeys AS t\nWHERE t.return_requested IS NOT NULL OR t.returned IS NOT NULL OR t.refunded IS NOT NULL OR t.replaced IS NOT NULL",
		part{"order", text, "t.order", "Order id."},
		part{"month", moment, "t.month", "First of the month of the order, UTC; filter by it."},
		part{"placed", when, "t.placed", "Order placed."},
		part{"customer", text, "t.customer", "Known person's id."},
		part{"kind", text, "toString(t.kind)", "What was ordered: purchase, subscription, rental."},
		part{"carrier", word, "t.carrier", "Carrier."},
		part{"warehouse", word, "t.warehouse", "Warehouse."},
		part{"country", word, "t.country", "Country shipped to."},
		part{"region", word, "t.region", "Region shipped to."},
		part{"products", texts, "arrayDistinct(t.`items.product`)", "Products of the order; ARRAY JOIN it to group by product."},
		part{"warranty", when, "t.warranty", "Warranty added; NULL: there is none."},
		part{"cancelled", when, "t.cancelled", "Order cancelled; NULL: never."},
		part{"delivered", when, "t.delivered", "Parcel delivered; NULL: never."},
		part{"requested", when, "t.return_requested", "Return requested; NULL: never."},
		part{"returned", when, "t.returned", "Goods came back; NULL: never."},
		part{"refunded", when, "t.refunded", "Money paid back; NULL: never."},
		part{"replaced", when, "t.replaced", "Replacement sent; NULL: never."},
		part{"reason", text, "multiIf(t.return_reason != '', t.return_reason, t.refund_reason != '', t.refund_reason, t.replace_reason != '', t.replace_reason, t.cancel_reason)",
			"Why: of the return, else of the refund, the replacement, the cancellation; empty: nobody said."},
		part{"refund_amount", number, "t.refund_amount", "Money paid back, in currency."},
		part{"currency", word, "t.currency", "Currency, ISO 4217."},
		part{"refund_value", maybe, "t.refund_value", "Money paid back, in the reporting currency; NULL: nothing, or not known. Sum this one."},
		part{"refund_share", maybe, "if(t.total > 0, t.refund_amount / t.total, NULL)", "Money paid back over what the customer paid, 0 to 1; NULL: that is not known."},
		part{"state", text, "multiIf(t.refunded IS NOT NULL, 'refunded', t.replaced IS NOT NULL, 'replaced', t.returned IS NOT NULL, 'returned', 'requested')",
			"As it stands now: requested (goods not back yet), returned (and nothing done about it yet), refunded, replaced."},
		part{"days_to_request", maybe, days("t.delivered", "t.return_requested"), "Days from the delivery to the request."},
		part{"days_to_return", maybe, days("t.return_requested", "t.returned"), "Days from the request until the goods came back."},
		part{"days_to_refund", maybe, days("coalesce(t.return_requested, t.returned, t.cancelled, t.exception_lost, t.exception_refused)", "t.refunded"),
			"Days until the money was paid back, from the request, else from the return, cancellation, loss or refusal; NULL: none of them is known."},
		part{"days_to_replacement", maybe, days("coalesce(t.return_requested, t.returned, t.exception_lost, t.exception_damaged)", "t.replaced"),
			"Days until a replacement was sent, from the request, else from the return, loss or damage."},
		part{"days_waiting", maybe, "if(state IN ('requested', 'returned'), " + days("ifNull(t.return_requested, t.returned)", "now64(3, 'UTC')") + ", NULL)",
			"Days that the customer has been waiting for money or goods by now; NULL: not waiting."},
	)
}
