package cell

import "github.com/afterclick/afterclick/schemas/table"

// Delivery counts what became of promised arrivals.
var Delivery = define(Cell{
	Schema: table.Schema{
		Name:    table.CellDelivery,
		Comment: "What became of orders and of their promised arrival, by the quarter-hour in which they were placed. All counts add up.",
	},
	source: &table.Journeys.Schema, at: "placed", key: "month, order", where: "placed > 0", part: "''",
}, []part{
	{"carrier", word, "carrier", "Carrier; empty until one is known."},
	{"country", word, "country", "Country shipped to, ISO 3166-1 alpha-2."},
	{"region", word, "region", "Region shipped to."},
	{"warehouse", word, "warehouse", "Warehouse."},
}, []part{
	{"orders", count, "count()", "Orders."},
	{"promised", count, "countIf(promise_first > 0)", "Orders with a promised arrival."},
	{"shipped", count, "countIf(shipped > 0)", "Orders handed over to the carrier."},
	{"delivered", count, "countIf(delivered > 0)", "Orders delivered."},
	{"kept", count, "countIf(delivered > 0 AND promise_first > 0 AND delivered <= promise_first)", "Orders delivered by the first promise."},
	{"broken", count, "countIf(delivered > 0 AND promise_first > 0 AND delivered > promise_first)", "Orders delivered after the first promise."},
	{"days_late", "Float64", "sumIf(dateDiff('millisecond', promise_first, delivered), promise_first > 0 AND delivered > promise_first) / 86400000",
		"Days between first promise and delivery of the late orders, summed; divide by broken."},
	{"days_early", "Float64",
		"sumIf(dateDiff('millisecond', delivered, promise_first), delivered > 0 AND promise_first > 0 AND delivered <= promise_first) / 86400000",
		"Days between delivery and first promise of the other delivered orders, summed; divide by kept."},
	{"warehouse_seconds", "Float64", "sumIf(dateDiff('millisecond', placed, shipped), shipped > 0) / 1000",
		"Seconds from order to handing over, summed; divide by shipped."},
	{"carried", count, "countIf(shipped > 0 AND delivered > 0)", "Orders of which both handing over and delivery are known."},
	{"carrier_seconds", "Float64", "sumIf(dateDiff('millisecond', shipped, delivered), shipped > 0 AND delivered > 0) / 1000",
		"Seconds from handing over to delivery, summed; divide by carried."},
	{"attempts", count, "sum(attempts)", "Attempts that found nobody."},
	{"late", count, "countIf(exception_late > 0)", "Orders whose carrier reported a delay."},
	{"lost", count, "countIf(exception_lost > 0)", "Orders whose carrier reported a loss."},
	{"damaged", count, "countIf(exception_damaged > 0)", "Orders whose carrier reported a damage."},
	{"refused", count, "countIf(exception_refused > 0)", "Orders whose parcel was refused."},
	{"contacts", count, "sum(contacts)", "Contacts opened about the orders."},
	{"cancelled", count, "countIf(cancelled > 0)", "Orders cancelled."},
	{"returned", count, "countIf(returned > 0)", "Orders that came back."},
	{"refunded", count, "countIf(refunded > 0)", "Orders paid back."},
})
