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

// refuse sets a record aside: a row of dead_letters and a record on the dead-letter topic, both with the reason, the place, the
// time and the bytes without an IP address, up to limit bytes; of a larger one only size and hash. Only a *event.Refusal may be the reason.
func refuse(e *epoch, topic string, limit int, place flow.Place, at event.Time, r *kgo.Record, reason error) {
	var why *event.Refusal
	if !errors.As(reason, &why) {
		why = &event.Refusal{Reason: event.BadJSON, Detail: reason.Error()}
	}
	value, _ := decode.WithoutIP(r.Value)
	body := value
	if len(body) > limit {
		body = nil
	}
	key := r.Key
	if len(key) > limit {
		key = nil
	}
	hash := xxhash.Sum64(value)
	e.rows.DeadLetters.Append(&table.DeadLetter{
		Topic: place.Topic, Partition: place.Partition, Offset: place.Offset, SourceTime: at,
		Reason: why.Reason, Field: why.Field, Detail: why.Detail,
		Key: key, Body: body, Size: uint64(len(value)), Hash: hash,
	})
	d := e.record(topic, 0, key, body)
	text := func(k, v string) { d.Headers = append(d.Headers, kgo.RecordHeader{Key: k, Value: []byte(v)}) }
	text("reason", why.Reason)
	text("field", why.Field)
	text("detail", why.Detail)
	text("topic", place.Topic)
	text("partition", strconv.Itoa(int(place.Partition)))
	text("offset", strconv.FormatInt(place.Offset, 10))
	text("time", at.String())
	text("size", strconv.Itoa(len(value)))
	text("xxhash64", strconv.FormatUint(hash, 16))
}

// bytesOf is s without a copy; the result must not be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// stringOf is b without a copy; b must not be changed as long as the result lives.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
