package trial

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
	"github.com/segmentio/encoding/json"
)

var update = flag.Bool("update", false, "rewrite the expected output of the scenarios")

// Scenarios runs every testdata/*.txt as one partition's life. A file is blocks of lines with a blank line between them: what comes
// in, "----", what must come out. Each block is an epoch that commits; what comes in is one of
//
//	# a remark
//	set gap=30m                                    settings, before all else
//	clock 03-01T12:00                              the partition's time for the records that follow
//	03-01T10:00 product visitor=ann url=/p/1       an event: time, type, then fields as in the contract; id= or its line makes the id
//	force                                          the hold time is over (alone in its block)
//	abort                                          the epoch is not committed, and starts again with the next block (last in its block)
//	tables                                         what a query sees now (alone in its block)
//
// and what comes out are rows, "gone" with tombstones, @ with the offset that changed them, fields with a value only; touches;
// records that were not accepted; and "held".
func Scenarios(t *testing.T, machine func(settings map[string]string) (Machine, error)) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios in testdata", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := play(string(raw), machine)
			if err != nil {
				t.Fatal(err)
			}
			if got == string(raw) {
				return
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("%s says something else (-update rewrites it):\n%s", file, firstDifference(string(raw), got))
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := "(end)", "(end)"
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\n  want %s\n  got  %s", i+1, a, b)
		}
	}
	return "nothing"
}

// play runs a scenario and returns the file with its output as it really is, and the run at its end.
func play(text string, machine func(map[string]string) (Machine, error)) (string, *Run, error) {
	settings := map[string]string{}
	var run *Run
	var clock event.Time
	var out strings.Builder
	line := 0
	for n, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		in, _, _ := strings.Cut(block, "\n----")
		if n > 0 {
			out.WriteString("\n")
		}
		out.WriteString(in + "\n----\n")
		var sources []string
		commit, did := true, false
		var first int
		if run != nil {
			first = run.Next
		}
		var log []Record
		for l := range strings.SplitSeq(in, "\n") {
			line++
			word, rest, _ := strings.Cut(l, " ")
			var err error
			switch {
			case l == "" || word == "#":
			case word == "set":
				for _, kv := range strings.Fields(rest) {
					k, v, _ := strings.Cut(kv, "=")
					settings[k] = v
				}
			case word == "clock":
				clock, err = parseTime(rest)
			case word == "abort":
				commit = false
			case word == "force" || word == "tables":
				did = true
				if word == "force" {
					if err = run.Force(); err == nil {
						writeOutput(&out, &run.Output)
					}
				} else {
					writeTables(&out, run)
				}
			default:
				var e *event.Event
				if e, err = parseEvent(l, fmt.Sprint("line", line)); err == nil {
					log = append(log, Record{Event: e, Clock: clock})
					sources = append(sources, l)
				}
			}
			if err != nil {
				return "", nil, fmt.Errorf("%q: %w", l, err)
			}
		}
		if run == nil {
			m, err := machine(settings)
			if err != nil {
				return "", nil, err
			}
			run = New(m, nil)
		}
		if did {
			continue
		}
		run.Log = append(run.Log[:max(first, run.Next)], append(run.Log[max(first, run.Next):], log...)...)
		run.Statuses = append(run.Statuses, make([]table.Status, len(log))...)
		before := len(run.Log) - len(log)
		if err := run.Epoch(len(run.Log)-run.Next, commit); err != nil {
			return "", nil, err
		}
		for i, l := range sources {
			if s := run.Statuses[before+i]; s != table.Accepted {
				fmt.Fprintf(&out, "%s: %s\n", s, l)
			}
		}
		writeOutput(&out, &run.Output)
		for _, e := range run.States {
			if e.Settled.Held && commit {
				out.WriteString("held\n")
				break
			}
		}
	}
	return out.String(), run, nil
}

func writeOutput(out *strings.Builder, o *flow.Output) {
	for _, r := range o.Sessions {
		writeRow(out, "session", r, r.IsDeleted)
	}
	for _, r := range o.Identities {
		writeRow(out, "identity", r, r.IsDeleted)
	}
	for _, r := range o.Journeys {
		writeRow(out, "journey", r, r.IsDeleted)
	}
	for _, r := range o.Reviews {
		writeRow(out, "review", r, r.IsDeleted)
	}
	for _, r := range o.Touches {
		writeRow(out, "touch", r, r.Gone)
	}
}

func writeTables(out *strings.Builder, run *Run) {
	f := run.Tables.Final()
	f.Touches = FinalTouches(run.Touches)
	f.Sort()
	o := flow.Output{Sessions: f.Sessions, Identities: f.Identities, Journeys: f.Journeys, Reviews: f.Reviews, Touches: f.Touches}
	writeOutput(out, &o)
}

