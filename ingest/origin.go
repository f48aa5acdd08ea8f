package ingest

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/flow"
)

// Group is the name of the consumer group of a part.
func (c *Config) Group(part string) string { return c.Prefix + "." + part }

// Routed returns the place of the event that a record on a machine's topic was made from. ok is false for ticks and for
// messages of other machines, which stand for no event of the world. intern turns the topic's name into a string.
func Routed(r *kgo.Record, intern func([]byte) string) (place flow.Place, ok bool, err error) {
	h := header(r, originHeader)
	if h == nil {
		return place, false, fmt.Errorf("%s/%d offset %d has no header %s: only the router writes to this topic", r.Topic, r.Partition, r.Offset, originHeader)
	}
	o, err := parseOrigin(h, intern)
	if err != nil {
		return place, false, fmt.Errorf("%s/%d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
	}
	return o.place, o.state == originRecord, nil
}

// Refused returns the place of the event that a record on the dead-letter topic is, and why it was refused.
func Refused(r *kgo.Record) (place flow.Place, reason string, err error) {
	var partition int32
	var offset int64
	var part uint32
	_, err = fmt.Sscanf(string(header(r, "partition"))+" "+string(header(r, "offset"))+" "+string(header(r, "part")), "%d %d %d", &partition, &offset, &part)
	if err != nil {
		return place, "", fmt.Errorf("%s/%d offset %d does not say where it came from: %w", r.Topic, r.Partition, r.Offset, err)
	}
	return flow.Place{Topic: string(header(r, "topic")), Partition: partition, Offset: offset, Part: part}, string(header(r, "reason")), nil
}
