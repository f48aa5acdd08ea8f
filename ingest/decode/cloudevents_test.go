package decode

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/event"
)

var cloudEventsOptions = Options{Format: "cloudevents", Holds: []event.Topic{event.Clickstream}}

func TestCloudEvents(t *testing.T) { scenarios(t, cloudEventsOptions) }

// TestCloudEventsRaw: the dead letter of an envelope in a batch keeps that envelope's bytes, whoever refused it; of a record that is one
// envelope, the record.
func TestCloudEventsRaw(t *testing.T) {
	s := open(t, cloudEventsOptions)
	good, bad := `{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"type":"page"}}`, `{"specversion":"0.1"}`
	parts, err := s.Reader(0).Read(&Record{Value: []byte("[" + good + ", " + bad + "]")}, event.DefaultRules)
	if err != nil || len(parts) != 2 || string(parts[0].Raw) != good || string(parts[1].Raw) != bad {
		t.Errorf("%+v, %v", parts, err)
	}
	parts, err = s.Reader(0).Read(&Record{Value: []byte(good)}, event.DefaultRules)
	if err != nil || len(parts) != 1 || string(parts[0].Raw) != good {
		t.Errorf("%+v, %v", parts, err)
	}
}

// FuzzCloudEvents: whatever comes in whatever mode, it is an event or a dead letter that says why.
func FuzzCloudEvents(f *testing.F) {
	modes := []string{"", cloudEventsJSON, cloudEventsBatch, "application/json", "application/cloudevents+avro"}
	for _, r := range append(scenarioRecords(f, "cloudevents"), scenarioRecords(f, "snowplow")...) {
		f.Add(r, byte(0), "", "")
		f.Add(r, byte(3), "1.0", "2026-03-14T09:26:53Z")
	}
	f.Add([]byte(`[]`), byte(2), "", "")
	var sources []*Source
	for _, format := range []string{"cloudevents", "cloudevents+snowplow", "cloudevents+cloudevents"} {
		sources = append(sources, open(f, Options{Format: format, Holds: []event.Topic{event.Clickstream}}))
	}
	f.Fuzz(func(t *testing.T, value []byte, mode byte, version, at string) {
		r := Record{Value: value}
		header := func(k, v string) {
			if v != "" {
				r.Headers = append(r.Headers, kgo.RecordHeader{Key: k, Value: []byte(v)})
			}
		}
		header("content-type", modes[int(mode)%len(modes)])
		header("ce_specversion", version)
		header("ce_time", at)
		header("ce_id", "1")
		header("ce_source", "/s")
		header("ce_type", "t")
		for _, s := range sources {
			checkParts(t, s, &r)
		}
	})
}

func BenchmarkCloudEvents(b *testing.B) {
	for _, format := range []string{"cloudevents", "cloudevents+snowplow"} {
		b.Run(format, func(b *testing.B) {
			data := []byte(click)
			if format != "cloudevents" {
				data = scenarioRecordsOf(b, "testdata/snowplow/json.txt")[0]
			}
			record := slicesOf(`{"specversion":"1.0","id":"A234-1234","source":"/shop/web","type":"example.shop.click","time":"2026-03-14T09:26:53.5Z","data":`, data, `}`)
			benchRecord(b, Options{Format: format, Holds: []event.Topic{event.Clickstream}}, record)
		})
	}
}

func slicesOf(before string, data []byte, after string) []byte {
	return bytes.Join([][]byte{[]byte(before), data, []byte(after)}, nil)
}
