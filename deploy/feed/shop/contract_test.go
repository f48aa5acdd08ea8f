package shop

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/schemas/event"
)

var start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// strictly reads a record as strictly as possible: a field that the contract does not know fails.
func strictly(r feed.Record) (*event.Event, error) {
	e := &event.Event{Topic: r.Topic}
	var into any
	switch r.Topic {
	case event.Clickstream:
		e.Click = new(event.Click)
		into = e.Click
	case event.Orders:
		e.Order = new(event.Order)
		into = e.Order
	case event.Deliveries:
		e.Delivery = new(event.Delivery)
		into = e.Delivery
	case event.Reviews:
		e.Review = new(event.Review)
		into = e.Review
	}
	d := json.NewDecoder(bytes.NewReader(r.Value))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return nil, err
	}
	if err := e.Validate(event.DefaultRules, r.Arrival); err != nil {
		return nil, err
	}
	again, err := json.Append(nil, into, 0)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, r.Value) {
		return nil, fmt.Errorf("the contract's types encode it differently:\n%s", again)
	}
	return e, nil
}

// must decodes a record and checks what holds for each.
func must(t *testing.T, r feed.Record) *event.Event {
	t.Helper()
	e, err := strictly(r)
	if err != nil {
		t.Fatalf("%s: %v\n%s", r.Topic, err, r.Value)
	}
	if h := e.Header(); h.Time != r.Time {
		t.Fatalf("the record says %s, its event %s", r.Time, h.Time)
	}
	if r.Arrival < r.Time {
		t.Fatalf("arrived before it happened: %s", r.Value)
	}
	key := e.Key()
	if r.Topic != event.Clickstream {
		key = key[2:]
	}
	if string(r.Key) != key {
		t.Fatalf("key %q, want %q: %s", r.Key, key, r.Value)
	}
	return e
}

func newShop(t testing.TB, change func(*Config)) *Shop {
	t.Helper()
	cfg := Demo(7, start)
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// published are the JSON Schemas of the contract.
func published(t *testing.T) map[event.Topic]*jsonschema.Schema {
	t.Helper()
	all := map[event.Topic]*jsonschema.Schema{}
	for _, topic := range event.SourceTopics {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(event.Schema(topic)))
		if err != nil {
			t.Fatal(err)
		}
		name := topic.String() + ".schema.json"
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		if err := c.AddResource(name, doc); err != nil {
			t.Fatal(err)
		}
		if all[topic], err = c.Compile(name); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// Every type of every topic comes, and each is what the contract's own types encode to, byte for byte.
func TestContract(t *testing.T) {
	s := newShop(t, func(c *Config) { c.Visits, c.Days, c.Duplicates = 900, 45, 0 })
	seen := map[event.Type]int{}
	ids := map[event.ID]bool{}
	schemas := published(t)
	for r := range s.Records() {
		e := must(t, r)
		h := e.Header()
		if seen[h.Type]++; seen[h.Type] <= 500 {
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.Value))
			if err == nil {
				err = schemas[r.Topic].Validate(doc)
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, r.Value)
			}
		}
		if ids[h.ID] {
			t.Fatalf("id %s came twice", h.ID)
		}
		ids[h.ID] = true
	}
	for _, types := range [][]event.Type{event.ClickTypes, event.OrderTypes, event.DeliveryTypes, event.ReviewTypes} {
		for _, typ := range types {
			if seen[typ] == 0 {
				t.Errorf("no %s came", typ)
			}
		}
	}
	t.Logf("%v", seen)
}

// Every language can say everything.
func TestWordsAreComplete(t *testing.T) {
	for i, w := range wordsOf {
		v := reflect.ValueOf(w)
		for f := range v.NumField() {
			lists := v.Field(f)
			if lists.Kind() == reflect.Array {
				for n := range lists.Len() {
					if lists.Index(n).Len() == 0 {
						t.Errorf("%s: %s[%d] is empty", languages[i], v.Type().Field(f).Name, n)
					}
				}
			} else if lists.Len() == 0 {
				t.Errorf("%s: %s is empty", languages[i], v.Type().Field(f).Name)
			}
		}
	}
}
