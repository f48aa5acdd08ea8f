package trial

import (
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/schemas/table"
)

// States holds a machine to the states that are kept in Kafka and on disks out there: every testdata/states/*.txt has one as some
// version wrote it, and this version must read it as it was meant and go on from it. A file has sections:
//
//	==== events      a scenario (see Scenarios, without what comes out) that ends with one state
//	==== state       that state as it was written when the file was made, in hexadecimal
//	==== meaning     the state as dump tells it
//	==== then        more of the scenario
//	==== rows        what comes of that, with what was held back
//
// -update makes the sections that are not there, and rewrites rows. It never rewrites state and meaning: whoever changes how states
// are encoded adds a file with nothing but events and then. meaning must be without fields that have no value, so that a field which
// is new does not show in what was written before it.
func States(t *testing.T, machine func(settings map[string]string) (Machine, error), dump func(state []byte) (string, error)) {
	files, err := filepath.Glob("testdata/states/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no states in testdata/states", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			k, err := parseKept(string(raw))
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := k.complete(machine, dump); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(k.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			state, err := k.bytes()
			if err != nil {
				t.Fatal(err)
			}
			meaning, err := dump(state)
			if err != nil {
				t.Fatal(err)
			}
			if meaning != k.meaning {
				t.Errorf("%s: the state is read as something else:\n%s", file, firstDifference(k.meaning, meaning))
			}
			rows, err := k.goOn(machine, state)
			if err != nil {
				t.Fatal(err)
			}
			if rows != k.rows {
				t.Errorf("%s: something else comes of it (-update rewrites the rows):\n%s", file, firstDifference(k.rows, rows))
			}
		})
	}
}

// KeptStates are the states of testdata/states, as seeds of a fuzz target.
func KeptStates(t testing.TB) (states [][]byte) {
	files, err := filepath.Glob("testdata/states/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no states in testdata/states", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		k, err := parseKept(string(raw))
		if err != nil {
			t.Fatal(err)
		}
		b, err := k.bytes()
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, b)
	}
	return states
}

// kept is a file of States.
type kept struct{ events, state, meaning, then, rows string }

func (k *kept) sections() []struct {
	name string
	text *string
} {
	return []struct {
		name string
		text *string
	}{{"events", &k.events}, {"state", &k.state}, {"meaning", &k.meaning}, {"then", &k.then}, {"rows", &k.rows}}
}

func parseKept(text string) (k kept, err error) {
	for part := range strings.SplitSeq("\n"+text, "\n==== ") {
		name, body, _ := strings.Cut(part, "\n")
		found := part == "" || part == "\n"
		for _, s := range k.sections() {
			if s.name == name {
				*s.text, found = strings.TrimLeft(strings.TrimSpace(body)+"\n", "\n"), true
			}
		}
		if !found {
			return k, fmt.Errorf("no section is called %q", name)
		}
	}
	return k, nil
}

func (k *kept) String() string {
	var b strings.Builder
	for _, s := range k.sections() {
		fmt.Fprintf(&b, "==== %s\n%s", s.name, *s.text)
	}
	return b.String()
}

func (k *kept) bytes() ([]byte, error) {
	return hex.DecodeString(strings.Join(strings.Fields(k.state), ""))
}

// complete makes the sections that are not there.
func (k *kept) complete(machine func(map[string]string) (Machine, error), dump func([]byte) (string, error)) error {
	if k.state == "" {
		_, run, err := play(k.events, machine)
		if err != nil {
			return err
		}
		if len(run.States) != 1 {
			return fmt.Errorf("the events end with %d states, want one", len(run.States))
		}
		for _, e := range run.States {
			k.state = lines(hex.EncodeToString(e.State), 128)
		}
	}
	state, err := k.bytes()
	if err != nil {
		return err
	}
	if k.meaning == "" {
		if k.meaning, err = dump(state); err != nil {
			return err
		}
	}
	k.rows, err = k.goOn(machine, state)
	return err
}

// goOn gives the state to a machine, with what comes then.
func (k *kept) goOn(machine func(map[string]string) (Machine, error), state []byte) (string, error) {
	_, before, err := play(k.events, machine)
	if err != nil {
		return "", err
	}
	var settings strings.Builder
	for l := range strings.Lines(k.events) {
		if strings.HasPrefix(l, "set ") {
			settings.WriteString(l)
		}
	}
	_, then, err := play(settings.String()+k.then, machine)
	if err != nil {
		return "", err
	}
	m := then.Machine
	run := New(m, append(make([]Record, before.Next), then.Log...))
	run.Next = before.Next
	run.Statuses = make([]table.Status, len(run.Log))
	for _, key := range slices.Collect(maps.Keys(before.States)) {
		_, settled := m.Settle(state, false, &run.Output)
		run.States[key] = Entry{state, settled}
	}
	if err := run.Epoch(len(then.Log), true); err != nil {
		return "", err
	}
	var out strings.Builder
	for _, s := range run.Statuses[before.Next:] {
		if s != table.Accepted {
			fmt.Fprintf(&out, "%s\n", s)
		}
	}
	writeOutput(&out, &run.Output)
	if err := run.Force(); err != nil {
		return "", err
	}
	writeOutput(&out, &run.Output)
	return out.String(), nil
}

func lines(s string, width int) string {
	var b strings.Builder
	for ; len(s) > width; s = s[width:] {
		b.WriteString(s[:width] + "\n")
	}
	return b.String() + s + "\n"
}
