package cell

import "github.com/afterclick/afterclick/schemas/table"

const (
	word  = "LowCardinality(String)"
	count = "UInt64"
)

// Funnel counts how far sessions got.
var Funnel = define(Cell{
	Schema: table.Schema{
		Name: table.CellFunnel,
		Comment: "How far sessions got, by the quarter-hour of their start. reached_* count the sessions that were at a stage, " +
			"left_at_* those that got no further than it. All counts add up.",
	},
	source: &table.Sessions.Schema, at: "start", where: "1", part: "''",
}, []part{
	{"channel", word, "channel", "Marketing channel that brought the visitor."},
	{"device", word, "device", "Kind of device: desktop, mobile, tablet."},
	{"browser", word, "browser", "Browser."},
	{"country", word, "country", "Country, ISO 3166-1 alpha-2."},
	{"source", word, "source", "Who told the events: web, app."},
	{"bot", "Bool", "bot", "Whether the visitor is a machine."},
}, []part{
	{"sessions", count, "count()", "Sessions."},
	{"reached_view", count, "countIf(view > 0)", "Sessions that looked at a product."},
	{"reached_research", count, "countIf(research > 0)", "Sessions that searched, compared or read reviews."},
	{"reached_cart", count, "countIf(cart > 0)", "Sessions that put something into the cart."},
	{"reached_checkout", count, "countIf(checkout > 0)", "Sessions that started the checkout."},
	{"reached_order", count, "countIf(order > 0)", "Sessions that ordered."},
	{"left_at_visit", count, "countIf(stage = 'visit')", "Sessions that did nothing more than visit."},
	{"left_at_view", count, "countIf(stage = 'view')", "Sessions whose deepest stage is view."},
	{"left_at_research", count, "countIf(stage = 'research')", "Sessions whose deepest stage is research."},
	{"left_at_cart", count, "countIf(stage = 'cart')", "Sessions whose deepest stage is cart."},
	{"left_at_checkout", count, "countIf(stage = 'checkout')", "Sessions whose deepest stage is checkout."},
	{"events", count, "sum(events)", "Events of the sessions."},
	{"order_seconds", "Float64", "sumIf(dateDiff('millisecond', start, order), order > 0) / 1000",
		"Seconds from the start of the session to its first order, summed; divide by reached_order."},
})
