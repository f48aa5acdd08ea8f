package session_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/processors/session"
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
		meaning, err := session.Dump(state)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "session: a state") {
				t.Fatalf("%x: %v", state, err)
			}
			return
		}
		m, err := session.New(session.Default)
		if err != nil {
			t.Fatal(err)
		}
		var out flow.Output
		click := &event.Event{Topic: event.Clickstream, Click: &event.Click{Header: event.Header{ID: "new", Type: event.CheckoutCompleted, Time: day,
			Source: "web"}, Visitor: "v", Customer: "ann", Order: "o9", URL: "https://shop.example/"}}
		before := bytes.Clone(state)
		next, _ := m.Apply(state, click, flow.At{Revision: 1 << 40}, &out)
		settled, _ := m.Settle(bytes.Clone(next), true, &out)
		if _, err := session.Dump(settled); err != nil {
			t.Fatalf("%x\n%s\nbecame %x: %v", state, meaning, settled, err)
		}
		if !bytes.Equal(before, state) {
			t.Fatalf("%x was changed", before)
		}
	})
}
