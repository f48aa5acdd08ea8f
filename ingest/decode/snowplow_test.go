package decode

import (
	stdjson "encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/schemas/event"
)

var snowplowOptions = Options{Format: "snowplow", Holds: []event.Topic{event.Clickstream, event.Orders}}

func TestSnowplow(t *testing.T) { scenarios(t, snowplowOptions) }

// TestSnowplowForms: both forms of an event say the same. The JSON is made here as the SDKs are said to make it.
func TestSnowplowForms(t *testing.T) {
	both := 0
	for _, name := range []string{"web", "shop", "old"} {
		for _, tsv := range scenarioRecordsOf(t, "testdata/snowplow/"+name+".txt") {
			if tsv[0] == '{' {
				continue
			}
			a, b := saysOf(t, snowplowOptions, &Record{Value: tsv}), saysOf(t, snowplowOptions, &Record{Value: sdkJSON(t, string(tsv))})
			if a != b || strings.HasPrefix(a, "dead letter") {
				t.Errorf("tab-separated\n%s\nJSON\n%s", a, b)
			}
			both++
		}
	}
	if both < 20 {
		t.Errorf("only %d events were compared", both)
	}
}

// tsv writes lines of a column's name and value as an enriched event.
func tsv(t testing.TB, lines string) []byte {
	t.Helper()
	row := make([]string, snowplowWidth)
	for _, line := range strings.Split(lines, "\n") {
		if name, value, ok := strings.Cut(line, " "); ok {
			row[column(name)] = value
		}
	}
	return []byte(strings.Join(row, "\t"))
}

// sdkJSON is an enriched event as the analytics SDKs write it.
func sdkJSON(t *testing.T, tsv string) []byte {
	t.Helper()
	object := map[string]any{}
	key := func(prefix, schema string) string {
		parts := strings.Split(strings.TrimPrefix(schema, "iglu:"), "/")
		vendor := regexp.MustCompile(`[.\-]`).ReplaceAllString(parts[0], "_")
		name := regexp.MustCompile(`([^_])([A-Z])`).ReplaceAllString(regexp.MustCompile(`[.\-]`).ReplaceAllString(parts[1], "_"), "${1}_${2}")
		model, _, _ := strings.Cut(parts[3], "-")
		return prefix + strings.ToLower(vendor+"_"+name) + "_" + model
	}
	type described struct {
		Schema string
		Data   stdjson.RawMessage
	}
	for i, v := range strings.Split(tsv, "\t") {
		name := snowplowColumns[i]
		switch {
		case v == "":
			object[name] = nil
		case name == "unstruct_event":
			var outer struct{ Data described }
			if err := stdjson.Unmarshal([]byte(v), &outer); err != nil {
				t.Fatal(err)
			}
			object[key("unstruct_event_", outer.Data.Schema)] = outer.Data.Data
		case strings.HasSuffix(name, "contexts"):
			var outer struct{ Data []described }
			if err := stdjson.Unmarshal([]byte(v), &outer); err != nil {
				t.Fatal(err)
			}
			for _, d := range outer.Data {
				k := key("contexts_", d.Schema)
				list, _ := object[k].([]any)
				object[k] = append(list, d.Data)
			}
		case strings.HasSuffix(name, "_tstamp"):
			object[name] = strings.Replace(v, " ", "T", 1) + "Z"
		case snowplowNumbers[i]:
			object[name] = stdjson.Number(v)
		default:
			object[name] = v
		}
	}
	for _, name := range []string{"contexts", "derived_contexts", "unstruct_event"} {
		delete(object, name)
	}
	b, err := stdjson.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzSnowplow: whatever comes, it is an event or a dead letter that says why; what is taken is canonical JSON that the decoder of our own
// format reads.
func FuzzSnowplow(f *testing.F) {
	for _, r := range scenarioRecords(f, "snowplow") {
		f.Add(r)
	}
	s := open(f, snowplowOptions)
	f.Fuzz(func(t *testing.T, value []byte) { checkParts(t, s, &Record{Value: value}) })
}

func BenchmarkSnowplow(b *testing.B) {
	for _, name := range []string{"web.txt", "json.txt", "shop.txt"} {
		b.Run(name[:len(name)-4], func(b *testing.B) {
			benchRecord(b, snowplowOptions, scenarioRecordsOf(b, "testdata/snowplow/"+name)[0])
		})
	}
}
