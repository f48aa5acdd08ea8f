// Package flow holds the words that ingest (which owns I/O, order and commit) and processors (pure logic) share: where an event
// stands on the log, what applying it gave, and what a machine has to say at the end of an epoch.
package flow

import (
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

// Place is where an event stands in Kafka: a record and, if that is a batch, which of its events, from 0.
type Place struct {
	Topic     string
	Partition int32
	Offset    int64
	Part      uint32
}

// At says where and when the log has the event that is being applied.
type At struct {
	// Revision is generation<<48 | offset in the machine's own topic. What this event changes carries it.
	Revision uint64
	// Source is the record that the shop wrote; SourceTime is its Kafka timestamp or the importer's header.
	Source     Place
	SourceTime event.Time
	// Clock is the partition's time before this event, from source times alone. 0: not known yet, nothing is late or expired.
	Clock event.Time
}

// Revision composes the revision of a row: the generation of the tables, then the offset of the record that last changed the row.
func Revision(generation uint16, offset int64) uint64 {
	return uint64(generation)<<48 | uint64(offset)&(1<<48-1)
}

// Output is what a machine says. Rows are absolute; a tombstone is a row with its full sort key and IsDeleted set. Strings may
// point into the state that was passed in: they are valid until the epoch ends.
type Output struct {
	Sessions   []table.Session
	Identities []table.Identity
	Journeys   []table.Journey
	Reviews    []table.Review
	Touches    []event.Touch
}

// Reset empties o and keeps its memory.
func (o *Output) Reset() {
	clear(o.Sessions)
	clear(o.Identities)
	clear(o.Journeys)
	clear(o.Reviews)
	clear(o.Touches)
	o.Sessions, o.Identities, o.Journeys, o.Reviews, o.Touches =
		o.Sessions[:0], o.Identities[:0], o.Journeys[:0], o.Reviews[:0], o.Touches[:0]
}

// Settled is what remains to be known of a state after the epoch's rows were told.
type Settled struct {
	// Held: the state has changes that no row shows yet, because rows of one session are written at most every so often.
	// The engine settles the state again, with force, when that time has come.
	Held bool
	// Expires: the state may be forgotten when the clock has passed this.
	Expires event.Time
}
