package decode

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/schemas/event"
)

func TestWithoutIP(t *testing.T) {
	f := func(in, out, ip string) {
		t.Helper()
		rest, got := WithoutIP([]byte(in))
		if string(rest) != out || got != ip {
			t.Errorf("%s\n  gives %s and %q\n  want  %s and %q", in, rest, got, out, ip)
		}
	}
	f(`{"id":"1","ip":"203.0.113.7","url":"/"}`, `{"id":"1","url":"/"}`, "203.0.113.7")
	f(`{"ip":"203.0.113.7","url":"/"}`, `{"url":"/"}`, "203.0.113.7")
	f(`{"ip":"2001:db8::1"}`, `{}`, "2001:db8::1")
	f(`{ "id" : "1" , "ip" : "203.0.113.7" }`, `{ "id" : "1"  }`, "203.0.113.7")
	f(`{ "ip" : "203.0.113.7" , "id" : "1" }`, `{  "id" : "1" }`, "203.0.113.7")
	f(`{"id":"ip","url":"\"ip\":\"1.2.3.4\""}`, `{"id":"ip","url":"\"ip\":\"1.2.3.4\""}`, "")
	f(`{"tip":"1.2.3.4","ips":"1"}`, `{"tip":"1.2.3.4","ips":"1"}`, "")
	// Spelled otherwise, twice, and of another type.
	f(`{"\u0069p":"203.0.113.7","a":1}`, `{"a":1}`, "203.0.113.7")
	f(`{"ip":"203.0.113.7","ip":"203.0.113.8","a":1}`, `{"a":1}`, "203.0.113.8")
	f(`{"a":1,"ip":"203.0.113.7","ip":""}`, `{"a":1}`, "")
	f(`{"ip":["203.0.113.7",{"x":"}"}],"a":1}`, `{"a":1}`, "")
	f(`{"a":1,"ip":null}`, `{"a":1}`, "")
	// Deeper ones are none of the event's, and are not stored either.
	f(`{"properties":{"ip":"203.0.113.7","x":2},"a":1}`, `{"properties":{"x":2},"a":1}`, "")
	f(`{"properties":{"x":[1,{"y":2,"ip":"203.0.113.7"}]}}`, `{"properties":{"x":[1,{"y":2}]}}`, "")
	// No JSON.
	f(`{"id":"1","ip":"203.0.113.7`, `{"id":"1"`, "")
	f(`{"ip":203.0.113.7}`, `{}`, "")
	f(`[{"ip":"203.0.113.7"}]`, `[{}]`, "")
	f(`"ip": "203.0.113.7"`, ``, "")
	f(``, ``, "")
}

// FuzzWithoutIP: whatever the bytes, no member called ip is left, what the event says besides is as it was, and doing it again changes nothing.
func FuzzWithoutIP(f *testing.F) {
	for _, seed := range []string{`{"id":"1","ip":"203.0.113.7","properties":{"ip":[1,{"ip":2}]}}`, `{"ip":"1","\u0069p":{"a":"}"},"x":"\\"}`, `{"ip":`,
		`[{"ip" : 7 , "a":{} } , "ip"]`, `{"id":"1","type":"page","time":"2026-01-31T17:05:00Z","source":"web","visitor":"v","ip":"::1","url":"/"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		before := bytes.Clone(value)
		rest, ip := WithoutIP(value)
		if !bytes.Equal(before, value) {
			t.Fatal("the bytes were changed")
		}
		if again, _ := WithoutIP(rest); !bytes.Equal(again, rest) {
			t.Fatalf("%s becomes %s, and that %s", value, rest, again)
		}
		var was, is any
		if json.Valid(value) != json.Valid(rest) && json.Valid(value) {
			t.Fatalf("%s becomes %s, which is no JSON", value, rest)
		}
		if !json.Valid(value) || json.Unmarshal(value, &was) != nil {
			return
		}
		if err := json.Unmarshal(rest, &is); err != nil {
			t.Fatal(err)
		}
		if top, ok := was.(map[string]any); ok && utf8.Valid(value) && !strings.Contains(string(value), `\ud`) {
			if want, _ := top["ip"].(string); want != ip {
				t.Fatalf("%s has the address %q, found %q", value, want, ip)
			}
		}
		if drop(was); !reflect.DeepEqual(was, is) {
			t.Fatalf("%s becomes %s", value, rest)
		}
		d, e := &Decoder{}, &Decoder{}
		one, err1 := d.Decode(event.Clickstream, value)
		other, err2 := e.Decode(event.Clickstream, rest)
		if err1 == nil && (err2 != nil || one.Header() != other.Header() || other.Click.IP != "") {
			t.Fatalf("%s decodes, %s does not, or to something else: %v", value, rest, err2)
		}
	})
}

// drop removes all members called ip.
func drop(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "ip")
		for _, x := range v {
			drop(x)
		}
	case []any:
		for _, x := range v {
			drop(x)
		}
	}
}

func BenchmarkWithoutIP(b *testing.B) {
	plain := []byte(`{"id":"evt-000001","type":"page","time":"2026-01-10T17:00:00.000Z","source":"web","visitor":"v-5d41402a","url":"https://shop.example/?utm_source=newsletter&utm_medium=email&utm_campaign=winter","referrer":"https://mail.example/","user_agent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:146.0) Gecko/20100101 Firefox/146.0","country":"DE","properties":{"experiment":"hero-b"}}`)
	with := bytes.Replace(plain, []byte(`"country"`), []byte(`"ip":"203.0.113.7","country"`), 1)
	for name, value := range map[string][]byte{"none": plain, "one": with} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(value)))
			b.ReportAllocs()
			for b.Loop() {
				WithoutIP(value)
			}
		})
	}
}
