package decode

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/event"
)

// scenarios runs testdata/NAME/*.txt through a format: text files of records and what they say, to be read by people. A line that begins with
// "== " begins a part: a record, as text ("== record"), in hexadecimal ("== hex") or column by column ("== columns"), or its headers, which
// come before it; what the config says from there on, besides o ("== options"); and what the record says ("== says"), an event or a dead letter a line, which -update writes anew.
// What stands before the first is a remark.
func scenarios(t *testing.T, o Options) { scenariosWith(t, o, nil) }

// scenariosWith knows parts of other kinds, too, and what to do with them.
func scenariosWith(t *testing.T, o Options, others map[string]func(argument, body string)) {
	dir, _, _ := strings.Cut(o.Format, "+")
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, "no fixtures")
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			parts := strings.Split("\n"+string(raw), "\n== ")
			options := o
			var again strings.Builder
			again.WriteString(parts[0][1:])
			record := Record{Time: fixtureTime}
			for _, p := range parts[1:] {
				kind, body, _ := strings.Cut(p, "\n")
				body = strings.TrimSuffix(body, "\n")
				says := ""
				switch kind, argument, _ := strings.Cut(kind, " "); kind {
				case "headers":
					record.Headers = nil
					for _, line := range strings.Split(body, "\n") {
						k, v, _ := strings.Cut(line, ": ")
						record.Headers = append(record.Headers, kgo.RecordHeader{Key: k, Value: []byte(v)})
					}
				case "record":
					record.Value = []byte(body)
				case "format":
					options.Format = argument
				case "columns":
					record.Value = tsv(t, body)
				case "options":
					options = optionsOf(t, o, body)
				case "hex":
					record.Value = hexOf(t, body)
				case "says":
					says = saysOf(t, options, &record)
					record.Headers, record.Value = nil, nil
					if !*update && body != says {
						t.Errorf("%s\nsays\n%s\nwant\n%s", again.String(), says, body)
					}
				default:
					other, ok := others[kind]
					if !ok {
						t.Fatalf("no such part: %s", kind)
					}
					other(argument, body)
				}
				if kind == "says" {
					body = says
				}
				fmt.Fprintf(&again, "\n== %s\n%s", kind, body)
				if strings.HasSuffix(p, "\n") {
					again.WriteString("\n")
				}
			}
			if *update {
				if err := os.WriteFile(name, []byte(strings.TrimRight(again.String(), "\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// optionsOf reads options as lines of a name and a value: "statuses.DLV: delivered".
func optionsOf(t testing.TB, o Options, lines string) Options {
	t.Helper()
	o.Fields, o.Types, o.Statuses = maps.Clone(o.Fields), maps.Clone(o.Types), maps.Clone(o.Statuses)
	for _, line := range strings.Split(lines, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		name, key, _ := strings.Cut(name, ".")
		set := func(m *map[string]string) {
			if *m == nil {
				*m = map[string]string{}
			}
			(*m)[key] = value
		}
		switch name {
		case "":
		case "format":
			o.Format = value
		case "holds":
			o.Holds = nil
			for _, word := range strings.Split(value, ", ") {
				for _, kind := range event.SourceTopics {
					if kind.String() == word {
						o.Holds = append(o.Holds, kind)
					}
				}
			}
		case OptionFields:
			set(&o.Fields)
		case OptionStatuses:
			set(&o.Statuses)
		case OptionZone:
			o.Zone = value
		default:
			t.Fatalf("no such option: %s", line)
		}
	}
	return o
}

// hexOf reads bytes in hexadecimal, with space between them and remarks after #.
func hexOf(t testing.TB, lines string) []byte {
	t.Helper()
	var digits strings.Builder
	for _, line := range strings.Split(lines, "\n") {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func saysOf(t testing.TB, o Options, r *Record) string {
	t.Helper()
	s := open(t, o)
	parts, err := s.Reader(0).Read(r, event.DefaultRules)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('\n')
		}
		if p.Refusal != nil {
			fmt.Fprintf(&b, "dead letter: %v", p.Refusal)
			continue
		}
		fmt.Fprintf(&b, "%s %s: %s", p.Kind, p.Key, p.Body)
	}
	if o.Registry.URL != "" {
		return strings.ReplaceAll(b.String(), o.Registry.URL, "http://registry")
	}
	return b.String()
}

// scenarioRecords are the records of all fixtures of a format.
func scenarioRecords(t testing.TB, format string) (all [][]byte) {
	files, err := filepath.Glob(filepath.Join("testdata", format, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, "no fixtures")
	}
	for _, name := range files {
		all = append(all, scenarioRecordsOf(t, name)...)
	}
	return all
}

func scenarioRecordsOf(t testing.TB, name string) (all [][]byte) {
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range strings.Split("\n"+string(raw), "\n== ")[1:] {
		kind, body, _ := strings.Cut(p, "\n")
		switch body = strings.TrimSuffix(body, "\n"); kind {
		case "record":
			all = append(all, []byte(body))
		case "columns":
			all = append(all, tsv(t, body))
		case "hex":
			all = append(all, hexOf(t, body))
		}
	}
	return all
}

// benchRecord measures the way from a record to canonical JSON.
func benchRecord(b *testing.B, o Options, record []byte) { benchSource(b, open(b, o), record) }

func benchSource(b *testing.B, s *Source, record []byte) {
	reader := s.Reader(0)
	r := Record{Value: record, Time: fixtureTime}
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		parts, err := reader.Read(&r, event.DefaultRules)
		if err != nil || parts[0].Refusal != nil {
			b.Fatal(err, parts[0].Refusal)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
}

// cpu is the processor time that the process has used: unlike the clock on the wall, it does not count the neighbours'.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
