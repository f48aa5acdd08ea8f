package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options say where a local store is and what may be believed of it.
type Options struct {
	Dir    string // of this partition alone
	Origin Origin
	// First and End are the offsets of the changelog's first record and of the next one to be written.
	First, End int64
	// MaxAge: when a mark is older, compaction may have removed deletions that came after it. 0 believes no mark.
	MaxAge time.Duration
	Every  time.Duration // between the beginnings of checkpoints
	Budget *Budget
	// Check sees every value that the local store has, and refuses those that are damaged, or from a newer version.
	Check func(key, value []byte) error
	Log   *slog.Logger

	fs    vfs.FS // for tests; nil: the operating system's
	slice int    // bytes, for tests
}

// closeWait is how long Open waits for the directory's present owner.
const closeWait = 10 * time.Second

// Open returns the states that the local store has, and where in the changelog to read on: 0 if from its start. It throws away what it has
// any doubt about, says why, and begins with an empty one; if there can be no local store at all, it returns one in memory.
// It fails only when ctx ends. The store must be closed.
func Open(ctx context.Context, o Options) (s *Store, from int64, err error) {
	if o.fs == nil {
		o.fs = vfs.Default
	}
	if o.slice == 0 {
		o.slice = sliceBytes
	}
	s = &Store{budget: o.Budget}
	s.clear(0)
	wait, cancel := context.WithTimeout(ctx, closeWait)
	defer cancel()
	if err := claim(wait, o.Dir); err != nil {
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		o.Log.Error("no local store: another lane does not let go of it", "dir", o.Dir, "waited", closeWait)
		return s, 0, nil
	}
	// A doubt at the first attempt removes the directory. The second begins with an empty one.
	for attempt := range 2 {
		s.disk = &disk{dir: o.Dir, fs: o.fs, log: o.Log, checkpoint: checkpoint{every: o.Every, most: o.slice, origin: o.Origin, gone: map[uint64]uint32{}}}
		var m *marker
		var doubt error
		if m, doubt = s.disk.open(&o); doubt == nil && m == nil {
			return s, 0, nil
		}
		if doubt == nil {
			s.clear(m.States)
			if doubt = s.load(ctx, &o, m); doubt == nil {
				return s, m.Mark.Offset, nil
			}
		}
		s.clear(0)
		s.disk.close(ctx.Err() != nil)
		if ctx.Err() != nil {
			unclaim(o.Dir)
			return nil, 0, ctx.Err()
		}
		if attempt == 0 {
			level := slog.LevelWarn
			if errors.Is(doubt, errUnfinished) {
				level = slog.LevelInfo // as after any stop within the first checkpoint
			}
			o.Log.Log(ctx, level, "local store thrown away, reading the whole changelog instead", "dir", o.Dir, "why", doubt)
		} else {
			o.Log.Error("no local store", "dir", o.Dir, "why", doubt)
		}
	}
	unclaim(o.Dir)
	s.disk = nil
	return s, 0, nil
}

// open opens the directory. No marker and no doubt: it is new.
func (d *disk) open(o *Options) (*marker, error) {
	if err := d.fs.MkdirAll(d.dir, 0o755); err != nil {
		return nil, err
	}
	files, err := d.fs.List(d.dir)
	if err != nil {
		return nil, err
	}
	if err := d.openPebble(); err != nil {
		return nil, fmt.Errorf("open it: %w", err)
	}
	if len(files) == 0 {
		return nil, nil
	}
	m, err := d.readMarker()
	if err != nil || m == nil {
		return nil, err
	}
	if err := m.usable(o, time.Now()); err != nil {
		return nil, err
	}
	return m, nil
}

// usable says what is wrong with a marker.
func (m *marker) usable(o *Options, now time.Time) error {
	switch age := now.Sub(m.Mark.At); {
	case m.Version > markerVersion:
		return fmt.Errorf("it was written by a newer version of Afterclick (format %d, this one knows %d)", m.Version, markerVersion)
	case m.Version < 1:
		return errors.New("its mark is damaged")
	case o.Origin.TopicID == "":
		return errors.New("the broker gives topics no ids, so it cannot be told whether it is this topic's")
	case m.Origin != o.Origin:
		return fmt.Errorf("it belongs to another topic or cluster: it is of %+v, wanted %+v", m.Origin, o.Origin)
	case m.Mark.Offset < o.First:
		return fmt.Errorf("the changelog begins at offset %d, after its mark %d", o.First, m.Mark.Offset)
	case m.Mark.Offset >= o.End:
		return fmt.Errorf("the changelog ends at offset %d, before its mark %d", o.End, m.Mark.Offset)
	case o.MaxAge <= 0:
		return errors.New("the topic's delete.retention.ms is not known, so deletions may be gone from the changelog")
	case age > o.MaxAge:
		return fmt.Errorf("its mark is %v old, over %v: deletions may be gone from the changelog", age.Round(time.Second), o.MaxAge)
	case age < -time.Minute:
		return fmt.Errorf("its mark is from %v in the future: the clock was changed", (-age).Round(time.Second))
	}
	return nil
}

// errUnfinished: the process stopped before the first checkpoint was complete.
var errUnfinished = errors.New("it has no complete checkpoint yet")

// readMarker returns nil if there is none and no state either.
func (d *disk) readMarker() (*marker, error) {
	b, closer, err := d.db.Get(markKey)
	if errors.Is(err, pebble.ErrNotFound) {
		_, err := d.each(context.Background(), func(uint64, stored) error { return errUnfinished })
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("read its mark: %w", err)
	}
	defer closer.Close()
	m := &marker{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("read its mark %.200q: %w", b, err)
	}
	return m, nil
}

// load reads the states into memory, and where that is full, only into the index.
func (s *Store) load(ctx context.Context, o *Options, m *marker) error {
	d := s.disk
	return guard(func() error {
		newest, err := d.each(ctx, func(hash uint64, st stored) error {
			if o.Check != nil {
				if err := o.Check(st.key, st.value); err != nil {
					return err
				}
			}
			d.total.replace(0, st.sum)
			if s.budget.over() {
				s.index[hash] = onDisk
				s.away++
			} else {
				loc := s.append(hash, st.key, st.value, st.expires)
				s.at(loc).setStored(st.sum)
				s.index[hash] = loc
			}
			s.expiry.note(hash, 0, st.expires)
			return nil
		})
		d.total.slices = newest.slices
		switch {
		case err != nil:
			return err
		case newest.slices < m.Slices:
			return fmt.Errorf("its mark was made after %d slices, but only %d are there", m.Slices, newest.slices)
		case d.total != newest:
			return fmt.Errorf("its states add up to %+v instead of %+v: files are missing or damaged", d.total, newest)
		}
		return nil
	})
}

// Distrust makes Close remove the local store.
func (s *Store) Distrust(why error) {
	if s.disk != nil {
		s.disk.log.Warn("local store thrown away, reading the whole changelog instead", "dir", s.disk.dir, "why", why)
		s.disk.fail(why)
	}
}

// Close gives up memory and local store; what was changed since the last checkpoint is for the changelog to give back. The
// directory is removed if it cannot be trusted. The store must not be used any more.
func (s *Store) Close() {
	d := s.disk
	if s.err != nil && d != nil {
		d.fail(s.err)
	}
	s.clear(0)
	s.disk = nil
	if d != nil {
		d.close(true)
		unclaim(d.dir)
	}
}
