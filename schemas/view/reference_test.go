package view_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/schemas/view"
)

// relation says which column of one view finds rows of another. many says that a row may find several.
type relation struct {
	from, column string
	to, key      string
	many         bool
	says         string
}

// relations are the lines of the entity picture.
var relations = []relation{
	{"sessions", "visitor", "events", "visitor", true, "clicks"},
	{"identities", "visitor", "sessions", "visitor", true, "is known as"},
	{"known_sessions", "id", "sessions", "id", false, "with the person behind"},
	{"sightings", "visitor", "known_sessions", "visitor", true, "tell who"},
	{"journeys", "touches.session", "sessions", "id", true, "was touched by"},
	{"journeys", "order", "events", "order", true, "is made of"},
	{"journeys", "order", "reviews", "order", true, "is judged by"},
	{"promises", "order", "journeys", "order", false, "was it kept"},
	{"delays", "order", "journeys", "order", false, "whose part was it"},
	{"returns", "order", "journeys", "order", false, "what came back"},
	{"cases", "review", "reviews", "review", false, "the negative ones"},
	{"review_orders", "review", "reviews", "review", false, "about which order"},
	{"customer_orders", "order", "journeys", "order", false, "one after the other"},
	{"customers", "customer", "customer_orders", "customer", true, "ordered"},
	{"dead_letters", "topic", "ledger", "topic", true, "are counted in"},
	{"events", "topic", "ledger", "topic", true, "are counted in"},
}

// groups are the sections of the page, in the order in which somebody new would read them.
var groups = []struct {
	title, about string
	names        []string
}{
	{"Facts", "One row for each thing that happened or exists.", []string{"sessions", "journeys", "reviews", "events", "identities"}},
	{"Aggregates", "Counts by quarter-hour (UTC), computed again whenever a row behind them changes. Sum them; never average an average.",
		[]string{"funnel", "delivery", "reputation"}},
	{"Views that answer", "Computed when asked, so that what depends on the present is true now.", nil}, // all others
	{"Bookkeeping", "What was refused, the receipt, and which past days moved.", []string{"dead_letters", "ledger", "restatements"}},
}

// TestReference holds the page on tables to the comments that ClickHouse has, too.
func TestReference(t *testing.T) {
	const file = "../README.md"
	got := reference(t)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || got != string(want) {
		t.Errorf("%s is not what the views say now (go test -update writes it): %v", file, err)
	}
}

func reference(t *testing.T) string {
	views := map[string]view.View{}
	var names, named []string
	for _, v := range view.Views() {
		views[v.Name] = v
		names = append(names, v.Name)
	}
	for _, g := range groups {
		named = append(named, g.names...)
	}
	var b strings.Builder
	b.WriteString(`# What can be asked

The views of the database, from their own comments, which every SQL client shows as well (` + "`DESCRIBE TABLE sessions`" + `). Each shows
every row once, in its latest version; times are UTC, and what never happened is NULL. [Examples, with their answers](examples/README.md).

Filter by the column that a table is sorted by (` + "`start`, `time`, `month`, `bucket`" + `): then only those days are read. The tables
behind the views are called ` + "`stored_…`" + `; they hold older versions of rows too, and are the pipeline's own.

`)
	b.WriteString("```mermaid\nerDiagram\n")
	for _, r := range relations {
		for _, end := range [][2]string{{r.from, r.column}, {r.to, r.key}} {
			if !slices.ContainsFunc(views[end[0]].Columns, func(c view.Column) bool { return c.Name == end[1] }) {
				t.Errorf("the picture has %s.%s, which is not there", end[0], end[1])
			}
		}
		line := "||--||"
		if r.many {
			line = "||--o{"
		}
		fmt.Fprintf(&b, "    %s %s %s : %q\n", r.from, line, r.to, r.says)
	}
	b.WriteString("```\n")
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", g.title, g.about)
		if g.names == nil {
			g.names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(named, n) })
		}
		for _, name := range g.names {
			v, ok := views[name]
			if !ok {
				t.Fatalf("the page names %s, which is not there", name)
			}
			fmt.Fprintf(&b, "\n### %s\n\n%s\n", name, cellText(v.Comment))
			if len(v.Columns) == 0 {
				continue
			}
			b.WriteString("\n| column | type | |\n| --- | --- | --- |\n")
			for _, c := range v.Columns {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, cellText(plainType(c.Type)), cellText(c.Comment))
			}
		}
	}
	return b.String()
}

// plainType leaves out what only the engine cares for.
func plainType(s string) string {
	s = strings.ReplaceAll(s, "DateTime64(3, 'UTC')", "DateTime64")
	s = strings.ReplaceAll(s, "LowCardinality(String)", "String")
	if strings.HasPrefix(s, "Enum8(") {
		return "Enum8"
	}
	return s
}

func cellText(s string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "{", "\\{").Replace(s)
}
