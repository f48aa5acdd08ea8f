package decode

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/event"
)

var update = flag.Bool("update", false, "write golden files anew")

// fixtureTime is the source time of fixtures: nothing in them happens later.
const fixtureTime event.Time = 1_790_000_000_000 // 2026-09-21T14:13:20Z

func open(t testing.TB, o Options) *Source {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fixtures reads every file of testdata/NAME as a record and compares what it says with the file of that name and ".golden", a line for each
// event: its kind and canonical JSON, or why it is refused. -update writes these. A name that begins with "bad-" must have a refusal,
// any other none. Where a file has a twin with ".headers", lines of "name: value" in it are the record's headers.
func fixtures(t *testing.T, name string, o Options) {
	t.Helper()
	files, err := filepath.Glob("testdata/" + name + "/*")
	if err != nil {
		t.Fatal(err)
	}
	source := open(t, o)
	count := 0
	for _, file := range files {
		if ext := filepath.Ext(file); ext == ".golden" || ext == ".headers" {
			continue
		}
		count++
		value, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r := Record{Value: value, Time: fixtureTime}
		if headers, err := os.ReadFile(file + ".headers"); err == nil {
			for line := range strings.Lines(string(headers)) {
				key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				r.Headers = append(r.Headers, kgo.RecordHeader{Key: key, Value: []byte(value)})
			}
		}
		parts, err := source.Reader(0).Read(&r, event.DefaultRules)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		got := told(parts)
		if refused := slices.ContainsFunc(parts, func(p Part) bool { return p.Refusal != nil }); refused != strings.HasPrefix(filepath.Base(file), "bad-") {
			t.Errorf("%s: refused is %t:\n%s", file, refused, got)
		}
		if *update {
			if err := os.WriteFile(file+".golden", got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file + ".golden")
		if err != nil {
			t.Error(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s (-update writes it anew): got\n%swant\n%s", file, got, want)
		}
	}
	if count == 0 {
		t.Errorf("testdata/%s has no fixture", name)
	}
}

func readFixture(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// told is what parts say, a line each.
func told(parts []Part) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		if p.Refusal != nil {
			fmt.Fprintf(&b, "refused %v\n", p.Refusal)
			continue
		}
		fmt.Fprintf(&b, "%s %s\n", p.Kind, p.Body)
	}
	return b.Bytes()
}

// checkParts: what a format gave is what can be routed: canonical JSON of a valid event, which the machines will read as it is, or a
// refusal with its reasons. The same record gives the same.
func checkParts(t *testing.T, s *Source, r *Record) {
	t.Helper()
	reader := s.Reader(0)
	parts, err := reader.Read(r, event.DefaultRules)
	if err != nil {
		t.Fatalf("%q: %v", r.Value, err)
	}
	if len(parts) == 0 {
		t.Fatalf("%q says nothing", r.Value)
	}
	first := told(parts)
	for i, p := range parts {
		if p.Refusal != nil {
			if p.Refusal.Reason == "" || p.Refusal.Detail == "" || len(p.Refusal.Detail) > 1000 {
				t.Fatalf("%q, part %d is refused with %+v", r.Value, i, p.Refusal)
			}
			continue
		}
		var d Decoder
		e, err := d.Decode(p.Kind, p.Body)
		if err == nil {
			err = e.Validate(event.DefaultRules, r.Time)
		}
		if err != nil {
			t.Fatalf("%q, part %d: %q cannot be read: %v", r.Value, i, p.Body, err)
		}
		if e.Key() != p.Key || !stdjson.Valid(p.Body) {
			t.Fatalf("%q, part %d: key %q of %q", r.Value, i, p.Key, p.Body)
		}
	}
	for _, again := range []*Reader{reader, s.Reader(0)} {
		parts, err := again.Read(r, event.DefaultRules)
		if err != nil || !bytes.Equal(told(parts), first) {
			t.Fatalf("%q gives\n%s, then\n%s, %v", r.Value, first, told(parts), err)
		}
	}
}

// fuzzFormat gives a format random bytes, beginning with its fixtures.
func fuzzFormat(f *testing.F, name string, o Options) {
	f.Helper()
	files, err := filepath.Glob("testdata/" + name + "/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if ext := filepath.Ext(file); ext != ".golden" && ext != ".headers" {
			value, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(value)
		}
	}
	s := open(f, o)
	f.Fuzz(func(t *testing.T, value []byte) { checkParts(t, s, &Record{Value: value, Time: fixtureTime}) })
}

func TestBatchFixtures(t *testing.T) {
	fixtures(t, "batch", Options{Holds: []event.Topic{event.Clickstream}, Format: "batch"})
}

func FuzzBatch(f *testing.F) {
	fuzzFormat(f, "batch", Options{Holds: []event.Topic{event.Clickstream}, Format: "batch"})
}

// A record says no more than an epoch can take.
func TestBoundsOfARecord(t *testing.T) {
	s := open(t, Options{Holds: []event.Topic{event.Clickstream}, Format: "batch"})
	reader := s.Reader(0)
	one := `{"id":"a","type":"page","time":1780000000000,"source":"web","visitor":"v"}`
	for _, c := range []struct {
		value, reason string
		parts         int
	}{
		{"[" + strings.Repeat(one+",", 5000) + one + "]", "", 5001},
		{"[" + strings.Repeat("1,", MaxParts-1) + "1]", event.WrongType, MaxParts},
		{"[" + strings.Repeat("1,", MaxParts) + "1]", event.TooLarge, 1},
		{"[" + strings.Repeat("1,", DefaultMaxBytes) + "1]", event.TooLarge, 1},
		{"[]", event.BadValue, 1},
		{" \n ", event.BadValue, 1},
		{"", event.BadJSON, 1},
	} {
		parts, err := reader.Read(&Record{Value: []byte(c.value), Time: fixtureTime}, event.DefaultRules)
		reason := ""
		if len(parts) > 0 && parts[0].Refusal != nil {
			reason = parts[0].Refusal.Reason
		}
		if err != nil || len(parts) != c.parts || reason != c.reason {
			t.Errorf("%.40q: %d parts, %s, %v", c.value, len(parts), reason, err)
		}
	}
	// A format that makes much of little.
	grows := Custom(Options{Holds: []event.Topic{event.Clickstream}, Source: "web"}, func() Format { return growing{} })
	parts, err := grows.Reader(1000).Read(&Record{Value: []byte("x"), Time: fixtureTime}, event.DefaultRules)
	total, refused := 0, 0
	for _, p := range parts {
		if total += len(p.Body); p.Refusal != nil {
			refused++
		}
	}
	if err != nil || total > 16_000 || refused == 0 || refused == len(parts) {
		t.Errorf("%d bytes, %d of %d refused, %v", total, refused, len(parts), err)
	}
}

type growing struct{}

func (growing) Decode(r *Record, out *Events) error {
	for i := range 100 {
		c := out.Click()
		c.Header, c.Visitor = event.Header{ID: event.ID(fmt.Sprint(i)), Type: event.Page, Time: r.Time}, "v"
		c.URL = strings.Repeat("x", 500)
	}
	return nil
}

// What the sender sees is canonical, whatever a format leaves to be done; and what it must not give is refused.
func TestReaderFinishes(t *testing.T) {
	s := Custom(Options{Holds: []event.Topic{event.Orders}, Source: "erp"}, func() Format { return careless{} })
	parts, err := s.Reader(0).Read(&Record{Value: []byte("x"), Time: fixtureTime}, event.DefaultRules)
	if err != nil {
		t.Fatal(err)
	}
	want := `orders {"id":"1","type":"placed","time":"2026-09-21T14:13:20.000Z","source":"erp","order":"o","currency":"EUR","country":"DE"}
refused unknown_type: type page is one of clickstream, but the topic is said to hold orders
refused bad_value: has text that is not UTF-8
refused bad_value: cannot be written as JSON: `
	if got := string(told(parts)); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

type careless struct{}

func (careless) Decode(r *Record, out *Events) error {
	h := event.Header{ID: "1", Type: event.Placed, Time: r.Time}
	o := out.Order()
	o.Header, o.Order, o.Currency, o.Country = h, "o", "eur", "de"
	c := out.Click()
	c.Header, c.Visitor = h, "v"
	c.Type = event.Page
	o = out.Order()
	o.Header, o.Order, o.Channel = h, "o", "caf\xe9"
	o = out.Order()
	o.Header, o.Order, o.Properties = h, "o", []byte(`{"a":nonsense}`)
	return nil
}

func TestOpenRefuses(t *testing.T) {
	clicks := []event.Topic{event.Clickstream}
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Holds: clicks, Format: "nosuch"}, `format: "nosuch" is no format, which are: json, batch`},
		{Options{Holds: clicks, Format: "batch+nosuch"}, `"nosuch" is no format`},
		{Options{Holds: clicks, Format: "json+json"}, "json holds events itself"},
		{Options{Format: "json"}, "holds: is required"},
		{Options{Holds: []event.Topic{event.Touches}, Format: "json"}, "holds: format json has no touches"},
		{Options{Holds: []event.Topic{event.Orders, event.Reviews}}, "holds: a record of format json does not say of which kind"},
		{Options{Holds: clicks, Fields: map[string]string{"a": "b"}}, "fields: is no option of format json"},
		{Options{Holds: clicks, Format: "batch", Registry: Registry{URL: "x"}}, "registry: is no option of format batch, which takes: source"},
	} {
		if _, err := Open(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.o, err, c.want)
		}
	}
	var unknown *UnknownFormat
	if _, err := Open(Options{Holds: clicks, Format: "x"}); !errors.As(err, &unknown) || unknown.Name != "x" {
		t.Errorf("%v", err)
	}
}

// BenchmarkReader reads canonical JSON the way the router does.
func BenchmarkReader(b *testing.B) {
	reader := open(b, Options{Holds: []event.Topic{event.Clickstream}}).Reader(0)
	value := event.Examples(event.Clickstream)[event.Product]
	r := Record{Value: value, Time: fixtureTime}
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		if parts, err := reader.Read(&r, event.DefaultRules); err != nil || parts[0].Refusal != nil {
			b.Fatal(err, parts)
		}
	}
}
