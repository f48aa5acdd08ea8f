package queries_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/afterclick/afterclick/dashboards/queries"
	"github.com/afterclick/afterclick/deploy/feed/feedtest"
	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/table"
	"github.com/afterclick/afterclick/schemas/writer"
)

// base is when second 0 of the tests is.
var base = time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)

func second(n int) event.Time { return event.TimeOf(base.Add(time.Duration(n) * time.Second)) }

type click struct {
	typ string
	at  int // second
}

// database is an empty one with tables, and how to bring rows to it.
func database(t *testing.T) (clickhouse.Conn, func(*table.Batch)) {
	t.Helper()
	conn, options := localtest.ClickHouse(t)
	if _, err := migrate.Up(context.Background(), options); err != nil {
		t.Fatal(err)
	}
	w, err := writer.Open(writer.Config{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return conn, func(b *table.Batch) {
		t.Helper()
		if err := w.Insert(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
}

// visits makes a session of each unit's clicks, whose device is the unit's name.
func visits(b *table.Batch, units map[string][]click) {
	offset := int64(b.Events.Len())
	for name, clicks := range units {
		visitor := event.VisitorID(name)
		s := table.Session{Visitor: visitor, ID: uint64(b.Sessions.Len() + 1), Start: second(1 << 20), Device: name, Stage: table.Visit, Events: uint32(len(clicks))}
		for _, c := range clicks {
			offset++
			at := second(c.at)
			s.Start, s.End = min(s.Start, at), max(s.End, at)
			s.Exit = "/" + c.typ
			b.Events.Append(&table.Event{Topic: "clickstream", Offset: offset, Kind: event.Clickstream, Status: table.Accepted, Visitor: visitor,
				Header: event.Header{ID: event.ID(fmt.Sprint(offset)), Type: event.Type(c.typ), Time: at, Source: "web"}, URL: "https://shop.example/" + c.typ})
		}
		b.Sessions.Append(&s)
	}
}

func isType(types ...string) []queries.Condition {
	return []queries.Condition{{Field: "type", Is: types}}
}

// day asks over the day of second 0.
func day(f queries.Funnel) queries.Funnel {
	f.Since, f.Until = base.Truncate(24*time.Hour), base.Truncate(24*time.Hour).AddDate(0, 0, 2)
	f.Most = 100_000
	return f
}

// levels are the number of steps that each unit took, by its device.
func levels(t *testing.T, conn clickhouse.Conn, f queries.Funnel) map[string]int {
	t.Helper()
	f.By = "device"
	a, err := day(f).Ask(context.Background(), conn)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, g := range a.Groups {
		for _, s := range g.Steps {
			got[g.Value] += int(s.Reached)
		}
	}
	return got
}

// TestFunnelsConform holds funnels to what ClickHouse's windowFunnel says.
func TestFunnelsConform(t *testing.T) {
	raw, err := os.ReadFile(feedtest.Data(t, "conformance", "funnels.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		ID     string
		Window int
		Mode   string
		Steps  []string
		Events []struct {
			User, Event string
			TS          int
		}
		Expected map[string]int `json:"expected_max_step"`
	}
	if err := json.Unmarshal(raw, &cases); err != nil || len(cases) == 0 {
		t.Fatal(err, len(cases))
	}
	b := table.NewBatch()
	for _, c := range cases {
		units := map[string][]click{}
		for _, e := range c.Events {
			name := c.ID + " user " + e.User
			units[name] = append(units[name], click{e.Event, e.TS})
		}
		visits(b, units)
	}
	conn, insert := database(t)
	insert(b)
	for _, c := range cases {
		if c.Mode != "" {
			t.Fatalf("%s: mode %q is not known here", c.ID, c.Mode)
		}
		for _, over := range []queries.Over{queries.Sessions, queries.Visitors} {
			f := queries.Funnel{Over: over, Within: time.Duration(c.Window) * time.Second,
				Where: []queries.Condition{{Field: "device", Like: c.ID + " user %"}}}
			for _, s := range c.Steps {
				f.Steps = append(f.Steps, queries.FunnelStep{Where: isType(s)})
			}
			got := levels(t, conn, f)
			for user, want := range c.Expected {
				if n := got[c.ID+" user "+user]; n != want {
					t.Errorf("%s over %s: user %s got to %d, want %d", c.ID, over, user, n, want)
				}
			}
			if len(got) > len(c.Expected) {
				t.Errorf("%s over %s: %v, want %v", c.ID, over, got, c.Expected)
			}
		}
	}
}

// TestFunnels asks what testdata/funnels.txt says.
func TestFunnels(t *testing.T) {
	raw, err := os.ReadFile("testdata/funnels.txt")
	if err != nil {
		t.Fatal(err)
	}
	type unit struct {
		line  string
		times []string
	}
	type ask struct {
		funnel queries.Funnel
		units  map[string]unit
	}
	var asks []*ask
	b := table.NewBatch()
	all := map[string][]click{}
	for n, line := range strings.Split(string(raw), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		switch words[0] {
		case "steps":
			f := queries.Funnel{Over: queries.Sessions}
			for _, w := range words[1:] {
				types, limit, _ := strings.Cut(w, "<")
				s := queries.FunnelStep{Name: w, Where: isType(strings.Split(types, "|")...)}
				if limit != "" {
					s.Within = time.Duration(number(t, limit)) * time.Second
				}
				f.Steps = append(f.Steps, s)
			}
			asks = append(asks, &ask{f, map[string]unit{}})
		case "within":
			asks[len(asks)-1].funnel.Within = time.Duration(number(t, words[1])) * time.Second
		case "strict":
			asks[len(asks)-1].funnel.Strict = true
		default:
			name := fmt.Sprint("line ", n+1)
			then := slices.Index(words, "=>")
			for _, w := range words[:then] {
				typ, at, _ := strings.Cut(w, "@")
				all[name] = append(all[name], click{typ, number(t, at)})
			}
			asks[len(asks)-1].units[name] = unit{line, words[then+1:]}
		}
	}
	visits(b, all)
	conn, insert := database(t)
	insert(b)
	for _, a := range asks {
		a.funnel.By = "device"
		answer, err := day(a.funnel).Ask(context.Background(), conn)
		if err != nil {
			t.Fatal(err)
		}
		took := map[string][]queries.Reached{}
		for _, g := range answer.Groups {
			took[g.Value] = g.Steps
		}
		for name, u := range a.units {
			var want, got []string
			before := 0
			for i, s := range took[name] {
				if s.Reached == 1 && i > 0 {
					got = append(got, fmt.Sprint(s.Median))
				} else if s.Reached == 1 {
					got = append(got, "at it")
				}
			}
			for i, at := range u.times {
				now := number(t, at)
				if i == 0 {
					want = append(want, "at it")
				} else {
					want = append(want, fmt.Sprint(now-before))
				}
				before = now
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s\n got  %v\n want %v", name, u.line, got, want)
			}
		}
	}
}

func number(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFunnelsEqualReference: random clicks and funnels, against windowFunnel itself where it knows the question, and against a search
// through all ways to take the steps.
func TestFunnelsEqualReference(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	units := map[string][]click{}
	types := []string{"a", "b", "c", "d"}
	for n := range 400 {
		for range 1 + random.IntN(9) {
			c := click{types[random.IntN(len(types))], random.IntN(12)}
			if !slices.Contains(units[fmt.Sprint(n)], c) {
				units[fmt.Sprint(n)] = append(units[fmt.Sprint(n)], c)
			}
		}
	}
	b := table.NewBatch()
	visits(b, units)
	conn, insert := database(t)
	insert(b)
	seen := map[int]int{}
	for range 25 {
		f := queries.Funnel{Over: queries.Sessions, Within: time.Duration(random.IntN(12)) * time.Second, Strict: random.IntN(3) == 0}
		limits, conditions := false, []string(nil)
		for range 1 + random.IntN(4) {
			of := types[:1+random.IntN(2)]
			if random.IntN(2) == 0 {
				i := random.IntN(len(types))
				of = types[i : i+1]
			}
			s := queries.FunnelStep{Where: isType(of...)}
			if random.IntN(3) == 0 {
				s.Within = time.Duration(1+random.IntN(6)) * time.Second
				limits = true
			}
			f.Steps = append(f.Steps, s)
			conditions = append(conditions, "type IN ('"+strings.Join(of, "','")+"')")
		}
		got := levels(t, conn, f)
		for name, clicks := range units {
			want := reference(f, clicks)
			if seen[want]++; got[name] != want {
				t.Fatalf("%+v\n%v got to %d, want %d", f, clicks, got[name], want)
			}
		}
		if f.Strict || limits {
			continue
		}
		within := f.Within.Milliseconds()
		if within == 0 {
			within = 1 << 40
		}
		var rows []struct {
			Visitor string `ch:"visitor"`
			Level   uint8  `ch:"level"`
		}
		if err := conn.Select(context.Background(), &rows, fmt.Sprintf("SELECT visitor, windowFunnel(%d)(toUInt64(toUnixTimestamp64Milli(time)), %s) AS level FROM events GROUP BY visitor",
			within, strings.Join(conditions, ", "))); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if got[r.Visitor] != int(r.Level) {
				t.Fatalf("%+v\n%v got to %d, windowFunnel says %d", f, units[r.Visitor], got[r.Visitor], r.Level)
			}
		}
	}
	if len(seen) < 5 {
		t.Errorf("levels seen: %v", seen)
	}
}

// reference is the most steps that some way through the clicks takes.
func reference(f queries.Funnel, clicks []click) int {
	is := func(c click, i int) bool { return slices.Contains(f.Steps[i].Where[0].Is, c.typ) }
	within := func(since, at int, limit time.Duration) bool { return limit == 0 || at-since <= int(limit.Seconds()) }
	best := 0
	if !f.Strict {
		var search func(step, first, last int)
		search = func(step, first, last int) {
			if best = max(best, step); step == len(f.Steps) {
				return
			}
			for _, c := range clicks {
				if is(c, step) && (step == 0 || c.at >= last && within(first, c.at, f.Within) && within(last, c.at, f.Steps[step].Within)) {
					if step == 0 {
						search(1, c.at, c.at)
					} else {
						search(step+1, first, c.at)
					}
				}
			}
		}
		search(0, 0, 0)
		return best
	}
	steps := func(c click) (n []int) {
		for i := range f.Steps {
			if is(c, i) {
				n = append(n, i)
			}
		}
		return n
	}
	clicks = slices.Clone(clicks)
	slices.SortStableFunc(clicks, func(a, b click) int { // of one time, in the order of the steps that they may be
		if a.at != b.at {
			return a.at - b.at
		}
		return slices.Compare(steps(a), steps(b))
	})
	var chain []int
	for _, c := range clicks {
		n := len(chain)
		switch {
		case n < len(f.Steps) && is(c, n) && (n == 0 || within(chain[0], c.at, f.Within) && within(chain[n-1], c.at, f.Steps[n].Within)):
			chain = append(chain, c.at)
		case n > 0 && is(c, n-1):
			chain[n-1] = c.at
		case is(c, 0):
			chain = []int{c.at}
		default:
			chain = nil
		}
		best = max(best, len(chain))
	}
	return best
}

// TestFunnelOfStages: over visits and journeys, by dimensions, with exits; and what makes no sense is refused.
func TestFunnelOfStages(t *testing.T) {
	conn, insert := database(t)
	ctx := context.Background()
	at := func(hours int) event.Time { return second(hours * 3600) }
	month := event.TimeOf(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	b := table.NewBatch()
	for i, s := range []table.Session{
		{Device: "mobile", Exit: "/"},
		{Device: "mobile", Cart: at(1), Exit: "/cart"},
		{Device: "mobile", Cart: at(2), Order: at(1), Orders: []event.OrderID{"o3"}, Exit: "/thanks"}, // the cart came after
		{Device: "desktop", Cart: at(1), Order: at(2), Orders: []event.OrderID{"o1", "o2"}, Exit: "/thanks"},
		{Device: "desktop", Cart: at(1), Exit: "/faq"},
		{Device: "desktop", Bot: true, Cart: at(1), Exit: "/bot"},
		{Device: "desktop", Cart: at(1), Order: at(2), Orders: []event.OrderID{"o4"}, Exit: "/thanks"},
	} {
		s.Visitor, s.ID, s.Start, s.End, s.Stage = event.VisitorID(fmt.Sprint(i)), uint64(i+1), at(0), at(3), table.Visit
		b.Sessions.Append(&s)
	}
	for _, j := range []table.Journey{
		{Order: "o1", Placed: at(2), Shipped: at(26), Delivered: at(50), Reviewed: at(60), Carrier: "dhl"},
		{Order: "o2", Placed: at(2), Carrier: "ups"},
		{Order: "o3", Placed: at(1), Shipped: at(20), Carrier: "dhl"},
		{Order: "o4", Placed: at(2), Shipped: at(30), Delivered: at(29), Contact: at(31), Carrier: "dhl"}, // told in the wrong order
		{Order: "phone", Placed: at(5), Shipped: at(6), Contact: at(7), Delivered: at(8), Carrier: "ups"},
	} {
		j.Month = month
		b.Journeys.Append(&j)
	}
	insert(b)
	reached := func(f queries.Funnel) string {
		t.Helper()
		a, err := day(f).Ask(ctx, conn)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, g := range a.Groups {
			line := g.Value
			for _, s := range g.Steps {
				line += fmt.Sprintf(" %s %d (left %d, after %.0f s)", s.Name, s.Reached, s.Left, s.Median)
			}
			out = append(out, strings.TrimSpace(line))
		}
		return strings.Join(out, "; ")
	}
	stages := func(names ...string) (steps []queries.FunnelStep) {
		for _, n := range names {
			steps = append(steps, queries.FunnelStep{Stage: n})
		}
		return steps
	}
	for want, f := range map[string]queries.Funnel{
		"visit 6 (left 1, after 0 s) cart 5 (left 3, after 3600 s) order 2 (left 0, after 3600 s)": {Over: queries.Visits, Steps: stages("visit", "cart", "order")},
		"mobile visit 3 (left 1, after 0 s) cart 2 (left 0, after 5400 s); desktop visit 2 (left 0, after 0 s) cart 2 (left 0, after 3600 s)": {
			Over: queries.Visits, Steps: stages("visit", "cart"), By: "device", Where: []queries.Condition{{Field: "exit", Is: []string{"/faq"}, Not: true}, {Field: "exit", Like: "/%"}}},
		"visit 6 (left 3, after 0 s) order 3 (left 0, after 7200 s) ship 3 (left 2, after 86400 s) deliver 1 (left 0, after 86400 s) review 1 (left 0, after 36000 s)": {
			Over: queries.Visits, Steps: stages("visit", "order", "ship", "deliver", "review")},
		"order 5 (left 1, after 0 s) ship 4 (left 2, after 77400 s) deliver 2 (left 0, after 46800 s)": {Over: queries.Journeys, Steps: stages("order", "ship", "deliver")},
		"dhl order 3 (left 0, after 0 s) ship 3 (left 0, after 86400 s); ups order 2 (left 1, after 0 s) ship 1 (left 0, after 3600 s)": {
			Over: queries.Journeys, Steps: stages("order", "ship"), By: "carrier"},
		"order 5 (left 3, after 0 s) ship 2 (left 0, after 36000 s)": {Over: queries.Journeys, Steps: []queries.FunnelStep{{Stage: "order"}, {Stage: "ship", Within: 20 * time.Hour}}},
		// Of the one by phone somebody had asked before it came.
		"ship 4 (left 3, after 0 s) deliver 1 (left 0, after 86400 s)": {Over: queries.Journeys, Strict: true, Steps: stages("ship", "deliver")},
	} {
		if got := reached(f); got != want {
			t.Errorf("%+v\n got  %s\n want %s", f, got, want)
		}
	}
	exits, err := day(queries.Funnel{Over: queries.Visits, Steps: stages("visit", "cart", "order")}).Exits(ctx, conn, 2)
	if want := []queries.Exit{{"visit", "/", 1, 1}, {"cart", "/cart", 1, 2}, {"cart", "/faq", 1, 2}}; err != nil || !slices.Equal(exits, want) {
		t.Errorf("exits %+v, want %+v, %v", exits, want, err)
	}
	one := stages("visit")
	clicks := []queries.FunnelStep{{Where: isType("product")}}
	for what, f := range map[string]queries.Funnel{
		"1 to 32 steps":    {Over: queries.Visits},
		"not \"orders\"":   {Over: "orders", Steps: one},
		"stage \"nope\"":   {Over: queries.Visits, Steps: stages("nope")},
		"a step is a":      {Over: queries.Visits, Steps: clicks},
		"dimension":        {Over: queries.Visits, Steps: one, By: "device, 1); DROP TABLE stored_events"},
		"field \"a') OR\"": {Over: queries.Sessions, Steps: []queries.FunnelStep{{Where: []queries.Condition{{Field: "a') OR"}}}}},
		"neither a stage":  {Over: queries.Sessions, Steps: make([]queries.FunnelStep, 1)},
		"both values":      {Over: queries.Sessions, Steps: []queries.FunnelStep{{Where: []queries.Condition{{Field: "type", Is: []string{"a"}, Like: "b"}}}}},
		"negative":         {Over: queries.Sessions, Steps: clicks, Within: -1},
	} {
		if _, err := day(f).Ask(ctx, conn); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%+v: %v, want %q", f, err, what)
		}
	}
	if _, err := (queries.Funnel{Over: queries.Visits, Steps: one}).Ask(ctx, conn); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Error(err)
	}
}

// TestValuesAreBound: whatever is asked for is a value, and nothing but that.
func TestValuesAreBound(t *testing.T) {
	conn, insert := database(t)
	b := table.NewBatch()
	nasty := []string{"it's", `a\b`, "tab\there", "two\nlines", "') OR 1=1 --", "{p1:String}", "ß%_", `\N`, ""}
	for i, n := range nasty {
		id := event.VisitorID(fmt.Sprint(i))
		b.Sessions.Append(&table.Session{Visitor: id, ID: uint64(i + 1), Start: second(0), End: second(1), Stage: table.Visit, Landing: n})
		body, err := json.Marshal(map[string]any{"properties": map[string]string{n: n}})
		if err != nil {
			t.Fatal(err)
		}
		b.Events.Append(&table.Event{Topic: "clickstream", Offset: int64(i), Kind: event.Clickstream, Status: table.Accepted, Visitor: id,
			Header: event.Header{Type: "page", Time: second(0)}, Product: event.ProductID(n), Body: body})
	}
	insert(b)
	for _, n := range nasty {
		f := queries.Funnel{Over: queries.Sessions, Where: []queries.Condition{{Field: "landing", Is: []string{n}}}, Steps: []queries.FunnelStep{
			{Where: []queries.Condition{{Field: "product", Is: []string{n, "other"}}, {Field: "property." + n, Is: []string{n}}}}}}
		a, err := day(f).Ask(context.Background(), conn)
		if err != nil || len(a.Groups) != 1 || a.Groups[0].Steps[0].Reached != 1 {
			t.Errorf("%q: %+v, %v", n, a, err)
		}
	}
}
