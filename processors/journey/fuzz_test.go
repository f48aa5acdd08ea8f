package journey_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/processors/journey"
	"github.com/afterclick/afterclick/processors/trial"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
)

// FuzzState: whatever the bytes of a state, it is refused with a word on it, or the machine goes on from it without a panic and says
// what it can read again.
func FuzzState(f *testing.F) {
	for _, s := range trial.KeptStates(f) {
		f.Add(s)
		f.Add(s[:len(s)/2])
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		meaning, err := journey.Dump(state)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "journey: a state") {
				t.Fatalf("%x: %v", state, err)
			}
			return
		}
		m, err := journey.New(journey.Default)
		if err != nil {
			t.Fatal(err)
		}
		var out flow.Output
		review := &event.Event{Topic: event.Reviews, Review: &event.Review{Header: event.Header{ID: "new", Type: event.Posted, Time: start,
			Source: "web"}, Review: "r9", Order: "o", Rating: 1, Text: "late", Subjects: []event.Subject{{Kind: event.SubjectShop, ID: "s"}}}}
		before := bytes.Clone(state)
		next, _ := m.Apply(state, review, flow.At{Revision: 1 << 40}, &out)
		settled, _ := m.Settle(bytes.Clone(next), true, &out)
		if _, err := journey.Dump(settled); err != nil {
			t.Fatalf("%x\n%s\nbecame %x: %v", state, meaning, settled, err)
		}
		if !bytes.Equal(before, state) {
			t.Fatalf("%x was changed", before)
		}
	})
}
