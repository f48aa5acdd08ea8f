package ingest

import (
	"errors"
	"strconv"
	"unsafe"

	"github.com/cespare/xxhash/v2"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
)

// letter is a record, or an event of it, that is refused.
type letter struct {
	place flow.Place
	time  event.Time
	key   []byte // of the record
	body  []byte // the record's value, or what of it the event was made from
	why   error  // only a *event.Refusal may be the reason
	copy  bool   // body is in memory that is used again
}

// letters sets aside what is refused: a row of dead_letters and a record on the dead-letter topic, both with the reason, the place, the
// time and the bytes without IP addresses, up to so many for one record. Of what is larger only size and hash are kept.
type letters struct {
	epoch      *epoch
	topic      string
	keys, body int // bytes that may still be kept
}

func newLetters(e *epoch, cfg *Config) letters {
	return letters{e, cfg.Topics.DeadLetters, cfg.DeadLetterSize, cfg.DeadLetterSize}
}

func (l *letters) add(r letter) {
	r.body, _ = decode.WithoutIP(r.body)
	var why *event.Refusal
	if !errors.As(r.why, &why) {
		why = &event.Refusal{Reason: event.BadJSON, Detail: r.why.Error()}
	}
	keep := func(b []byte, left *int) []byte {
		if len(b) > *left {
			return nil
		}
		*left -= len(b)
		return b
	}
	key, body := keep(r.key, &l.keys), keep(r.body, &l.body)
	if r.copy {
		body = l.epoch.arena.copy(body)
	}
	hash := xxhash.Sum64(r.body)
	l.epoch.rows.DeadLetters.Append(&table.DeadLetter{
		Topic: r.place.Topic, Partition: r.place.Partition, Offset: r.place.Offset, Part: r.place.Part, SourceTime: r.time,
		Reason: why.Reason, Field: why.Field, Detail: why.Detail,
		Key: key, Body: body, Size: uint64(len(r.body)), Hash: hash,
	})
	d := l.epoch.record(l.topic, 0, key, body)
	text := func(k, v string) { d.Headers = append(d.Headers, kgo.RecordHeader{Key: k, Value: []byte(v)}) }
	text("reason", why.Reason)
	text("field", why.Field)
	text("detail", why.Detail)
	text("topic", r.place.Topic)
	text("partition", strconv.Itoa(int(r.place.Partition)))
	text("offset", strconv.FormatInt(r.place.Offset, 10))
	text("part", strconv.FormatUint(uint64(r.place.Part), 10))
	text("time", r.time.String())
	text("size", strconv.Itoa(len(r.body)))
	text("xxhash64", strconv.FormatUint(hash, 16))
}

// bytesOf is s without a copy; the result must not be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// stringOf is b without a copy; b must not be changed as long as the result lives.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
