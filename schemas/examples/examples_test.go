package examples_test

import (
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/deploy/command"
	"github.com/afterclick/afterclick/schemas/examples"
)

var update = flag.Bool("update", false, "rewrite README.md with today's answers")

// TestExamples runs every example against the demo, as a person would, and holds the answers to those in README.md.
func TestExamples(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) string {
		var out, errs bytes.Buffer
		if code := command.Run(t.Context(), args, nil, strings.NewReader(""), &out, &errs); code != 0 {
			t.Fatalf("afterclick %q: %s", args, errs.String())
		}
		return out.String()
	}
	demo := []string{"demo", "--once", "--start", "2026-03-01", "--days", "30", "--visits", "1000", "--data", dir}
	run(demo...)
	const file = "README.md"
	old, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Questions worth asking\n\n%d of them, with what they answer in the demo's shop (`afterclick %s`). "+
		"Run one by its name, or change it:\n\n```\nafterclick sql --example %s --data shop\n```\n\n[What each table and column means](../README.md).\n",
		len(examples.All), strings.Join(demo[:len(demo)-1], " ")+" shop", examples.All[0].Name)
	for _, e := range examples.All {
		answer := run("sql", "--example", e.Name, "--data", dir, "--format", "csv")
		head := fmt.Sprintf("\n## %s\n\n%s\n\n```sql\n-- %s\n%s\n```\n\n", e.Title, e.About, e.Name, e.SQL)
		rows, n := markdown(t, answer)
		moving := strings.Contains(e.About, examples.Moving)
		if n == 0 && e.Name != "what_was_refused" {
			t.Errorf("%s has no answer", e.Name)
		}
		if !moving && !*update && !strings.Contains(string(old), head+rows) {
			t.Errorf("%s: the answer is not in README.md (go test -update writes it):\n%s", e.Name, rows)
		}
		b.WriteString(head + rows)
	}
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// markdown makes a table of an answer and says how many rows it has.
func markdown(t *testing.T, answer string) (string, int) {
	rows, err := csv.NewReader(strings.NewReader(answer)).ReadAll()
	if err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	if len(rows) < 2 {
		return "(nothing)\n", 0
	}
	var b strings.Builder
	for i, row := range rows {
		for j := range row {
			row[j] = strings.NewReplacer("|", "\\|", "\n", " ").Replace(row[j])
		}
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("| --- ", len(row)) + "|\n")
		}
	}
	return b.String(), len(rows) - 1
}

// TestNames: what somebody types is found, and nothing else.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range examples.All {
		if got, ok := examples.Find(e.Name); !ok || got.SQL != e.SQL || seen[e.Name] {
			t.Errorf("%s is there twice, or not found", e.Name)
		}
		seen[e.Name] = true
	}
	if _, ok := examples.Find("nope"); ok {
		t.Error("found what is not there")
	}
}
