package decode

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/schemas/event"
)

const click = `{"id":"8f14e45f-ceea-467f-a8c1-0a1b2c3d4e5f","type":"product","time":"2026-01-31T17:05:00.123Z","source":"web",` +
	`"visitor":"v-5d41402abc4b2a76","customer":"c-1042","url":"https://shop.example/p/blue-kettle?utm_source=news&utm_campaign=winter",` +
	`"referrer":"https://www.search.example/","user_agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",` +
	`"country":"DE","product":"sku-4711","value":39.9,"currency":"EUR"}`

func refused(t *testing.T, topic event.Topic, value, reason, field, says string) {
	t.Helper()
	var d Decoder
	_, err := d.Decode(topic, []byte(value))
	var r *event.Refusal
	if !errors.As(err, &r) {
		t.Errorf("%.80s: got %v, want a refusal", value, err)
		return
	}
	if r.Reason != reason || r.Field != field || !strings.Contains(r.Detail, says) {
		t.Errorf("%.80s: got %v\n want %s: %s: … %s …", value, r, reason, field, says)
	}
}

func TestDecodeRefuses(t *testing.T) {
	c, o, v, m := event.Clickstream, event.Orders, event.Reviews, event.Touches
	refused(t, c, ``, event.BadJSON, "", "empty")
	refused(t, c, `  `, event.BadJSON, "", "unexpected end")
	refused(t, c, `{`, event.BadJSON, "", "unexpected end")
	refused(t, c, `{"id":"a"`, event.BadJSON, "", "at byte 8")
	refused(t, c, `{"id":"a",}`, event.BadJSON, "", "'}'")
	refused(t, c, `{"id":"a"}{"id":"b"}`, event.BadJSON, "", "after top-level value")
	refused(t, c, `{"id":"a"} x`, event.BadJSON, "", "after top-level value")
	refused(t, c, "\xef\xbb\xbf{}", event.BadJSON, "", "byte order mark")
	refused(t, c, "{\"id\":\"a\xff\"}", event.BadJSON, "", "not UTF-8 from byte 8")
	refused(t, c, "{\"id\":\"a\nb\"}", event.BadJSON, "", "invalid character")
	refused(t, c, `{'id':'a'}`, event.BadJSON, "", "at byte 1")
	refused(t, c, `null`, event.WrongType, "", "the record must be an object, came as null")
	refused(t, c, `[]`, event.WrongType, "", "must be an object")
	refused(t, c, `"x"`, event.WrongType, "", "must be an object")
	refused(t, c, `12`, event.WrongType, "", "must be an object")
	refused(t, c, `{"id":12}`, event.WrongType, "id", "must be a string, came as 12")
	refused(t, c, `{"visitor":{"id":"v"}}`, event.WrongType, "visitor", "must be a string")
	refused(t, c, `{"value":"39.90"}`, event.WrongType, "value", `must be a number that fits 64 bits of floating point, came as "39.90"`)
	refused(t, c, `{"value":1e400}`, event.WrongType, "value", "1e400")
	refused(t, c, `{"value":NaN}`, event.BadJSON, "", "invalid character 'N'")
	refused(t, c, `{"value":-Infinity}`, event.BadJSON, "", "invalid character 'I'")
	refused(t, c, `{"time":"yesterday"}`, event.WrongType, "time", "RFC 3339")
	refused(t, c, `{"time":17e11}`, event.WrongType, "time", "milliseconds")
	refused(t, c, `{"time":1769879100123456789012}`, event.WrongType, "time", "milliseconds")
	refused(t, o, `{"items":{}}`, event.WrongType, "items", "must be a list")
	refused(t, o, `{"items":[{"product":"a"},7]}`, event.WrongType, "items[1]", "must be an object, came as 7")
	refused(t, o, `{"items":[{"product":"a"},{"price":"7"}]}`, event.WrongType, "items[1].price", "must be a number")
	refused(t, v, `{"subjects":["shop"]}`, event.WrongType, "subjects[0]", "must be an object")
	refused(t, m, `{"session":12}`, event.WrongType, "session", "in quotes")
	refused(t, m, `{"session":"-1"}`, event.WrongType, "session", "in quotes")
	refused(t, m, `{"tracks":-1}`, event.WrongType, "tracks", "whole number")
	refused(t, m, `{"gone":1}`, event.WrongType, "gone", "true or false")
	refused(t, c, strings.Repeat(`{"a":`, 10_000)+`1`+strings.Repeat(`}`, 10_000), event.BadJSON, "", "nested deeper")
	refused(t, c, strings.Repeat(`[`, 900_000), event.BadJSON, "", "nested deeper")
	refused(t, c, `{"id":"`+strings.Repeat("x", 20<<20)+`"}`, event.TooLarge, "", "20971529 bytes, the limit is 1048576")
}

