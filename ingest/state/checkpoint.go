package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Mark is a place in the changelog.
type Mark struct {
	// Offset is that of a committed @position record. It is read again by a restore, so that there always is one.
	Offset int64 `json:"offset"`
	// At is the wall clock when nothing after Offset had been written yet.
	At time.Time `json:"at"`
}

// Origin names the changelog whose states a local store caches.
type Origin struct {
	Cluster   string `json:"cluster"`
	Topic     string `json:"topic"`
	TopicID   string `json:"topic_id"`
	Partition int32  `json:"partition"`
}

// A marker stands on disk and says: every state as of Mark, or newer, is here.
type marker struct {
	Version int    `json:"version"`
	Origin  Origin `json:"origin"`
	Mark    Mark   `json:"mark"`
	Slices  uint64 `json:"slices"` // written when it was made
	States  int    `json:"states"` // about so many
}

const markerVersion = 1

// A checkpoint is fuzzy: it writes what changed before its mark, each state as it is when its turn comes, a slice of them in each
// step. That is right because the changelog holds whole states and not differences: read from the mark on, it puts right what
// was written too new. So no step has to do more than a little, and nothing has to stand still.
//
// Slices are written by a goroutine, one at a time, each as a sorted file that Pebble takes in whole.
type checkpoint struct {
	every  time.Duration
	most   int // bytes of a slice
	origin Origin
	writer sstable.WriterOptions

	next   time.Time    // when the next one begins
	frozen []uint64     // the hashes to be written, sorted
	mark   Mark         // what this one will stand for
	active bool         // one is being made
	job    <-chan error // the write being waited for
	total  total
	gone   map[uint64]uint32 // deleted states that are still stored, with their checksums
	items  []item
	buf    []byte
	made   int // complete checkpoints
}

// item is a state of a slice: its value is in buf up to end. gone: it is to be deleted.
type item struct {
	hash uint64
	end  int
	gone bool
}

// sliceBytes is how much a step hands to the writer: 2 ms of copying, 10 ms of writing in the background.
const sliceBytes = 4 << 20

// Step lets the local store go on: it waits for nothing, and takes no longer than copying a slice takes. Call it between two epochs,
// often, with the place in the changelog that the store is at; a negative offset means that there is none yet. After an error the
// store must be closed.
func (s *Store) Step(now time.Time, at Mark) error {
	d := s.disk
	if d == nil || s.err != nil {
		return s.err
	}
	if err := d.failure(); err != nil {
		return s.lose(err)
	}
	if d.job != nil {
		select {
		case err := <-d.job:
			d.job = nil
			if err != nil {
				return s.lose(fmt.Errorf("write a checkpoint: %w", err))
			}
		default:
			return nil
		}
	}
	s.evict(4)
	switch {
	case d.active && len(d.frozen) > 0:
		s.slice()
		d.job = background(d.writeSlice)
	case d.active:
		d.active = false
		if len(s.clashes) == 0 { // else the mark would promise states that are not on disk
			m := marker{Version: markerVersion, Origin: d.origin, Mark: d.mark, Slices: d.total.slices, States: s.Len()}
			d.job = background(func() error { return d.writeMarker(m) })
			d.made++
		}
	case at.Offset >= 0 && len(s.changed) > 0 && (!now.Before(d.next) || s.budget.over()):
		d.next, d.mark = now.Add(d.every), at
		s.freeze()
		d.job = background(d.sort)
	}
	return nil
}

// Relieve makes room while a changelog is read that has more states than memory may hold: it writes what changed, without a mark, and
// evicts. It returns at once when there is room.
func (s *Store) Relieve() error {
	d := s.disk
	if d == nil || s.err != nil || !s.budget.over() || len(s.changed) < 10_000 {
		return s.err
	}
	s.freeze()
	err := guard(d.sort)
	for err == nil && len(d.frozen) > 0 {
		s.slice()
		err = guard(d.writeSlice)
	}
	d.active = false
	if err != nil {
		return s.lose(fmt.Errorf("write states that memory has no room for: %w", err))
	}
	s.evict(len(s.slabs))
	return nil
}

// freeze begins to write all that changed so far.
func (s *Store) freeze() {
	s.disk.frozen, s.changed = s.changed, nil
	s.disk.active = true
}

func (d *disk) sort() error {
	slices.Sort(d.frozen)
	d.frozen = slices.Compact(d.frozen)
	return nil
}

// slice copies the next frozen states, as they are now.
func (s *Store) slice() {
	d := s.disk
	d.items, d.buf = d.items[:0], d.buf[:0]
	n := 0
	for n < len(d.frozen) && len(d.buf) < d.most && n < 1<<16 {
		hash := d.frozen[n]
		n++
		loc, ok := s.index[hash]
		switch {
		case !ok:
			if sum := d.reborn(hash); sum != 0 {
				d.items = append(d.items, item{hash: hash, end: len(d.buf), gone: true})
				d.total.replace(sum, 0)
			}
		case loc != onDisk && s.at(loc).dirty():
			e, from := s.at(loc), len(d.buf)
			d.buf = appendStored(d.buf, e)
			d.items = append(d.items, item{hash: hash, end: len(d.buf)})
			sum := checksum(d.buf[from:])
			d.total.replace(e.stored(), sum)
			e.setStored(sum)
			e.markClean()
		}
	}
	d.frozen = d.frozen[n:]
	if len(d.items) > 0 {
		d.total.slices++
	}
}

// reborn returns and forgets the checksum of a deleted state that is still stored, 0 if it is not.
func (d *disk) reborn(hash uint64) uint32 {
	if len(d.gone) == 0 {
		return 0
	}
	sum := d.gone[hash]
	delete(d.gone, hash)
	return sum
}

// writeSlice makes the slice durable.
func (d *disk) writeSlice() error {
	if len(d.items) == 0 {
		return nil
	}
	path := d.fs.PathJoin(d.dir, "slice.tmp")
	f, err := d.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(f), d.writer)
	if err := w.Set(totalKey(d.items[0].hash), d.total.append(nil)); err != nil {
		return errors.Join(err, w.Close())
	}
	from := 0
	for i := range d.items {
		it := &d.items[i]
		if it.gone {
			err = w.Delete(stateKey(it.hash))
		} else {
			err = w.Set(stateKey(it.hash), d.buf[from:it.end])
		}
		if err != nil {
			return errors.Join(err, w.Close())
		}
		from = it.end
	}
	if err := w.Close(); err != nil {
		return err
	}
	return d.db.Ingest(context.Background(), []string{path})
}

func (d *disk) writeMarker(m marker) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return d.db.Set(markKey, b, pebble.Sync)
}

// lose goes on without the local store, if memory has everything; else the store is useless.
func (s *Store) lose(err error) error {
	d := s.disk
	if s.away > 0 {
		s.err = fmt.Errorf("local store %s: %w", d.dir, err)
		return s.err
	}
	d.log.Error("local store failed, going on without it; the next restore reads the whole changelog", "dir", d.dir, "error", err)
	s.disk, s.changed = nil, nil
	d.fail(err)
	go func() {
		d.close(false)
		unclaim(d.dir)
	}()
	return nil
}
