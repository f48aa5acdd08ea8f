package ingest

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest/state"
)

// replay makes the states of a partition of the records of its changelog, in their order. It reads nothing itself.
type replay struct {
	topics keyedTopics
	group  string
	id     int32
	store  *state.Store
	local  bool // the store was not empty when it began: the changelog is read from the local store's mark on
	held   heldSet
	pos    position
	known  bool // @position was among the records
	logged state.Mark
}

// newReplay begins with what the local store had, and what of that is held back. pos is where a partition stands that has no changelog yet.
func newReplay(topics keyedTopics, group string, id int32, s *state.Store, local bool, held heldSet, pos position) *replay {
	return &replay{topics: topics, group: group, id: id, store: s, local: local, held: held, pos: pos, logged: state.Mark{Offset: -1}}
}

// take folds in one record. What is neither a state nor @position is a barrier, and says nothing.
func (c *replay) take(r *kgo.Record) error {
	switch {
	case len(r.Key) > 0 && r.Key[0] == statePrefix:
		if r.Value == nil {
			c.store.Delete(r.Key[1:])
		} else if err := checkKept(r.Key[1:], r.Value); err != nil {
			return fmt.Errorf("%s/%d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
		} else {
			c.store.Put(r.Key[1:], r.Value, keptExpires(r.Value))
		}
		c.held.note(state.Hash(r.Key[1:]), r.Value)
		return c.store.Relieve()
	case string(r.Key) == positionKey:
		if err := c.pos.unmarshal(r.Value); err != nil {
			return fmt.Errorf("%s/%d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		c.known, c.logged.Offset = true, r.Offset
	}
	return nil
}

// errNoPosition: the local store's mark is where the changelog had a @position. It always keeps the last one.
var errNoPosition = errors.New("the changelog has no @position from the local store's mark on")

// errMoved: the group does not stand where the states end.
var errMoved = errors.New("the states and the group's offset contradict each other")

// end checks that the group goes on where the states end. offset is the group's, if it has committed one, once it is stable.
func (c *replay) end(offset int64, committed bool) error {
	switch {
	case !c.known && c.local:
		c.store.Distrust(errNoPosition)
		return errNoPosition
	case !c.known && c.store.Len() > 0:
		return fmt.Errorf("the changelog has states but no @position: it is damaged: `afterclick rebuild` makes states and tables from the sources again")
	case c.known && !committed:
		return fmt.Errorf("the group %s has no offset for %s/%d any more, but the states end at %d: set the group's offset to that, for example with kafka-consumer-groups --reset-offsets --to-offset %d",
			c.group, c.topics.input, c.id, c.pos.Offset, c.pos.Offset)
	case committed && c.pos.Offset != offset:
		return fmt.Errorf("%w: the group %s stands at offset %d of %s/%d, the states end at %d: somebody moved the group's offset or deleted the changelog; set the offset to %d, or start with a new group prefix",
			errMoved, c.group, offset, c.topics.input, c.id, c.pos.Offset, c.pos.Offset)
	}
	return nil
}

// partition is the result.
func (c *replay) partition(now time.Time) (*partition, error) {
	p := newPartition(c.id, c.store, c.held, c.pos, now)
	p.logged = c.logged
	if err := c.store.Err(); err != nil {
		return nil, err
	}
	return p, nil
}
