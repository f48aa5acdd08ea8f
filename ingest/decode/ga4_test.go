package decode

import (
	"bytes"
	"testing"

	"github.com/afterclick/afterclick/schemas/event"
)

var (
	ga4Clicks = Options{Holds: []event.Topic{event.Clickstream}, Format: "ga4", Types: map[string]string{"basket_seen": "cart_viewed"}}
	ga4All    = Options{Holds: []event.Topic{event.Clickstream, event.Orders}, Format: "ga4"}
)

func TestGA4Fixtures(t *testing.T) {
	fixtures(t, "ga4", ga4Clicks)
	fixtures(t, "ga4-orders", ga4All)
}

func FuzzGA4(f *testing.F) { fuzzFormat(f, "ga4", ga4All) }

// TestGA4Again: a row that is exported a second time, with what was not known the first time, is the same event; another one is not.
func TestGA4Again(t *testing.T) {
	reader := open(t, ga4Clicks).Reader(0)
	id := func(value []byte) event.ID {
		t.Helper()
		parts, err := reader.Read(&Record{Value: value, Time: fixtureTime}, event.DefaultRules)
		if err != nil || len(parts) != 1 || parts[0].Refusal != nil {
			t.Fatalf("%v %s", err, told(parts))
		}
		var d Decoder
		e, err := d.Decode(parts[0].Kind, bytes.Clone(parts[0].Body))
		if err != nil {
			t.Fatal(err)
		}
		return e.Click.ID
	}
	row := readFixture(t, "ga4/view_item.json")
	first := id(row)
	if again := id(bytes.Replace(row, []byte(`"is_active_user":true`), []byte(`"is_active_user":false,"user_ltv":{"revenue":3}`), 1)); again != first {
		t.Errorf("exported again it is %s, was %s", again, first)
	}
	for _, change := range [][2]string{{"1789999100123456", "1789999100123457"}, {"Blue kettle", "Red kettle"}, {`"batch_event_index":"1"`, `"batch_event_index":"2"`}} {
		if other := id(bytes.Replace(row, []byte(change[0]), []byte(change[1]), 1)); other == first {
			t.Errorf("with %s it is the same", change[1])
		}
	}
}

func TestCountryNames(t *testing.T) {
	for name, want := range map[string]string{"Germany": "DE", "United States": "US", "Türkiye": "TR", "Turkey": "TR", "Hong Kong": "HK", "Czechia": "CZ", "Bosnia & Herzegovina": "BA", "(not set)": "", "": ""} {
		if got := countryCode(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for name, code := range countryCodes {
		if len(code) != 2 || name == "" {
			t.Errorf("%q is %q", name, code)
		}
	}
}
