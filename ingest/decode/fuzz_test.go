package decode

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/afterclick/afterclick/schemas/event"
)

// FuzzDecode holds the decoder to the standard library: it takes the same records, reads the same from them, and whatever the
// bytes, it neither panics nor returns another error than a refusal.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		click, `{"items":[{"product":"a","price":1}],"items":[{"product":"b"}]}`, `{"a":1,"a":2,"id":"x","id":"y","id":null}`,
		`{"value":1e400}`, `{"value":-0.0e-5}`, `{"value":01}`, `{"value":1.}`, `{"value":+1}`, `{"time":-1}`, `{"time":"2026-01-01T00:00:00Z"}`,
		`{"session":"12"}`, `{"session":" 12"}`, `{"session":"012"}`, `{"session":12}`, `{"session":null}`, `{"session":""}`, `{"id":"\ud800\udc00\ud800"}`, `{"id":"\u0000\/"}`,
		`{"subjects":[{"kind":"shop","id":"s"},null]}`, `{"properties":[1,{"x":"]"}]}`, `{"properties": null }`, `nul`, `null`, `[]`, `{"":1}`, `{"id":"x"}}`,
		`{null:1}`, `{"a":tru}`, `{"a":1 "b":2}`, `{,}`, `[1,]`, "{\"a\":\"\x7f\"}", "{\"id\":\"\xff\"}", `{"items":null,"items":[]}`, `{"items":[null]}`,
		`{"gone":true,"tracks":4294967296}`,
	} {
		for topic := event.Clickstream; topic <= event.Touches; topic++ {
			f.Add(byte(topic), []byte(s))
		}
	}
	var d Decoder
	f.Fuzz(func(t *testing.T, kind byte, value []byte) {
		topic := event.Topic(kind%byte(event.Touches)) + 1
		e, err := d.Decode(topic, value)
		if err != nil {
			checkRefusal(t, value, err)
			return
		}
		if !stdjson.Valid(value) {
			t.Fatalf("%q is taken and is not JSON", value)
		}
		if err := e.Validate(event.DefaultRules, 0); err != nil {
			_ = err.(*event.Refusal)
		}
		if got, want := pointer(e), new(event.Event); plain(value) {
			d := Decoder{}
			d.empty(topic)
			if err := stdjson.Unmarshal(value, pointer(&d.event)); err != nil {
				t.Fatalf("%q is taken, the standard library says %v", value, err)
			}
			dropNull(&d.event)
			d.event.Normalize()
			if *want = d.event; !reflect.DeepEqual(dropEmpty(got), dropEmpty(pointer(want))) {
				t.Fatalf("%q:\n got %+v\nwant %+v", value, got, pointer(want))
			}
		}
	})
}

func checkRefusal(t *testing.T, value []byte, err error) {
	var r *event.Refusal
	switch {
	case !errors.As(err, &r) || r.Reason == "" || r.Detail == "":
		t.Fatalf("%q: %v is no refusal with reason and detail", value, err)
	case r.Reason == event.WrongType && r.Field == "" && isObject(value):
		t.Fatalf("%q: %v does not name the field", value, err)
	case r.Reason == event.BadJSON && stdjson.Valid(value) && utf8.Valid(value) && !deeper(value, MaxDepth) && plain(value):
		t.Fatalf("%q is JSON, but is refused: %v", value, err)
	case len(r.Detail) > 400:
		t.Fatalf("%q: the detail is %d bytes long", value, len(r.Detail))
	}
}

// dropEmpty makes empty lists nil, which is all the same to everybody but DeepEqual.
func dropEmpty(x any) any {
	switch v := x.(type) {
	case *event.Order:
		if len(v.Items) == 0 {
			v.Items = nil
		}
	case *event.Review:
		if len(v.Subjects) == 0 {
			v.Subjects = nil
		}
	}
	return x
}

// plain tells whether all keys of a JSON value are ASCII in lower case and told once. The standard library differs from the
// decoder in other cases, and means to: it ignores the case of keys.
func plain(value []byte) bool {
	dec := stdjson.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	type level struct {
		object bool
		seen   map[string]bool
		key    bool // a key is next
	}
	var stack []level
	for {
		token, err := dec.Token()
		if err != nil {
			return err == io.EOF
		}
		if top := len(stack) - 1; top >= 0 && stack[top].object && token != stdjson.Delim('}') {
			if stack[top].key {
				k := token.(string)
				if stack[top].seen[k] || strings.ToLower(k) != k || strings.ContainsFunc(k, func(r rune) bool { return r > 0x7e }) {
					return false
				}
				stack[top].seen[k] = true
				stack[top].key = false
				continue
			}
			stack[top].key = true
		}
		switch token {
		case stdjson.Delim('{'):
			stack = append(stack, level{object: true, key: true, seen: map[string]bool{}})
		case stdjson.Delim('['):
			stack = append(stack, level{})
		case stdjson.Delim('}'), stdjson.Delim(']'):
			stack = stack[:len(stack)-1]
		}
	}
}
