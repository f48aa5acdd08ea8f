package state

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/afterclick/afterclick/schemas/event"
)

var update = flag.Bool("update", false, "make the local store of this version, if there is none")

// TestVersions: local stores that older versions left, in testdata/v*, are opened by this one, and gone on from. -update makes that of this
// version if it is not there; it never changes one.
func TestVersions(t *testing.T) {
	kept := map[string]string{}
	for i := range 5 {
		kept[fmt.Sprintf("visitor-%d", i)] = fmt.Sprintf("state %d", i)
	}
	options := func(dir string) Options {
		o := testOptions(t, newModel(1), nil, dir)
		o.End, o.Budget, o.MaxAge = 100, nil, 100*365*24*time.Hour
		return o
	}
	now := filepath.Join("testdata", fmt.Sprintf("v%d", markerVersion))
	if _, err := os.Stat(now); *update && os.IsNotExist(err) {
		dir := filepath.Join(t.TempDir(), "p")
		s, _ := open(t, options(dir))
		for k, v := range kept {
			s.Put([]byte(k), []byte(v), event.Time(1772355600000))
		}
		m := &model{mark: Mark{Offset: 42, At: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}, now: time.Now()}
		m.settle(t, s)
		s.Close()
		if err := os.CopyFS(now, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	}
	for v := 1; v <= markerVersion; v++ {
		dir := copyDir(t, filepath.Join("testdata", fmt.Sprintf("v%d", v)))
		s, from := open(t, options(dir))
		if from != 42 || s.Len() != len(kept) {
			t.Fatalf("version %d: goes on from %d with %d states, want 42 and %d", v, from, s.Len(), len(kept))
		}
		for k, want := range kept {
			if got, expires := s.Get([]byte(k)); string(got) != want || expires != 1772355600000 {
				t.Errorf("version %d: %s is %q until %d", v, k, got, expires)
			}
		}
		s.Put([]byte("visitor-9"), []byte("new"), 1772355600000)
		s.Delete([]byte("visitor-0"))
		m := &model{mark: Mark{Offset: 50, At: time.Now()}, now: time.Now()}
		m.settle(t, s)
		s.Close()
		if s, from = open(t, options(dir)); from != 50 || s.Len() != len(kept) {
			t.Errorf("version %d: after a change it goes on from %d with %d states", v, from, s.Len())
		}
		s.Close()
	}
}

// FuzzStored: what Pebble gives back is a state under its own hash, or refused. (That it is the state which was written is for the
// totals to say.)
func FuzzStored(f *testing.F) {
	s := New()
	s.Put([]byte("ann"), []byte("state"), 1772355600000)
	_, e := s.find(Hash([]byte("ann")))
	f.Add(Hash([]byte("ann")), appendStored(nil, e))
	f.Add(Hash(nil), make([]byte, storedHeader))
	f.Add(uint64(0), total{1, 2, 3}.append(nil))
	f.Add(uint64(0), []byte{0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, hash uint64, b []byte) {
		if st, err := parseStored(hash, b); err == nil {
			s := New()
			s.Put(st.key, st.value, st.expires)
			_, e := s.find(hash)
			if e == nil || !bytes.Equal(appendStored(nil, e), b) {
				t.Fatalf("%x was read as the state of %q and is written otherwise", b, st.key)
			}
		}
		if x, err := parseTotal(b); err == nil && !bytes.Equal(x.append(nil), b) {
			t.Fatalf("%x was read as %+v", b, x)
		}
		var m marker
		if json.Unmarshal(b, &m) == nil {
			if err := m.usable(&Options{Origin: Origin{TopicID: "id"}, End: 100, MaxAge: time.Hour}, time.Now()); err == nil && (m.Version < 1 || m.Mark.Offset < 0 || m.Origin.TopicID != "id") {
				t.Fatalf("%s is trusted", b)
			}
		}
	})
}
