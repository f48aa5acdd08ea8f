package ingest

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
)

const (
	// TimeHeader holds a record's source time in decimal milliseconds since 1970, where it is not the record's Kafka timestamp:
	// imported history keeps today's timestamp, or retention would delete it.
	TimeHeader = "afterclick-time"
	// originHeader says on a machine's topic which source record this is, see origin.
	originHeader = "afterclick-origin"
)

// origin is the place of a routed event at its source. In the header it is text, to be read in any client:
//
//	topic name, kind, partition, number of partitions, offset, source time, state, part
//
// The part is the event's number in its record, left out if that is 0.
// State is "r" for a record, "t" for a tick, which only tells the time of its source, and "i" for a tick that says that the source
// partition is idle: it has been read to its end and nothing comes. With "m" it is a message of another machine, and only kind counts.
type origin struct {
	place      flow.Place
	kind       event.Topic
	partitions int32
	time       event.Time
	state      byte
}

const (
	originRecord  = 'r'
	originTick    = 't'
	originIdle    = 'i'
	originMessage = 'm'
)

func (o *origin) append(b []byte) []byte {
	b = append(append(b, o.place.Topic...), ' ')
	b = append(strconv.AppendInt(b, int64(o.kind), 10), ' ')
	b = append(strconv.AppendInt(b, int64(o.place.Partition), 10), ' ')
	b = append(strconv.AppendInt(b, int64(o.partitions), 10), ' ')
	b = append(strconv.AppendInt(b, o.place.Offset, 10), ' ')
	b = append(strconv.AppendInt(b, int64(o.time), 10), ' ')
	b = append(b, o.state)
	if o.place.Part > 0 {
		b = strconv.AppendInt(append(b, ' '), int64(o.place.Part), 10)
	}
	return b
}

// parseOrigin reads what append wrote. intern turns the topic's name into a string without allocating each time.
func parseOrigin(b []byte, intern func([]byte) string) (o origin, err error) {
	rest := b
	field := func() (f []byte) {
		f, rest, _ = bytes.Cut(rest, []byte{' '})
		return f
	}
	number := func() (n int64) {
		f := field()
		neg := len(f) > 0 && f[0] == '-'
		if neg {
			f = f[1:]
		}
		if len(f) == 0 || len(f) > 18 {
			err = fmt.Errorf("origin header %q is not ours", b)
		}
		for _, c := range f {
			if c < '0' || c > '9' {
				err = fmt.Errorf("origin header %q is not ours", b)
			}
			n = n*10 + int64(c-'0')
		}
		if neg {
			return -n
		}
		return n
	}
	o.place.Topic = intern(field())
	kind, partition, partitions := number(), number(), number()
	o.place.Offset = number()
	o.time = event.Time(number())
	state := field()
	if len(rest) > 0 {
		part := number()
		if o.place.Part = uint32(part); int64(o.place.Part) != part {
			return o, fmt.Errorf("origin header %q is not ours", b)
		}
	}
	if len(state) != 1 || len(rest) > 0 || kind < 0 || kind > int64(event.Touches) || int64(int32(partition)) != partition || int64(int32(partitions)) != partitions {
		return o, fmt.Errorf("origin header %q is not ours", b)
	}
	o.kind, o.place.Partition, o.partitions = event.Topic(kind), int32(partition), int32(partitions)
	switch o.state = state[0]; o.state {
	case originTick, originIdle:
	case originRecord, originMessage:
		if kind == 0 {
			return o, fmt.Errorf("origin header %q is not ours", b)
		}
	default:
		return o, fmt.Errorf("origin header %q is not ours", b)
	}
	return o, err
}

// header returns the value of a record's header, or nil.
func header(r *kgo.Record, key string) []byte {
	for i := range r.Headers {
		if r.Headers[i].Key == key {
			return r.Headers[i].Value
		}
	}
	return nil
}

// SourceTime is when the source says that the record was written: the importer's header, else the Kafka timestamp; 0 if that is
// not known either. With an error it is the Kafka timestamp.
func SourceTime(r *kgo.Record) (event.Time, error) {
	at := max(0, event.TimeOf(r.Timestamp)) // -1: the producer gave none
	h := header(r, TimeHeader)
	if h == nil {
		return at, nil
	}
	refuse := func(format string, args ...any) (event.Time, error) {
		return at, &event.Refusal{Reason: event.BadValue, Field: "header " + TimeHeader, Detail: fmt.Sprintf(format, args...)}
	}
	ms, err := strconv.ParseInt(string(h), 10, 64)
	if err != nil {
		return refuse("is %.40q, must be milliseconds since 1970 in decimal digits", h)
	}
	told := event.Time(ms)
	if told < event.Earliest || told > event.Latest {
		return refuse("is %d, which is %s, must be from 2000 to 2100, in milliseconds since 1970", ms, told)
	}
	return told, nil
}
