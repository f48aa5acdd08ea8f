// Package trial runs a machine over a log as the engine does, with epochs wherever a test wants them, some of them aborted after
// their rows were inserted, and keeps the tables as a ReplacingMergeTree does: by sort key, the highest revision wins. For tests.
package trial

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/afterclick/afterclick/processors/oracle"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
)

// Machine is what the engine asks of a machine.
type Machine interface {
	Apply(state []byte, e *event.Event, at flow.At, out *flow.Output) ([]byte, table.Status)
	Settle(state []byte, force bool, out *flow.Output) ([]byte, flow.Settled)
}

// Record is one record of the machine's topic; its place in the log is its offset.
type Record struct {
	Event *event.Event
	Clock event.Time
}

// Entry is a committed state.
type Entry struct {
	State   []byte
	Settled flow.Settled
}

// Run is a partition that a machine works through.
type Run struct {
	Machine  Machine
	Log      []Record
	Next     int              // offset of the next record
	States   map[string]Entry // committed
	Tables   *Tables          // what was inserted, by committed epochs and others
	Touches  []event.Touch    // what was said, committed
	Statuses []table.Status   // by offset
	Output   flow.Output      // of the last epoch
}

// New starts at the beginning of a log.
func New(m Machine, log []Record) *Run {
	return &Run{Machine: m, Log: log, States: map[string]Entry{}, Tables: NewTables(), Statuses: make([]table.Status, len(log))}
}

// Epoch applies the next n records, settles and inserts. If it does not commit, only what was inserted remains.
func (r *Run) Epoch(n int, commit bool) error {
	overlay := map[string][]byte{}
	var changed []string
	r.Output = flow.Output{}
	end := min(r.Next+n, len(r.Log))
	for offset := r.Next; offset < end; offset++ {
		rec := r.Log[offset]
		key := rec.Event.Key()
		state, dirty := overlay[key]
		if !dirty {
			entry := r.States[key]
			if entry.State != nil && (rec.Clock == 0 || entry.Settled.Expires >= rec.Clock || entry.Settled.Held) {
				state = entry.State
			}
		}
		before := bytes.Clone(state)
		next, status := r.Machine.Apply(state, rec.Event, At(offset, rec), &r.Output)
		if !bytes.Equal(before, state) {
			return fmt.Errorf("offset %d: Apply changed the state that it was given", offset)
		}
		r.Statuses[offset] = status
		if status != table.Accepted && !bytes.Equal(before, next) {
			return fmt.Errorf("offset %d: %s, yet it changed the state", offset, status)
		}
		if !dirty {
			changed = append(changed, key)
		}
		overlay[key] = bytes.Clone(next)
	}
	settled := map[string]Entry{}
	for _, key := range changed {
		e, err := r.settle(overlay[key], false)
		if err != nil {
			return err
		}
		settled[key] = e
	}
	if err := r.Tables.Insert(&r.Output); err != nil {
		return err
	}
	if commit {
		maps.Copy(r.States, settled)
		r.Touches = append(r.Touches, r.Output.Touches...)
		r.Next = end
	}
	return nil
}

func (r *Run) settle(state []byte, force bool) (Entry, error) {
	before := bytes.Clone(state)
	next, s := r.Machine.Settle(state, force, &r.Output)
	if !bytes.Equal(before, state) {
		return Entry{}, fmt.Errorf("Settle changed the state that it was given")
	}
	if force && s.Held {
		return Entry{}, fmt.Errorf("Settle holds something back although it was forced")
	}
	return Entry{bytes.Clone(next), s}, nil
}

// Force writes what is held back, as the engine does when the hold time is over or after a restore.
func (r *Run) Force() error {
	r.Output = flow.Output{}
	for _, key := range slices.Sorted(maps.Keys(r.States)) {
		if r.States[key].Settled.Held {
			e, err := r.settle(r.States[key].State, true)
			if err != nil {
				return err
			}
			r.States[key] = e
		}
	}
	r.Touches = append(r.Touches, r.Output.Touches...)
	return r.Tables.Insert(&r.Output)
}

// At is where the log has record rec.
func At(offset int, rec Record) flow.At {
	return flow.At{Revision: flow.Revision(1, int64(offset)), Clock: rec.Clock, SourceTime: rec.Event.Header().Time}
}

// Accepted are the events of the log so far that were accepted.
func (r *Run) Accepted() []*event.Event {
	var events []*event.Event
	for offset, rec := range r.Log[:r.Next] {
		if r.Statuses[offset] == table.Accepted {
			events = append(events, rec.Event)
		}
	}
	return events
}

