package decode

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/event"
)

// Record is what a format reads: a record of a source topic.
type Record struct {
	Kind    event.Topic // what the topic holds, as the config says
	Key     []byte
	Value   []byte
	Headers []kgo.RecordHeader
	Time    event.Time // source time
}

// Decoded is one event of a record, or why there is none.
type Decoded struct {
	Event   event.Event    // normalized, not yet validated; nothing if Refusal is set
	Refusal *event.Refusal // this event is a dead letter
}

// Format reads records of a source topic as some tracker, shop or carrier writes them. It belongs to one goroutine.
type Format interface {
	// Decode appends to out what the record says, in the record's order: at least one element, and more than one for a batch. A bad
	// event in a batch does not spoil the others. The events may be of other kinds than the topic's, if the format says so, and their
	// strings may point into the record. The same record gives the same events, always: ids that are made up are made from the
	// record's own content.
	//
	// An error means that the record cannot be read now, though maybe later (a schema registry is away): the lane waits and tries
	// again. Nothing is a dead letter for that.
	Decode(r *Record, out []Decoded) ([]Decoded, error)
}
