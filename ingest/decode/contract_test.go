package decode

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/segmentio/encoding/json"
	"pgregory.net/rapid"

	"github.com/afterclick/afterclick/schemas/event"
)

// These tests hold together what the contract says in two languages: the published JSON Schemas and the Go types with their rules.

// compile returns a topic's schema. closed forbids the fields that it does not list.
func compile(t testing.TB, topic event.Topic, closed bool) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(event.Schema(topic)))
	if err != nil {
		t.Fatal(err)
	}
	if closed {
		root := doc.(map[string]any)
		root["additionalProperties"] = false
		for _, def := range root["$defs"].(map[string]any) {
			if def := def.(map[string]any); def["properties"] != nil {
				def["additionalProperties"] = false
			}
		}
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func bySchema(s *jsonschema.Schema, value []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func byGo(topic event.Topic, value []byte) error {
	var d Decoder
	e, err := d.Decode(topic, value)
	if err != nil {
		return err
	}
	return e.Validate(event.DefaultRules, 0)
}

func TestExamples(t *testing.T) {
	types := map[event.Topic][]event.Type{event.Clickstream: event.ClickTypes, event.Orders: event.OrderTypes,
		event.Deliveries: event.DeliveryTypes, event.Reviews: event.ReviewTypes}
	for _, topic := range event.SourceTopics {
		schema := compile(t, topic, true)
		examples := event.Examples(topic)
		for typ := range examples {
			if !slices.Contains(types[topic], typ) {
				t.Errorf("the example %s.%s is of no type of its topic", topic, typ)
			}
		}
		for _, typ := range types[topic] {
			value, ok := examples[typ]
			if !ok {
				t.Errorf("%s.%s has no example", topic, typ)
				continue
			}
			if err := bySchema(schema, value); err != nil {
				t.Errorf("%s.%s: schema: %v", topic, typ, err)
			}
			if err := byGo(topic, value); err != nil {
				t.Errorf("%s.%s: %v", topic, typ, err)
			}
			var header event.Header
			if err := json.Unmarshal(value, &header); err != nil || header.Type != typ {
				t.Errorf("%s.%s has type %q (%v)", topic, typ, header.Type, err)
			}
		}
	}
}

// TestFieldsAreTheSame goes over every field of every schema, nested ones too, and tells it wrongly: Go must refuse that very
// field. The other direction is TestGenerated: what Go writes, with all fields set, passes a schema without other fields.
func TestFieldsAreTheSame(t *testing.T) {
	for _, topic := range event.SourceTopics {
		var schema struct {
			Properties map[string]stdjson.RawMessage
			Defs       map[string]struct {
				Properties map[string]stdjson.RawMessage
			} `json:"$defs"`
		}
		if err := stdjson.Unmarshal(event.Schema(topic), &schema); err != nil {
			t.Fatal(err)
		}
		check := func(value, field string) {
			var r *event.Refusal
			reason := event.WrongType
			if field == "version" {
				reason = event.UnknownVersion
			}
			if err := byGo(topic, []byte(value)); !errors.As(err, &r) || r.Reason != reason || r.Field != field {
				t.Errorf("%s %s: got %v, want a refusal of the type of %s", topic, value, err, field)
			}
		}
		example := string(event.Examples(topic)[map[event.Topic]event.Type{event.Clickstream: event.Page, event.Orders: event.Placed,
			event.Deliveries: event.Packed, event.Reviews: event.Posted}[topic]])
		for field := range schema.Properties {
			check(with(t, example, field, "true"), field)
		}
		for list, def := range map[string]string{"items": "item", "subjects": "subject"} {
			for field := range schema.Defs[def].Properties {
				check(with(t, example, list, fmt.Sprintf(`[{"%s":true}]`, field)), list+"[0]."+field)
			}
		}
	}
}

// with returns the JSON object with one field set anew, or removed if value is empty.
func with(t testing.TB, object, field, value string) string {
	t.Helper()
	var m map[string]stdjson.RawMessage
	if err := stdjson.Unmarshal([]byte(object), &m); err != nil {
		t.Fatal(err)
	}
	if m[field] = stdjson.RawMessage(value); value == "" {
		delete(m, field)
	}
	b, err := stdjson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestGenerated: random events that keep the rules pass the schema, are taken, and are read as they were written.
func TestGenerated(t *testing.T) {
	for _, topic := range event.SourceTopics {
		schema := compile(t, topic, true)
		filled := map[string]bool{}
		rapid.Check(t, func(t *rapid.T) {
			want := anEvent(t, topic)
			value, err := json.Marshal(pointer(&want))
			if err != nil {
				t.Fatal(err)
			}
			if err := bySchema(schema, value); err != nil {
				t.Fatalf("%s: schema: %v", value, err)
			}
			var d Decoder
			got, err := d.Decode(topic, value)
			if err != nil {
				t.Fatalf("%s: %v", value, err)
			}
			if err := got.Validate(event.DefaultRules, 0); err != nil {
				t.Fatalf("%s: %v", value, err)
			}
			if got, want := dropEmpty(pointer(got)), dropEmpty(pointer(&want)); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s:\n got %+v\nwant %+v", value, got, want)
			}
			v := reflect.ValueOf(pointer(&want)).Elem()
			for _, f := range reflect.VisibleFields(v.Type()) {
				if !v.FieldByIndex(f.Index).IsZero() {
					filled[f.Name] = true
				}
			}
		})
		for _, f := range reflect.VisibleFields(reflect.TypeOf(pointer(&event.Event{Topic: topic})).Elem()) {
			if !filled[f.Name] {
				t.Errorf("no generated %s event had %s", topic, f.Name)
			}
		}
	}
}

// anEvent draws a valid event. Fields that may be left out are there half of the time.
func anEvent(t *rapid.T, topic event.Topic) event.Event {
	name := rapid.StringMatching(`[a-zA-Z0-9:ßü .-]{1,40}`)
	text := rapid.StringN(0, 200, 1000)
	amount := rapid.Float64Range(0, event.MaxAmount)
	moment := rapid.Custom(func(t *rapid.T) event.Time {
		return event.Time(rapid.Int64Range(int64(event.Earliest), int64(event.Latest)-1).Draw(t, "ms"))
	})
	maybeName := func(label string) string { return maybe(t, name, label) }
	header := func(types []event.Type) event.Header {
		return event.Header{Version: maybe(t, rapid.Just[uint32](event.ContractVersion), "version"), ID: event.ID(name.Draw(t, "id")), Type: rapid.SampledFrom(types).Draw(t, "type"),
			Time: moment.Draw(t, "time"), Source: event.Source(name.Draw(t, "source"))}
	}
	country := rapid.SampledFrom([]string{"DE", "US", "T1", "BR"})
	currency := rapid.SampledFrom([]string{"EUR", "JPY"})
	properties := rapid.Custom(func(t *rapid.T) json.RawMessage {
		b, err := json.Marshal(rapid.MapOfN(rapid.StringMatching(`[a-z]{1,8}`), text, 0, 3).Draw(t, "properties"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
	subjects := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event.Subject {
		return event.Subject{Kind: rapid.SampledFrom(event.SubjectKinds).Draw(t, "kind"), ID: name.Draw(t, "id")}
	}), 1, 3)
	items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event.Item {
		return event.Item{Product: event.ProductID(name.Draw(t, "product")), Category: maybe(t, name, "category"), Brand: maybe(t, name, "brand"),
			Seller: maybe(t, name, "seller"), Quantity: maybe(t, amount, "quantity"), Price: maybe(t, amount, "price")}
	}), 0, 12)

	e := event.Event{Topic: topic}
	switch topic {
	case event.Clickstream:
		v := event.Click{Header: header(append([]event.Type{"own_type"}, event.ClickTypes...)), Visitor: event.VisitorID(name.Draw(t, "visitor")),
			Customer: event.CustomerID(maybeName("customer")), Session: event.SessionID(maybeName("session")), URL: maybe(t, text, "url"),
			Referrer: maybe(t, text, "referrer"), UserAgent: maybe(t, text, "ua"), Country: maybe(t, country, "country"), Region: maybeName("region"), IP: maybeName("ip"),
			Product: event.ProductID(maybeName("product")), Order: event.OrderID(maybeName("order")), Step: maybeName("step"),
			Value: maybe(t, amount, "value"), Currency: maybe(t, currency, "currency"), Properties: maybeBytes(t, properties)}
		if v.Order == "" && (v.Type == event.CheckoutCompleted || v.Type == event.TrackingViewed) {
			v.Order = "o"
		}
		e.Click = &v
	case event.Orders:
		v := event.Order{Header: header(event.OrderTypes), Order: event.OrderID(name.Draw(t, "order")), Customer: event.CustomerID(maybeName("customer")),
			Visitor: event.VisitorID(maybeName("visitor")), Channel: maybeName("channel"),
			Kind: maybe(t, rapid.SampledFrom(event.OrderKinds), "kind"), Renews: event.OrderID(maybeName("renews")), ShipBy: maybe(t, moment, "ship by"), Items: items.Draw(t, "items"), Total: maybe(t, amount, "total"),
			Currency: maybe(t, currency, "currency"), Promise: maybe(t, moment, "promise"), Warehouse: maybeName("warehouse"),
			Country: maybe(t, country, "country"), Region: maybeName("region"), Amount: maybe(t, amount, "amount"), Reason: maybe(t, text, "reason"),
			Properties: maybeBytes(t, properties)}
		if v.Type == event.Promised && v.Promise == 0 {
			v.Promise = v.Time
		}
		e.Order = &v
	case event.Deliveries:
		v := event.Delivery{Header: header(event.DeliveryTypes), Order: event.OrderID(name.Draw(t, "order")), Carrier: maybeName("carrier"),
			Tracking: maybeName("tracking"), Warehouse: maybeName("warehouse"), Country: maybe(t, country, "country"), Region: maybeName("region"),
			Estimate: maybe(t, moment, "estimate"), Reason: maybe(t, text, "reason"), Properties: maybeBytes(t, properties)}
		if v.Type == event.Exception {
			v.Exception = rapid.SampledFrom(event.ExceptionKinds).Draw(t, "exception")
		}
		if v.Type == event.EstimateChanged && v.Estimate == 0 {
			v.Estimate = v.Time
		}
		e.Delivery = &v
	case event.Reviews:
		v := event.Review{Header: header(event.ReviewTypes), Review: event.ReviewID(name.Draw(t, "review")), Order: event.OrderID(maybeName("order")),
			Customer: event.CustomerID(maybeName("customer")), Title: maybe(t, text, "title"), Text: maybe(t, text, "text"),
			Language: maybe(t, rapid.SampledFrom([]string{"de", "pt", "yue"}), "language"), Author: maybeName("author"), Reach: maybe(t, amount, "reach"),
			Contact: maybe(t, moment, "contact"), Properties: maybeBytes(t, properties)}
		if rapid.Bool().Draw(t, "rated") {
			v.RatingMin = float64(rapid.IntRange(-2, 1).Draw(t, "min"))
			v.RatingMax = float64(rapid.IntRange(2, 100).Draw(t, "max"))
			v.Rating = rapid.Float64Range(v.RatingMin, v.RatingMax).Draw(t, "rating")
		}
		if v.Type == event.Mention || v.Type == event.Posted && v.Order == "" || rapid.Bool().Draw(t, "subjects") {
			v.Subjects = subjects.Draw(t, "subjects")
		}
		if v.Type == event.Resolved {
			v.Resolution = rapid.SampledFrom(event.Resolutions).Draw(t, "resolution")
		}
		e.Review = &v
	}
	return e
}

func maybe[T any](t *rapid.T, g *rapid.Generator[T], label string) T {
	var none T
	if rapid.Bool().Draw(t, label+"?") {
		return g.Draw(t, label)
	}
	return none
}

func maybeBytes(t *rapid.T, g *rapid.Generator[json.RawMessage]) json.RawMessage {
	return maybe(t, g, "properties")
}

// TestRefusedByBoth: each of these breaks one rule that a schema can tell, too.
func TestRefusedByBoth(t *testing.T) {
	long := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	for _, c := range []struct {
		example, field, value, reason, names string
	}{
		{"clickstream.page", "id", ``, event.MissingField, "id"},
		{"clickstream.page", "id", `""`, event.MissingField, "id"},
		{"clickstream.page", "id", `"a\nb"`, event.BadValue, "id"},
		{"clickstream.page", "id", long(257), event.BadValue, "id"},
		{"clickstream.page", "id", `7`, event.WrongType, "id"},
		{"clickstream.page", "version", `2`, event.UnknownVersion, "version"},
		{"clickstream.page", "version", `"1.1"`, event.UnknownVersion, "version"},
		{"clickstream.page", "type", ``, event.MissingField, "type"},
		{"clickstream.page", "type", `""`, event.MissingField, "type"},
		{"clickstream.page", "type", long(65), event.BadValue, "type"},
		{"clickstream.page", "source", ``, event.MissingField, "source"},
		{"clickstream.page", "visitor", ``, event.MissingField, "visitor"},
		{"clickstream.page", "time", ``, event.MissingField, "time"},
		{"clickstream.page", "time", `"1999-12-31T23:59:59Z"`, event.TimePast, "time"},
		{"clickstream.page", "time", `1769879100`, event.TimePast, "time"},
		{"clickstream.page", "time", `1769879100000000`, event.TimeAhead, "time"},
		{"clickstream.page", "time", `"2200-01-01T00:00:00Z"`, event.TimeAhead, "time"},
		{"clickstream.page", "time", `"2026-02-30T00:00:00Z"`, event.WrongType, "time"},
		{"clickstream.page", "time", `"2026-01-31 17:05"`, event.WrongType, "time"},
		{"clickstream.page", "url", long(8193), event.BadValue, "url"},
		{"clickstream.page", "country", `"DEU"`, event.BadValue, "country"},
		{"clickstream.page", "currency", `"€"`, event.BadValue, "currency"},
		{"clickstream.page", "value", `-1`, event.BadValue, "value"},
		{"clickstream.page", "value", `1e13`, event.BadValue, "value"},
		{"clickstream.page", "properties", `[1]`, event.WrongType, "properties"},
		{"clickstream.checkout_completed", "order", ``, event.MissingField, "order"},
		{"clickstream.tracking_viewed", "order", ``, event.MissingField, "order"},
		{"orders.placed", "type", `"teleported"`, event.UnknownType, "type"},
		{"orders.placed", "order", ``, event.Unplaceable, "order"},
		{"orders.placed", "order", `""`, event.Unplaceable, "order"},
		{"orders.placed", "total", `-0.5`, event.BadValue, "total"},
		{"orders.placed", "items", `[{"product":"a"},{"price":3}]`, event.MissingField, "items[1].product"},
		{"orders.placed", "items", `[{"product":"a","quantity":-1}]`, event.BadValue, "items[0].quantity"},
		{"orders.placed", "items", `[` + strings.Repeat(`{"product":"a"},`, 1000) + `{"product":"a"}]`, event.BadValue, "items"},
		{"orders.placed", "kind", `"gift"`, event.BadValue, "kind"},
		{"orders.placed", "renews", long(257), event.BadValue, "renews"},
		{"orders.placed", "ship_by", `1769879100`, event.TimePast, "ship_by"},
		{"orders.promised", "promise", ``, event.MissingField, "promise"},
		{"orders.promised", "promise", `1769879100`, event.TimePast, "promise"},
		{"deliveries.delivered", "order", ``, event.Unplaceable, "order"},
		{"deliveries.estimate_changed", "estimate", ``, event.MissingField, "estimate"},
		{"deliveries.exception", "exception", ``, event.MissingField, "exception"},
		{"deliveries.exception", "exception", `"abducted"`, event.BadValue, "exception"},
		{"reviews.posted", "review", ``, event.Unplaceable, "review"},
		{"reviews.posted", "rating", `"5"`, event.WrongType, "rating"},
		{"reviews.posted", "subjects", `[{"kind":"planet","id":"earth"}]`, event.BadValue, "subjects[0].kind"},
		{"reviews.posted", "subjects", `[{"id":"earth"}]`, event.MissingField, "subjects[0].kind"},
		{"reviews.posted", "subjects", `[{"kind":"shop"}]`, event.MissingField, "subjects[0].id"},
		{"reviews.posted", "text", long(128<<10 + 1), event.BadValue, "text"},
		{"reviews.posted", "language", `"german"`, event.BadValue, "language"},
		{"reviews.mention", "subjects", ``, event.MissingField, "subjects"},
		{"reviews.mention", "subjects", `[]`, event.MissingField, "subjects"},
		{"reviews.mention", "type", `"posted"`, "", ""}, // as a review it is all right: it has a subject
		{"reviews.resolved", "resolution", ``, event.MissingField, "resolution"},
		{"reviews.resolved", "resolution", `"shrug"`, event.BadValue, "resolution"},
	} {
		topicName, typ, _ := strings.Cut(c.example, ".")
		topic := event.SourceTopics[slices.IndexFunc(event.SourceTopics, func(t event.Topic) bool { return t.String() == topicName })]
		value := []byte(with(t, string(event.Examples(topic)[event.Type(typ)]), c.field, c.value))
		schemaErr, goErr := bySchema(compile(t, topic, false), value), byGo(topic, value)
		what := fmt.Sprintf("%s with %s = %.40s", c.example, c.field, c.value)
		if (schemaErr != nil) != (c.reason != "") {
			t.Errorf("%s: the schema says %v", what, schemaErr)
		}
		if c.reason == "" {
			if goErr != nil {
				t.Errorf("%s: %v", what, goErr)
			}
			continue
		}
		if r := (*event.Refusal)(nil); !errors.As(goErr, &r) || r.Reason != c.reason || r.Field != c.names {
			t.Errorf("%s: got %v, want %s of %s", what, goErr, c.reason, c.names)
		}
	}
}

// TestRefusedByGo: rules that a schema cannot tell.
func TestRefusedByGo(t *testing.T) {
	source := event.Time(1769879100000) // 2026-01-31T17:05:00Z
	page, posted := string(event.Examples(event.Clickstream)[event.Page]), string(event.Examples(event.Reviews)[event.Posted])
	for _, c := range []struct {
		topic        event.Topic
		value        string
		reason, says string
	}{
		{event.Clickstream, with(t, page, "time", `"2026-01-31T17:15:00Z"`), "", ""},
		{event.Clickstream, with(t, page, "time", `"2026-01-31T17:15:00.001Z"`), event.TimeAhead, "by more than 10m0s"},
		{event.Clickstream, with(t, page, "time", `1769879100`), event.TimePast, "looks like seconds"},
		{event.Clickstream, with(t, page, "time", `1769879100000000`), event.TimeAhead, "looks like microseconds"},
		{event.Clickstream, with(t, page, "id", `"`+strings.Repeat("ü", 129)+`"`), event.BadValue, "at most 256 bytes, came with 258"},
		{event.Reviews, with(t, posted, "rating", `5.5`), event.BadValue, "on its scale, 1 to 5"},
		{event.Reviews, with(t, posted, "rating_min", `5`), event.BadValue, "more than rating_min"},
		{event.Reviews, with(t, with(t, posted, "rating_max", ``), "rating", `5`), "", ""}, // 5 is the end of the scale when left out
		{event.Reviews, with(t, with(t, posted, "rating_max", ``), "rating", `6`), event.BadValue, "on its scale, 1 to 5"},
		{event.Reviews, with(t, with(t, posted, "subjects", ``), "order", ``), event.MissingField, "names no order"},
		{event.Reviews, with(t, posted, "subjects", ``), "", ""},
	} {
		var d Decoder
		e, err := d.Decode(c.topic, []byte(c.value))
		if err != nil {
			t.Errorf("%s: %v", c.value, err)
			continue
		}
		err = e.Validate(event.DefaultRules, source)
		var r *event.Refusal
		if c.reason == "" {
			if err != nil {
				t.Errorf("%s: %v", c.value, err)
			}
		} else if !errors.As(err, &r) || r.Reason != c.reason || !strings.Contains(r.Detail, c.says) {
			t.Errorf("%s: got %v, want %s … %s …", c.value, err, c.reason, c.says)
		}
	}
	// Without a source time only the absolute limits hold.
	if err := byGo(event.Clickstream, []byte(with(t, page, "time", `"2099-01-01T00:00:00Z"`))); err != nil {
		t.Error(err)
	}
}
