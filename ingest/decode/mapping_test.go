package decode

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/event"
)

// mappings are what fixtures are read with, by their folder.
var mappings = map[string]Options{
	"mapping-orders": {Holds: []event.Topic{event.Orders}, Format: "mapping", Source: "erp", Zone: "Europe/Berlin",
		Types: map[string]string{"ORDER_CREATED": "placed", "*": "paid"},
		Fields: map[string]string{"type": "$.event", "time": "$.created as 2006-01-02 15:04:05", "order": "$.checkout.ref or $.orderId",
			"customer": "$.checkout.buyer.no", "channel": "web", "total": "$.sum.gross", "currency": "$.cur", "country": "$['ship to'].country",
			"items": "$.lines", "items.product": "$.sku", "items.quantity": "$.qty", "items.price": "$['unit price']", "items.brand": "$.brand", "items.seller": "us"}},
	"mapping-clicks": {Holds: []event.Topic{event.Clickstream}, Format: "mapping", Types: map[string]string{"pv": "page"},
		Fields: map[string]string{"type": "$.e", "time": "$.ts as unix", "visitor": "$.dev.id", "url": "$.ctx.u", "properties": "$.ctx", "source": "app"}},
	"mapping-reviews": {Holds: []event.Topic{event.Reviews}, Format: "mapping",
		Fields: map[string]string{"id": "$.id", "type": "posted", "time": "$.at", "review": "$.id", "rating": "$.stars", "rating_min": "1", "rating_max": "10",
			"text": "$.body", "subjects.kind": "product", "subjects.id": "$.sku", "properties": "-"}},
	"mapping-deliveries": {Holds: []event.Topic{event.Deliveries}, Format: "mapping", Types: map[string]string{"PICKED": "packed"},
		Fields: map[string]string{"type": "$[0]", "time": "$[2] as unix_ms", "order": "$[1]"}},
}

func TestMappingFixtures(t *testing.T) {
	for name, o := range mappings {
		fixtures(t, name, o)
	}
}

func FuzzMapping(f *testing.F) {
	o := mappings["mapping-orders"]
	fuzzFormat(f, "mapping-orders", o)
}

// FuzzPlace: what is taken as a place finds its way in any JSON.
func FuzzPlace(f *testing.F) {
	for _, text := range []string{"$.a.b", "$['a b'][0].c or @key", "$", "erp", "$.t as unix", "@header.x", "$.t as 2006-01-02", "$[99999999999999999999]", "$.", "$['"} {
		f.Add(text, []byte(`{"a":{"b":[1,{"c":"x"}]},"t":17}`))
	}
	f.Fuzz(func(t *testing.T, text string, value []byte) {
		p, err := parsePlace(text, time.UTC)
		n, wrong := parseAny(value)
		if err != nil || wrong != nil {
			return
		}
		var out Events
		found := p.find(n, &Record{Key: []byte("k"), Time: fixtureTime}, &out)
		_, _ = found.text()
		_, _ = p.time(found)
	})
}

// The record itself tells things, too.
func TestMappingOfTheRecord(t *testing.T) {
	reader := open(t, Options{Holds: []event.Topic{event.Clickstream}, Format: "mapping",
		Fields: map[string]string{"type": "@header.what", "time": "@time", "visitor": "@key"}}).Reader(0)
	for _, c := range []struct{ key, want string }{
		{"v \"1\"", `clickstream {"id":"mapping-0f80aa9a2aa7b41adea0088a93c85a08","type":"page","time":"2026-09-21T14:13:20.000Z","source":"mapping","visitor":"v \"1\""}`},
		{"w", `clickstream {"id":"mapping-54ca2cabc804a20dc7fca9b41247ed17","type":"page","time":"2026-09-21T14:13:20.000Z","source":"mapping","visitor":"w"}`}, // another event
		{"v\xe9", "refused bad_value: has text that is not UTF-8"},
		{"", "refused missing_field: @key: is required and must not be empty"},
	} {
		r := Record{Key: []byte(c.key), Value: []byte("{}"), Time: fixtureTime, Headers: []kgo.RecordHeader{{Key: "what", Value: []byte("page")}}}
		parts, err := reader.Read(&r, event.DefaultRules)
		if got := strings.TrimSpace(string(told(parts))); err != nil || got != c.want {
			t.Errorf("%q: %s, %v, want %s", c.key, got, err, c.want)
		}
	}
}

func TestMappingRefuses(t *testing.T) {
	for _, c := range []struct{ kind, name, place, want string }{
		{"orders", "ordr", "$.x", "fields.ordr: is no field of orders, which are: id, type, time, source, order, "},
		{"orders", "ordr", "$.x", "; did you mean order?"},
		{"orders", "total.x", "$.x", "fields.total.x: total is no list"},
		{"orders", "items.prduct", "$.x", "fields.items.prduct: prduct is no field of items, which are: product, category, brand, seller, quantity, price; did you mean product?"},
		{"orders", "total", "twelve", `fields.total: "twelve" is no number; a path begins with $`},
		{"orders", "promise", "tomorrow", `fields.promise: "tomorrow" is a constant, and a time is none`},
		{"orders", "promise", "$.x as soon", `fields.promise: "soon" is neither unix, unix_ms, unix_us nor a layout`},
		{"orders", "promise", "$.x as 15:04", `is neither unix`},
		{"orders", "channel", "$.x as unix", "fields.channel: as is for times"},
		{"orders", "channel", "$x", `fields.channel: "$x" is no path like $.checkout.ref`},
		{"orders", "channel", "$.a..b", "a name is missing behind a dot"},
		{"orders", "channel", "$['a", "['NAME has no end"},
		{"orders", "channel", "$[x]", "must be a number"},
		{"orders", "channel", "$.lines[*].x", "name the list itself"},
		{"orders", "channel", "@kye", `"@kye" is none of @key, @time, @header.NAME`},
	} {
		o := mappings["mapping-orders"]
		o.Fields = map[string]string{"type": "placed", "time": "@time", "order": "$.o", c.name: c.place}
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s: got %v, want %s", c.name, c.place, err, c.want)
		}
	}
	o := mappings["mapping-orders"]
	o.Fields = map[string]string{"type": "placed", "time": "@time"}
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "fields: order is required for orders") {
		t.Errorf("without an order: %v", err)
	}
	o = mappings["mapping-orders"]
	o.Types = map[string]string{"NEW": "plaiced"}
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), `types: NEW: "plaiced" is no type of orders, which are: placed, paid`) {
		t.Errorf("a type that there is not: %v", err)
	}
}
