package processors

import (
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/schemas/event"
)

var update = flag.Bool("update", false, "rewrite the drawing")

func TestFlow(t *testing.T) {
	if err := Flow.Validate(); err != nil {
		t.Fatal(err)
	}
	const file = "testdata/topology.mmd"
	got := Flow.Mermaid()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the drawing in %s is another one (-update rewrites it):\n%s", file, got)
	}
}

func TestValidate(t *testing.T) {
	f := func(want string, change func(*Topology)) {
		t.Helper()
		c := Topology{Logs: slices.Clone(Flow.Logs), Machines: slices.Clone(Flow.Machines), Cells: slices.Clone(Flow.Cells)}
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	f("no log carries clickstream", func(t *Topology) { t.Logs[0].Carries = nil })
	f("carried by the logs", func(t *Topology) { t.Logs[0].Carries = []event.Topic{event.Clickstream, event.Orders} })
	f("a name of its own", func(t *Topology) { t.Logs[1].Name = "clicks" })
	f("has another reader", func(t *Topology) { t.Machines[1].Reads = "clicks" })
	f("nobody reads the log journeys", func(t *Topology) { t.Machines = t.Machines[:1] })
	f("writes nothing", func(t *Topology) { t.Machines[1].Writes = nil })
	f("is written by", func(t *Topology) { t.Machines[1].Writes = []string{"sessions"} })
	f("come from outside", func(t *Topology) { t.Machines[0].Says = []event.Topic{event.Orders} })
	f("not after it", func(t *Topology) { t.Machines[1].Says = []event.Topic{event.Touches} })
	f("which nobody says", func(t *Topology) { t.Machines[0].Says = nil })
	f("no machine writes", func(t *Topology) { t.Cells = []Cell{{Name: "x", Of: []string{"y"}}} })
	f("made of nothing", func(t *Topology) { t.Cells = []Cell{{Name: "x"}} })
}

// TestPure: processors do no I/O. What the packages import (tests aside) is the proof.
func TestPure(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./session", "./journey", "./enrich", "./compact", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		for _, path := range fields[1:] {
			switch {
			case slices.Contains([]string{"os", "io", "net", "net/http", "log", "log/slog", "sync", "context", "math/rand", "math/rand/v2"}, path),
				strings.Contains(path, "afterclick/ingest"), strings.Contains(path, "afterclick/deploy"):
				t.Errorf("%s imports %s", fields[0], path)
			}
		}
	}
}