func TestDecodeTakes(t *testing.T) {
	var d Decoder
	for _, in := range []string{
		click,
		" \n" + click + "\r\n\t",
		`{"id":null,"time":null,"properties":null,"value":null}`,
		`{"ID":"other case is another field","future_field":{"a":[1,2,{"b":null}]}}`,
		`{"properties":{"a":"` + strings.Repeat("[{", 1000) + `"}}`,     // brackets in a string are no nesting
		`{"properties":{"a":"\"` + strings.Repeat("[{\\\"", 99) + `"}}`, // and escaped quotes do not end it
	} {
		if _, err := d.Decode(event.Clickstream, []byte(in)); err != nil {
			t.Errorf("%.80s: %v", in, err)
		}
	}
}

// TestDecodeForgets shows that nothing of an event remains in the next one, lists included.
func TestDecodeForgets(t *testing.T) {
	var d Decoder
	full := `{"id":"1","type":"placed","time":1769879100000,"source":"erp","order":"o","total":5,"promise":1769879100000,
		"items":[{"product":"a","price":1,"brand":"x"},{"product":"b","price":2}],"properties":{"a":1}}`
	for _, next := range []string{`{}`, `{"items":[]}`, `{"items":[{"product":"c"}]}`} {
		if _, err := d.Decode(event.Orders, []byte(full)); err != nil {
			t.Fatal(err)
		}
		got, err := d.Decode(event.Orders, []byte(next))
		if err != nil {
			t.Fatal(err)
		}
		var fresh Decoder
		want, _ := fresh.Decode(event.Orders, []byte(next))
		if len(got.Order.Items) == 0 && len(want.Order.Items) == 0 {
			got.Order.Items, want.Order.Items = nil, nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", next, got.Order, want.Order)
		}
	}
}

func TestDecodeNormalizes(t *testing.T) {
	var d Decoder
	e, err := d.Decode(event.Clickstream, []byte(`{"country":"de","currency":"eur"}`))
	if err != nil || e.Click.Country != "DE" || e.Click.Currency != "EUR" {
		t.Errorf("got %+v, %v", e, err)
	}
	e, err = d.Decode(event.Reviews, []byte(`{"language":"pt-BR"}`))
	if err != nil || e.Review.Language != "pt" {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestDecodeTouch(t *testing.T) {
	want := event.Touch{Order: "o", Visitor: "v", Session: 1<<64 - 1, Start: 1769879100123, Tracks: 3, Gone: true, Campaign: "Frühling"}
	value, err := json.Marshal(&want)
	if err != nil {
		t.Fatal(err)
	}
	var d Decoder
	e, err := d.Decode(event.Touches, value)
	if err != nil || *e.Touch != want {
		t.Errorf("got %+v, %v, want %+v", e, err, want)
	}
}

func BenchmarkDecode(b *testing.B) {
	var d Decoder
	value := []byte(click)
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(event.Clickstream, value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeAndValidate(b *testing.B) {
	var d Decoder
	value := []byte(click)
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		e, err := d.Decode(event.Clickstream, value)
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Validate(event.DefaultRules, 1769879100999); err != nil {
			b.Fatal(err)
		}
	}
}
