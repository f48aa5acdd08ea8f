package ingest

import (
	"fmt"

	"github.com/afterclick/afterclick/schemas/event"
)

// clock is the time of one partition of a machine's topic, made of source times alone, so that it is a function of the records
// read. For a routed topic it is the minimum over the source partitions that are not idle; it is unknown (0) until every source
// partition of every source topic that feeds it has been heard of. For a clickstream that is read directly it is the highest source time so far.
// It never goes back.
type clock struct {
	// Now is the clock, 0 = unknown.
	Now event.Time `json:"now"`
	// Sources are the source topics with a slot per partition; nil where the machine reads its source directly.
	Sources map[string][]sourceClock `json:"sources,omitempty"`

	topics []string // the source topics that must be heard of, and that count; none: read directly
}

type sourceClock struct {
	Time  event.Time `json:"t"`
	Idle  bool       `json:"i,omitempty"`
	Heard bool       `json:"h,omitempty"`
}

// direct advances a clock whose partition is the source itself.
func (c *clock) direct(t event.Time) { c.Now = max(c.Now, t) }

// routed takes in the origin of a record or tick.
func (c *clock) routed(o *origin) error {
	list := c.Sources[o.place.Topic]
	if int(o.partitions) > len(list) {
		if o.partitions > 100_000 {
			return fmt.Errorf("origin names %d partitions of %s", o.partitions, o.place.Topic)
		}
		list = append(list, make([]sourceClock, int(o.partitions)-len(list))...)
		if c.Sources == nil {
			c.Sources = map[string][]sourceClock{}
		}
		c.Sources[o.place.Topic] = list
	}
	if o.place.Partition < 0 || int(o.place.Partition) >= len(list) {
		return fmt.Errorf("origin names partition %d of %d of %s", o.place.Partition, len(list), o.place.Topic)
	}
	s := &list[o.place.Partition]
	unchanged := s.Heard && s.Idle == (o.state == originIdle) && o.time <= s.Time
	s.Heard, s.Idle, s.Time = true, o.state == originIdle, max(s.Time, o.time)
	if !unchanged {
		c.recompute()
	}
	return nil
}

func (c *clock) recompute() {
	var least, most event.Time
	busy := false
	for _, topic := range c.topics { // what was heard of a topic that is no source any more does not count
		list := c.Sources[topic]
		if len(list) == 0 {
			return
		}
		for _, s := range list {
			if !s.Heard {
				return
			}
			most = max(most, s.Time)
			if !s.Idle && (!busy || s.Time < least) {
				least, busy = s.Time, true
			}
		}
	}
	if !busy {
		least = most
	}
	c.Now = max(c.Now, least)
}
