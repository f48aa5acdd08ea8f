// Package feedtest helps to test what makes records.
package feedtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/schemas/event"
)

// Data is the path of data from outside, which stands beside the repository as shared/data. Without it the test is skipped.
func Data(t testing.TB, name ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		path := filepath.Join(append([]string{dir, "shared", "data"}, name...)...)
		if _, err := os.Stat(path); err == nil {
			return path
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skipf("shared/data is not here")
		}
		dir = up
	}
}

// Read decodes and validates all records of a stream and checks that they are in order and have the right keys.
func Read(t testing.TB, records feed.Stream) []event.Event {
	t.Helper()
	var all []event.Event
	var last event.Time
	ids := map[event.ID]bool{}
	for r := range records {
		var d decode.Decoder // of its own, as are the bytes: the events are kept
		e, err := d.Decode(r.Topic, append([]byte(nil), r.Value...))
		if err == nil {
			err = e.Validate(event.DefaultRules, r.Arrival)
		}
		if err != nil {
			t.Fatalf("%v in %s", err, r.Value)
		}
		h := e.Header()
		if h.Time != r.Time || r.Arrival < last {
			t.Fatalf("happened %s, arrived %s after %s: %s", r.Time, r.Arrival, last, r.Value)
		}
		last = r.Arrival
		key := e.Key()
		if r.Topic != event.Clickstream {
			key = key[2:] // without the kind of the state
		}
		if string(r.Key) != key {
			t.Fatalf("key %q, want %q", r.Key, key)
		}
		if ids[h.ID] {
			t.Fatalf("id %s came twice", h.ID)
		}
		ids[h.ID] = true
		all = append(all, *e)
	}
	return all
}