// FinalTouches are the touches that a reader of all that was said knows in the end.
func FinalTouches(said []event.Touch) []event.Touch {
	type key struct {
		order   event.OrderID
		visitor event.VisitorID
		session uint64
	}
	last := map[key]event.Touch{}
	for _, t := range said {
		k := key{t.Order, t.Visitor, t.Session}
		if t.Gone {
			delete(last, k)
		} else {
			last[k] = t
		}
	}
	return slices.Collect(maps.Values(last))
}

// Tables hold the rows by their full sort key.
type Tables struct {
	rows map[string]any
	// Changing: lookups change between attempts, so that of two rows of one revision the last one counts.
	Changing bool
}

// NewTables are empty.
func NewTables() *Tables { return &Tables{rows: map[string]any{}} }

// Keys of the tables: the full sort key, partition first.

func SessionKey(r table.Session) string {
	return fmt.Sprintf("session %s %s %d", day(r.Start), r.Visitor, r.Start)
}
func IdentityKey(r table.Identity) string {
	return fmt.Sprintf("identity %s %d %d %s", r.Visitor, r.Start, r.From, r.Customer)
}
func JourneyKey(r table.Journey) string { return fmt.Sprintf("journey %d %s", r.Month, r.Order) }
func ReviewKey(r table.Review) string {
	return fmt.Sprintf("review %d %s %s", r.Month, r.Order, r.Review)
}

func day(t event.Time) string { return t.Time().Format(time.DateOnly) }

// Insert takes the rows of an epoch. Two rows of one key and revision must be the same, unless lookups change.
func (t *Tables) Insert(o *flow.Output) error {
	var errs []error
	put := func(key string, revision uint64, row any) {
		if old, ok := t.rows[key]; ok {
			if had := revisionOf(old); had > revision {
				return
			} else if had == revision && !t.Changing && !reflect.DeepEqual(old, row) {
				errs = append(errs, fmt.Errorf("%s: two rows of revision %d:\n%+v\n%+v", key, revision, old, row))
			}
		}
		t.rows[key] = row
	}
	for _, r := range o.Sessions {
		put(SessionKey(r), r.Revision, cloneRow(r))
	}
	for _, r := range o.Identities {
		put(IdentityKey(r), r.Revision, r)
	}
	for _, r := range o.Journeys {
		put(JourneyKey(r), r.Revision, r)
	}
	for _, r := range o.Reviews {
		put(ReviewKey(r), r.Revision, r)
	}
	if len(errs) > 0 {
		return errs[0]
	}
	return nil
}

func cloneRow(r table.Session) table.Session {
	r.Orders = slices.Clone(r.Orders)
	return r
}

func revisionOf(row any) uint64 {
	switch r := row.(type) {
	case table.Session:
		return r.Revision
	case table.Identity:
		return r.Revision
	case table.Journey:
		return r.Revision
	case table.Review:
		return r.Revision
	}
	panic("trial: not a row")
}

// Final is what a query sees: no tombstones, and revisions taken off, in the oracle's order.
func (t *Tables) Final() oracle.Tables {
	var f oracle.Tables
	for _, row := range t.rows {
		switch r := row.(type) {
		case table.Session:
			if r.Revision = 0; !r.IsDeleted {
				f.Sessions = append(f.Sessions, r)
			}
		case table.Identity:
			if r.Revision = 0; !r.IsDeleted {
				f.Identities = append(f.Identities, r)
			}
		case table.Journey:
			if r.Revision = 0; !r.IsDeleted {
				f.Journeys = append(f.Journeys, r)
			}
		case table.Review:
			if r.Revision = 0; !r.IsDeleted {
				f.Reviews = append(f.Reviews, r)
			}
		}
	}
	f.Sort()
	return f
}

// Diff says where two sets of tables differ, or nothing.
func Diff(got, want oracle.Tables) string {
	return diff("session", got.Sessions, want.Sessions) + diff("identity", got.Identities, want.Identities) +
		diff("touch", got.Touches, want.Touches) + diff("journey", got.Journeys, want.Journeys) + diff("review", got.Reviews, want.Reviews)
}

func diff[T any](name string, got, want []T) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("%s missing:\n  %+v\n", name, want[i])
		case i >= len(want):
			return fmt.Sprintf("%s too many:\n  %+v\n", name, got[i])
		case !reflect.DeepEqual(got[i], want[i]):
			return fmt.Sprintf("%s:\n  got  %+v\n  want %+v\n", name, got[i], want[i])
		}
	}
	return ""
}
