package decode

import (
	"bytes"

	"github.com/afterclick/afterclick/schemas/event"
)

// batchDefinition is an envelope: a record is a JSON list of events, or has one JSON value on each line.
var batchDefinition = definition{
	name: "batch",
	wrap: func(_ *Options, inner func() Format) (func() Format, error) {
		return func() Format { return &batch{inner: inner()} }, nil
	},
}

type batch struct {
	inner  Format
	record Record
}

func (b *batch) Theirs(kind event.Topic, field string) string { return theirs(b.inner, kind, field) }

func (b *batch) Decode(r *Record, out *Events) error {
	if wrong := readable(r.Value); wrong != nil {
		out.Refuse(wrong)
		return nil
	}
	value := bytes.TrimSpace(r.Value)
	if len(value) == 0 || value[0] != '[' {
		for line := range bytes.Lines(value) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				if err := b.one(r, line, out); err != nil {
					return err
				}
			}
		}
		return nil
	}
	list, wrong := parseAny(value)
	if wrong != nil {
		out.Refuse(wrong)
		return nil
	}
	var err error
	list.each(func(_ int, element node) {
		if err == nil {
			err = b.one(r, element, out)
		}
	})
	return err
}

func (b *batch) one(r *Record, value []byte, out *Events) error {
	out.From(value)
	b.record = *r
	b.record.Value = value
	return b.inner.Decode(&b.record, out)
}
