package table

import "github.com/afterclick/afterclick/schemas/event"

// DeadLetter is a row of dead_letters: a record, or an event of it, that was refused.
type DeadLetter struct {
	Topic      string
	Partition  int32
	Offset     int64
	Part       uint32
	SourceTime event.Time
	Reason     string // a short slug for grouping: "bad_json", "missing_field", "time_ahead"
	Field      string // the field that broke the rule, if one did
	Detail     string // a sentence that helps
	Key        []byte
	Body       []byte // as it came: the record's value or, of a batch, the event; empty beyond what is kept
	Size       uint64 // of that
	Hash       uint64 // xxhash64 of that
}

// DeadLetters is the table of what was refused.
var DeadLetters = define(Schema{
	Name:      "dead_letters",
	Comment:   "Every record that was refused, or event of a batch, once per place in Kafka: where it came from, why, and its bytes.",
	Engine:    "ReplacingMergeTree",
	Partition: "toYYYYMM(source_time)",
	Order:     "toDate(source_time), topic, partition, offset, part",
},
	col("source_time", moment, "Timestamp of the Kafka record, or what an importer says instead of it, UTC.",
		func(r *DeadLetter) event.Time { return r.SourceTime }),
	col("topic", word, "Kafka topic that the record was read from.", func(r *DeadLetter) string { return r.Topic }),
	col("partition", int32s, "Kafka partition.", func(r *DeadLetter) int32 { return r.Partition }),
	col("offset", int64s, "Kafka offset.", func(r *DeadLetter) int64 { return r.Offset }),
	col("part", uint32s, "Which event of the record, from 0: a batch has several.", func(r *DeadLetter) uint32 { return r.Part }),
	col("reason", word, "Why, in a word to group by: bad_json, missing_field, time_ahead, unknown_version.", func(r *DeadLetter) string { return r.Reason }),
	col("field", word, "Field that broke the rule; empty if it is the whole record.", func(r *DeadLetter) string { return r.Field }),
	col("detail", text, "The rule, and what came instead.", func(r *DeadLetter) string { return r.Detail }),
	col("key", blob, "The record's key.", func(r *DeadLetter) []byte { return r.Key }),
	packed("ZSTD(1)", col("body", blob, "The refused event as it came: the record's value or, of a batch, its part. Left out beyond 256 kB in one record.",
		func(r *DeadLetter) []byte { return r.Body })),
	col("size", uint64s, "Bytes of the refused event as it came.", func(r *DeadLetter) uint64 { return r.Size }),
	col("hash", uint64s, "xxHash64 of them.", func(r *DeadLetter) uint64 { return r.Hash }),
)
