package state

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// checkpointed fills a directory with a complete checkpoint, and changes a little after it.
func checkpointed(t *testing.T, dir string) *model {
	m := newModel(7)
	o := testOptions(t, m, nil, dir)
	o.Budget = nil
	s, _ := open(t, o)
	for range 5 {
		m.epoch(s, 3000, 2000)
		m.settle(t, s)
	}
	m.epoch(s, 3000, 100)
	s.Close()
	return m
}

// reopen restores as the engine does, and returns where from, and what was logged.
func (m *model) reopen(t *testing.T, o Options) (from int64, said string) {
	t.Helper()
	var log bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	s, from := open(t, o)
	defer s.Close()
	if !m.replay(s, from) {
		t.Fatalf("no position from %d on", from)
	}
	m.equal(t, s)
	// It must go on working as well.
	m.epoch(s, 3000, 10)
	m.settle(t, s)
	m.equal(t, s)
	return from, log.String()
}

func copyDir(t *testing.T, from string) string {
	to := filepath.Join(t.TempDir(), "p")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// Whatever happens to the files: never wrong states, and when the local store is not used, a reason.
func TestDamagedFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	m := checkpointed(t, dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	tables, noticed := 0, 0
	for _, entry := range entries {
		name := entry.Name()
		damages := map[string]func(path string, data []byte) error{
			"removed":   func(path string, _ []byte) error { return os.Remove(path) },
			"truncated": func(path string, b []byte) error { return os.WriteFile(path, b[:len(b)/2], 0o644) },
			"emptied":   func(path string, b []byte) error { return os.WriteFile(path, nil, 0o644) },
		}
		for i := range 12 {
			damages[fmt.Sprint("flipped-", i)] = func(path string, b []byte) error {
				if len(b) > 0 {
					b[r.IntN(len(b))] ^= 1 << r.IntN(8)
				}
				return os.WriteFile(path, b, 0o644)
			}
		}
		for what, damage := range damages {
			t.Run(name+" "+what, func(t *testing.T) {
				m := &model{r: m.r, log: m.log, next: m.next, states: m.states, cleared: m.cleared, mark: m.mark, now: m.now}
				m.states = map[string][]byte{}
				for k, v := range mStates(m.log) {
					m.states[k] = v
				}
				dir := copyDir(t, dir)
				path := filepath.Join(dir, name)
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := damage(path, data); err != nil {
					t.Fatal(err)
				}
				from, said := m.reopen(t, testOptions(t, m, nil, dir))
				if from == 0 && !strings.Contains(said, "why=") {
					t.Errorf("not used, but said only %q", said)
				}
				if strings.HasSuffix(name, ".sst") {
					tables++
					if from == 0 {
						noticed++
						t.Log(said)
					}
				}
			})
		}
	}
	if noticed < tables*9/10 {
		t.Errorf("damage of a table was noticed in %d of %d cases", noticed, tables)
	}
}

// mStates are the states that a changelog amounts to.
func mStates(log []record) map[string][]byte {
	states := map[string][]byte{}
	for _, rec := range log {
		switch {
		case rec.position:
		case rec.value == nil:
			delete(states, rec.key)
		default:
			states[rec.key] = rec.value
		}
	}
	return states
}

// A store that is whole but not to be believed.
func TestDoubt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	m := checkpointed(t, dir)
	for what, c := range map[string]struct {
		change func(o *Options)
		why    string
	}{
		"nothing":           {func(o *Options) {}, ""},
		"another topic id":  {func(o *Options) { o.Origin.TopicID = "other" }, "another topic or cluster"},
		"another cluster":   {func(o *Options) { o.Origin.Cluster = "other" }, "another topic or cluster"},
		"another partition": {func(o *Options) { o.Origin.Partition++ }, "another topic or cluster"},
		"no topic ids":      {func(o *Options) { o.Origin.TopicID = "" }, "gives topics no ids"},
		"too old":           {func(o *Options) { o.MaxAge = time.Nanosecond }, "old, over 1ns"},
		"retention unknown": {func(o *Options) { o.MaxAge = 0 }, "delete.retention.ms is not known"},
		"log begins later":  {func(o *Options) { o.First = m.next - 1 }, "the changelog begins at"},
		"log is shorter":    {func(o *Options) { o.End = 100 }, "the changelog ends at"},
		"newer states":      {func(o *Options) { o.Check = func(_, _ []byte) error { return fmt.Errorf("a newer state") } }, "a newer state"},
	} {
		t.Run(what, func(t *testing.T) {
			var log bytes.Buffer
			o := testOptions(t, m, nil, copyDir(t, dir))
			c.change(&o)
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
			s, from := open(t, o)
			defer s.Close()
			if (c.why == "") != (from > 0) || !strings.Contains(log.String(), c.why) {
				t.Errorf("reads on from %d, said %q, want %q", from, log.String(), c.why)
			}
			m.replay(s, from)
			m.equal(t, s)
		})
	}
}