// writeRow writes the fields that have a value, with the names of the contract.
func writeRow(out *strings.Builder, name string, row any, gone bool) {
	if gone {
		out.WriteString("gone ")
	}
	out.WriteString(name)
	v := reflect.ValueOf(row)
	for i := range v.NumField() {
		f, field := v.Field(i), v.Type().Field(i).Name
		switch field {
		case "ID", "Session", "IsDeleted", "Gone": // hashes, and what is said already
			continue
		case "Revision":
			if f.Uint() > 0 {
				fmt.Fprintf(out, " @%d", f.Uint()&(1<<48-1))
			}
			continue
		}
		if f.IsZero() || f.Kind() == reflect.Slice && f.Len() == 0 {
			continue
		}
		fmt.Fprintf(out, " %s=%s", snake(field), text(f))
	}
	out.WriteString("\n")
}

func text(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case event.Time:
		return strings.TrimSuffix(strings.TrimSuffix(x.Time().Format("01-02T15:04:05.000"), ".000"), ":00")
	case fmt.Stringer:
		return x.String()
	}
	switch v.Kind() {
	case reflect.Slice:
		var parts []string
		for i := range v.Len() {
			parts = append(parts, text(v.Index(i)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Struct:
		var parts []string
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; !v.Field(i).IsZero() && name != "Session" {
				parts = append(parts, snake(name)+"="+text(v.Field(i)))
			}
		}
		return "{" + strings.Join(parts, " ") + "}"
	}
	return fmt.Sprint(v.Interface())
}

func snake(s string) string {
	var b strings.Builder
	for i, r := range s {
		if unicode.IsUpper(r) && i > 0 && unicode.IsLower(rune(s[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func parseTime(s string) (event.Time, error) {
	for _, layout := range []string{"2006-01-02T15:04:05.999", "2006-01-02T15:04"} {
		for _, year := range []string{"2026-", ""} {
			if t, err := time.Parse(layout, year+s); err == nil {
				return event.TimeOf(t), nil
			}
		}
	}
	return 0, fmt.Errorf("%q is no time, like 03-01T10:00", s)
}

// numbers and times among the contract's fields; all others are strings.
var (
	numbers = []string{"value", "total", "amount", "rating", "rating_min", "rating_max", "reach", "sessions_before", "tracks", "contacts"}
	times   = []string{"promise", "ship_by", "estimate", "contact", "start", "first_seen", "view", "research", "cart", "checkout", "ordered", "track"}
)

// parseEvent reads "time type field=value …" through the contract's own JSON. A value with blanks is in double quotes.
func parseEvent(line, id string) (*event.Event, error) {
	words, err := fieldsOf(line)
	if err != nil {
		return nil, err
	}
	if len(words) < 2 {
		return nil, fmt.Errorf("want a time, a type and fields")
	}
	at, err := parseTime(words[0])
	if err != nil {
		return nil, err
	}
	typ := event.Type(words[1])
	object := map[string]any{"id": id, "type": typ, "time": at, "source": "shop"}
	for _, w := range words[2:] {
		k, v, ok := strings.Cut(w, "=")
		switch {
		case !ok:
			return nil, fmt.Errorf("%q is not field=value", w)
		case k == "subjects":
			var list []event.Subject
			for s := range strings.SplitSeq(v, ",") {
				kind, id, _ := strings.Cut(s, ":")
				list = append(list, event.Subject{Kind: kind, ID: id})
			}
			object[k] = list
		case k == "items":
			var list []event.Item
			for s := range strings.SplitSeq(v, ",") {
				list = append(list, event.Item{Product: event.ProductID(s), Quantity: 1})
			}
			object[k] = list
		case k == "gone":
			object[k] = v == "true"
		case slices.Contains(times, k):
			if object[k], err = parseTime(v); err != nil {
				return nil, err
			}
		case slices.Contains(numbers, k):
			object[k] = json.Number(v)
		default:
			object[k] = v
		}
	}
	e := &event.Event{}
	var into any
	switch {
	case typ == "touch":
		e.Topic, e.Touch = event.Touches, &event.Touch{}
		object["start"] = at
		into = e.Touch
	case slices.Contains(event.OrderTypes, typ):
		e.Topic, e.Order = event.Orders, &event.Order{}
		into = e.Order
	case slices.Contains(event.DeliveryTypes, typ):
		e.Topic, e.Delivery = event.Deliveries, &event.Delivery{}
		into = e.Delivery
	case slices.Contains(event.ReviewTypes, typ):
		e.Topic, e.Review = event.Reviews, &event.Review{}
		into = e.Review
	default:
		e.Topic, e.Click = event.Clickstream, &event.Click{}
		into = e.Click
	}
	body, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if typ == "touch" {
		delete(object, "id")
		delete(object, "type")
		delete(object, "time")
		if body, err = json.Marshal(object); err != nil {
			return nil, err
		}
		d = json.NewDecoder(strings.NewReader(string(body)))
		d.DisallowUnknownFields()
	}
	return e, d.Decode(into)
}

// fieldsOf splits at blanks that are not in double quotes, and takes the quotes off.
func fieldsOf(s string) ([]string, error) {
	var words []string
	var b strings.Builder
	quoted := false
	for _, r := range s + " " {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ' ' && !quoted:
			if b.Len() > 0 {
				words = append(words, b.String())
				b.Reset()
			}
		default:
			b.WriteRune(r)
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is not closed")
	}
	return words, nil
}
