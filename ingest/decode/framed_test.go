package decode

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/afterclick/afterclick/schemas/event"
)

// schemaParts lets scenarios register schemas: "== schema ID TYPE", and for those that others refer to also a subject, and for those that refer
// to others these subjects.
func schemaParts(t testing.TB, f *srfake.Registry) map[string]func(argument, body string) {
	return map[string]func(argument, body string){"schema": func(argument, body string) { seed(t, f, argument, body) }}
}

func seed(t testing.TB, f *srfake.Registry, argument, body string) {
	t.Helper()
	words := strings.Fields(argument)
	id, err := strconv.Atoi(words[0])
	if err != nil {
		t.Fatal(err)
	}
	s := sr.Schema{Schema: body}
	if err := s.Type.UnmarshalText([]byte(words[1])); err != nil {
		t.Fatal(err)
	}
	subject := "subject-" + words[0]
	if len(words) > 2 {
		subject = words[2]
		for _, name := range words[3:] {
			s.References = append(s.References, sr.SchemaReference{Name: name, Subject: name, Version: 1})
		}
	}
	f.SeedSchema(subject, 1, id, s)
}

func framedOptions(f *srfake.Registry, format string, holds event.Topic) Options {
	return Options{Format: format, Holds: []event.Topic{holds}, Registry: Registry{URL: f.URL()}}
}

func TestFramed(t *testing.T) {
	for format, holds := range map[string]event.Topic{"avro": event.Orders, "protobuf": event.Reviews} {
		t.Run(format, func(t *testing.T) {
			f := srfake.New()
			defer f.Close()
			scenariosWith(t, framedOptions(f, format, holds), schemaParts(t, f))
		})
	}
	t.Run("jsonschema", func(t *testing.T) { scenarios(t, Options{Format: "jsonschema", Holds: []event.Topic{event.Orders}}) })
}

// TestRegistryAway: a record whose schema is known is read while the registry is away; any other is neither an event nor a dead letter until
// it is back.
func TestRegistryAway(t *testing.T) {
	f := srfake.New()
	defer f.Close()
	var asked, status atomic.Int32
	f.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		asked.Add(1)
		if s := status.Load(); s != 0 {
			http.Error(w, "away", int(s))
			return true
		}
		return false
	})
	schema := `{"type":"record","name":"E","fields":[{"name":"id","type":"string"},{"name":"type","type":"string"},{"name":"time","type":"long"},{"name":"order","type":"string"}]}`
	seed(t, f, "1 AVRO", schema)
	seed(t, f, "2 AVRO", strings.Replace(schema, `"E"`, `"F"`, 1))
	record := func(id byte) *Record {
		return &Record{Value: []byte("\x00\x00\x00\x00" + string(id) + "\x04e1\x08paid\xb6\xdb\xe3\xd2\xf1\x66\x04o1")}
	}

	source := open(t, framedOptions(f, "avro", event.Orders))
	one, other := source.Reader(0), source.Reader(0) // of two lanes
	reads := func(r *Reader, id byte) {
		t.Helper()
		parts, err := r.Read(record(id), event.DefaultRules)
		if err != nil || len(parts) != 1 || parts[0].Refusal != nil || parts[0].Key != "o:o1" {
			t.Errorf("schema %d: %v, %v", id, parts, err)
		}
	}
	waits := func(r *Reader, id byte, says string) {
		t.Helper()
		if parts, err := r.Read(record(id), event.DefaultRules); err == nil || len(parts) > 0 || !strings.Contains(err.Error(), says) {
			t.Errorf("schema %d: %v, %v", id, parts, err)
		}
	}
	status.Store(503)
	waits(one, 1, "schema registry "+f.URL()+": schema 1: 503")
	status.Store(0)
	reads(one, 1)
	status.Store(500)
	n := asked.Load()
	reads(one, 1)
	reads(other, 1)
	if asked.Load() != n {
		t.Error("asked for what was known")
	}
	waits(other, 2, "schema 2: 500")
	status.Store(0)
	reads(other, 2)
	reads(one, 2)
}

func TestFramedOptions(t *testing.T) {
	for format, says := range map[string]string{"avro": "registry.url", "protobuf+json": "registry.url", "avro+avro": "registry.url"} {
		if _, err := Open(Options{Format: format, Holds: []event.Topic{event.Orders}}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s without a registry: %v", format, err)
		}
	}
	if _, err := Open(Options{Format: "jsonschema+json", Holds: []event.Topic{event.Orders}, Registry: Registry{URL: "http://registry"}}); err == nil ||
		!strings.Contains(err.Error(), "registry: is no option") {
		t.Errorf("jsonschema with a registry: %v", err)
	}
	o := Options{Format: "avro", Holds: []event.Topic{event.Orders}, Registry: Registry{URL: "https://registry", CA: "/nowhere.pem"}}
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "registry.ca_file") {
		t.Errorf("a CA file that is not there: %v", err)
	}
}

// framedSource opens a format with all schemas of its fixtures.
func framedSource(t testing.TB, format string, holds event.Topic) *Source {
	f := srfake.New()
	t.Cleanup(f.Close)
	files, err := filepath.Glob(filepath.Join("testdata", format, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range strings.Split("\n"+string(raw), "\n== ")[1:] {
			if kind, body, _ := strings.Cut(p, "\n"); strings.HasPrefix(kind, "schema ") {
				seed(t, f, kind[len("schema "):], strings.TrimSuffix(body, "\n"))
			}
		}
	}
	s := open(t, framedOptions(f, format, holds))
	return s
}

func fuzzFramed(f *testing.F, format string, holds event.Topic) {
	for _, r := range scenarioRecords(f, format) {
		f.Add(r)
	}
	s := framedSource(f, format, holds)
	f.Fuzz(func(t *testing.T, value []byte) {
		if len(value) > 4 && value[0] == 0 {
			value[1], value[2], value[3] = 0, 0, 0 // so that the id is often one that is there
		}
		checkParts(t, s, &Record{Value: value, Time: fixtureTime})
	})
}

func FuzzAvro(f *testing.F)     { fuzzFramed(f, "avro", event.Clickstream) }
func FuzzProtobuf(f *testing.F) { fuzzFramed(f, "protobuf", event.Reviews) }

func benchFramed(b *testing.B, format string, holds event.Topic, record int) {
	benchSource(b, framedSource(b, format, holds), scenarioRecordsOf(b, filepath.Join("testdata", format, "value.txt"))[record])
}

func BenchmarkAvroOrder(b *testing.B)      { benchFramed(b, "avro", event.Orders, 0) }
func BenchmarkAvroClick(b *testing.B)      { benchFramed(b, "avro", event.Clickstream, 1) }
func BenchmarkProtobufReview(b *testing.B) { benchFramed(b, "protobuf", event.Reviews, 0) }
