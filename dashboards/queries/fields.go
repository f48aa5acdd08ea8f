package queries

import (
	"maps"
	"slices"
	"strings"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

// clickFields are what a condition may ask of a click, as expressions over session_clicks c. A free property is asked for as property.NAME.
var clickFields = map[string]string{
	"type": "toString(c.type)", "stage": stageOfClick, "url": "c.url", "page": "path(c.url)", "product": "c.product", "order": "c.order",
	"customer": "c.customer", "source": "toString(c.source)", "step": "JSONExtractString(c.body, 'step')",
	"query": "JSONExtractString(c.body, 'query')",
}

// stageOfClick is the stage that a click takes its session to, as the machine SESSION has it.
var stageOfClick = func() string {
	var b strings.Builder
	b.WriteString("multiIf(")
	for _, s := range []struct {
		stage table.Stage
		types []event.Type
	}{
		{table.View, []event.Type{event.Product}},
		{table.Research, []event.Type{event.Search, event.ReviewsRead, event.Compare}},
		{table.Cart, []event.Type{event.CartViewed, event.CartAdded, event.CartRemoved}},
		{table.Checkout, []event.Type{event.CheckoutStarted, event.CheckoutStep}},
		{table.Ordered, []event.Type{event.CheckoutCompleted}},
	} {
		var list []string
		for _, t := range s.types {
			list = append(list, table.Quote(string(t)))
		}
		b.WriteString("c.type IN (" + strings.Join(list, ", ") + "), " + table.Quote(s.stage.String()) + ", ")
	}
	return b.String() + "'visit')"
}()

func clickField(q *question, name string) (string, error) {
	if property, ok := strings.CutPrefix(name, "property."); ok {
		return "JSONExtractString(c.properties, " + q.text(property) + ")", nil
	}
	return named("field", name, clickFields)
}

// sessionFields are what one may ask of, and group by, a session s.
var sessionFields = map[string]string{
	"device": "toString(s.device)", "os": "toString(s.os)", "browser": "toString(s.browser)", "channel": "toString(s.channel)",
	"campaign": "toString(s.campaign)", "referrer": "toString(s.referrer)", "source": "toString(s.source)", "country": "toString(s.country)",
	"landing": "s.landing", "exit": "s.exit", "stage": "toString(s.stage)", "checkout_step": "toString(s.checkout_step)",
	"customer": "s.customer", "day": "toString(toDate(s.start))", "week": "toString(toMonday(s.start))", "month": "toString(toStartOfMonth(s.start))",
}

// journeyFields are the same of a journey j.
var journeyFields = map[string]string{
	"carrier": "toString(j.carrier)", "warehouse": "toString(j.warehouse)", "country": "toString(j.country)", "region": "toString(j.region)",
	"channel": "toString(j.channel)", "currency": "toString(j.currency)", "stage": "toString(j.stage)", "customer": "j.customer",
	"first_channel": "toString(j.touches.channel[1])", "first_campaign": "toString(j.touches.campaign[1])", "device": "toString(j.touches.device[-1])",
	"product": "j.items.product[1]", "category": "toString(j.items.category[1])", "brand": "toString(j.items.brand[1])",
	"day": "toString(toDate(j.placed))", "week": "toString(toMonday(j.placed))", "month": "toString(toStartOfMonth(j.placed))",
}

func sessionField(_ *question, name string) (string, error) {
	return named("dimension", name, sessionFields)
}

func journeyField(_ *question, name string) (string, error) {
	return named("dimension", name, journeyFields)
}

// sessionStages and journeyStages are the columns with the time of each stage and side branch.
var (
	sessionStages = map[string]string{"visit": "s.start", "view": "s.view", "research": "s.research", "cart": "s.cart", "checkout": "s.checkout",
		"order": "s.order"}
	journeyStages = map[string]string{"visit": "j.visit", "view": "j.view", "research": "j.research", "cart": "j.cart", "checkout": "j.checkout",
		"order": "j.placed"}
	afterStages = map[string]string{"pay": "j.paid", "promise": "j.promised_at", "pack": "j.packed", "ship": "j.shipped", "transit": "j.in_transit",
		"out_for_delivery": "j.out_for_delivery", "attempt": "j.attempted", "track": "j.track", "deliver": "j.delivered", "confirm": "j.confirmed",
		"review": "j.reviewed", "warranty": "j.warranty", "contact": "j.contact", "cancel": "j.cancelled", "return_request": "j.return_requested",
		"return": "j.returned", "refund": "j.refunded", "replacement": "j.replaced", "case": "j.case_opened", "case_answer": "j.case_answered",
		"case_resolve": "j.case_resolved"}
)

func sorted(fields map[string]string) []string { return slices.Sorted(maps.Keys(fields)) }

func merged(a, b map[string]string) map[string]string {
	m := maps.Clone(a)
	maps.Copy(m, b)
	return m
}