// A mark of a newer format is not understood.
func TestNewerMark(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	m := checkpointed(t, dir)
	o := testOptions(t, m, nil, dir)
	s, _ := open(t, o)
	if err := s.disk.writeMarker(marker{Version: markerVersion + 1, Origin: o.Origin, Mark: m.mark}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if from, said := m.reopen(t, o); from != 0 || !strings.Contains(said, "newer version") {
		t.Errorf("reads on from %d, said %q", from, said)
	}
}

// Damage that is found while running makes the store useless, and the next one does not trust the directory.
func TestDamageWhileRunning(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	m := newModel(9)
	o := testOptions(t, m, nil, dir)
	o.Budget = NewBudget(1)
	s, _ := open(t, o)
	for range 20 {
		m.epoch(s, 100_000, 5000)
		m.settle(t, s)
	}
	if s.Away() < 50_000 {
		t.Fatalf("only %d states are away", s.Away())
	}
	tables, _ := filepath.Glob(filepath.Join(dir, "*.sst"))
	for _, path := range tables {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if os.IsNotExist(err) {
			continue // compacted away
		}
		if err != nil {
			t.Fatal(err)
		}
		size, _ := f.Seek(0, io.SeekEnd)
		for at := int64(0); at < size-16; at += 256 {
			f.WriteAt([]byte("damaged"), at)
		}
		f.Close()
	}
	read := 0
	for key := range m.states {
		if v, _ := s.Get([]byte(key)); s.Err() != nil {
			break
		} else if v == nil || !bytes.Equal(v[1:], m.states[key][1:]) {
			t.Fatalf("%s is wrong, and no error", key)
		}
		read++
	}
	if s.Err() == nil {
		t.Fatal("no error")
	}
	t.Logf("after %d states: %v", read, s.Err())
	if err := s.Step(m.now, m.mark); err == nil {
		t.Error("Step goes on")
	}
	s.Close()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
	m.reopen(t, testOptions(t, m, nil, dir))
}

// A disk that cannot be written any more stops nothing as long as memory has everything; else the lane must begin anew.
func TestDiskFull(t *testing.T) {
	for _, c := range []struct {
		what string
		path string
		kind errorfs.OpKind
		away bool
	}{
		{"a table, all in memory", "slice.tmp", errorfs.OpFileWrite, false},
		{"a table, some away", "slice.tmp", errorfs.OpFileWrite, true},
		{"the manifest, all in memory", "MANIFEST", errorfs.OpFileSync, false},
		{"the manifest, some away", "MANIFEST", errorfs.OpFileSync, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			m := newModel(3)
			var full atomic.Bool
			inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
				if full.Load() && strings.Contains(op.Path, c.path) && op.Kind == c.kind {
					return errorfs.ErrInjected
				}
				return nil
			})
			dir := filepath.Join(t.TempDir(), "p")
			o := testOptions(t, m, errorfs.Wrap(vfs.Default, inject), dir)
			if !c.away {
				o.Budget = nil
			}
			s, _ := open(t, o)
			m.epoch(s, 20_000, 30_000)
			m.settle(t, s)
			if (s.Away() > 0) != c.away {
				t.Fatalf("%d states are away", s.Away())
			}
			full.Store(true)
			m.epoch(s, 20_000, 10_000)
			var err error
			for i := 0; i < 100 && err == nil && s.disk != nil; i++ {
				m.now = m.now.Add(time.Second)
				err = s.Step(m.now, m.mark)
				wait(s)
			}
			switch {
			case c.away && err == nil:
				t.Fatal("no error")
			case !c.away && (err != nil || s.disk != nil):
				t.Fatalf("error %v, or still writing", err)
			case !c.away:
				m.equal(t, s)
				m.epoch(s, 20_000, 1000)
				m.equal(t, s)
			}
			s.Close()
			full.Store(false)
			m.reopen(t, testOptions(t, m, nil, filepath.Join(t.TempDir(), "q")))
		})
	}
}
