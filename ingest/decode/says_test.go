package decode

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/event"
)

var update = flag.Bool("update", false, "rewrite what the records of the fixtures say")

// fixtures runs testdata/NAME/*.txt through the format: text files of records and what they say, to be read by people. A line that begins
// with "== " begins a part: a record, as bytes ("== record"), or column by column ("== columns"), or its headers, which come before it; and
// what it says ("== says"), an event or a dead letter a line. What stands before the first is a remark.
func fixtures(t *testing.T, o Options) {
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
			record := Record{Time: event.Time(1780000000000)} // 2026-05-28
			for _, p := range parts[1:] {
				kind, body, _ := strings.Cut(p, "\n")
				body = strings.TrimSuffix(body, "\n")
				says := ""
				switch kind, argument, _ := strings.Cut(kind, " "); kind {
				case "format":
					options.Format = argument
				case "headers":
					record.Headers = nil
					for _, line := range strings.Split(body, "\n") {
						k, v, _ := strings.Cut(line, ": ")
						record.Headers = append(record.Headers, kgo.RecordHeader{Key: k, Value: []byte(v)})
					}
				case "record":
					record.Value = []byte(body)
				case "columns":
					record.Value = tsv(t, body)
				case "says":
					says = saysOf(t, options, &record)
					record.Headers, record.Value = nil, nil
					if !*update && body != says {
						t.Errorf("%s\nsays\n%s\nwant\n%s", again.String(), says, body)
					}
				default:
					t.Fatalf("no such part: %s", kind)
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

func saysOf(t testing.TB, o Options, r *Record) string {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
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
	return b.String()
}

// fixtureRecords are the records of all fixtures of a format.
func fixtureRecords(t testing.TB, format string) (all [][]byte) {
	files, err := filepath.Glob(filepath.Join("testdata", format, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, "no fixtures")
	}
	for _, name := range files {
		all = append(all, fixtureRecordsOf(t, name)...)
	}
	return all
}

func fixtureRecordsOf(t testing.TB, name string) (all [][]byte) {
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
		}
	}
	return all
}

// checkParts holds what a reader says of any record to what every reader must keep: at least one part, each either a dead letter with a
// reason, or canonical JSON that says what it is said to be.
func checkParts(t *testing.T, d *Decoder, reader *Reader, r *Record) {
	t.Helper()
	before := bytes.Clone(r.Value)
	parts, err := reader.Read(r, event.DefaultRules)
	if err != nil || len(parts) == 0 {
		t.Fatalf("%q: %d parts, %v", r.Value, len(parts), err)
	}
	if !bytes.Equal(before, r.Value) {
		t.Fatalf("%q was changed to %q", before, r.Value)
	}
	for _, p := range parts {
		if p.Refusal != nil {
			if p.Refusal.Reason == "" || p.Refusal.Detail == "" || len(p.Refusal.Detail) > 600 {
				t.Fatalf("%q: %v is no refusal with reason and detail", r.Value, p.Refusal)
			}
			continue
		}
		e, err := d.Decode(p.Kind, bytes.Clone(p.Body))
		if err == nil {
			err = e.Validate(event.DefaultRules, r.Time)
		}
		if err != nil || e.Key() != p.Key {
			t.Fatalf("%q says %s, which is not canonical: %v", r.Value, p.Body, err)
		}
	}
}

// benchRecord measures the way from a record to canonical JSON.
func benchRecord(b *testing.B, o Options, record []byte) {
	s, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	reader := s.Reader(0)
	r := Record{Value: record}
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
