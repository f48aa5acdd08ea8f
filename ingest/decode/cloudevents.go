package decode

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/afterclick/afterclick/schemas/event"
)

// cloudEventsDefinition is the CloudEvents envelope, version 1.0: https://github.com/cloudevents/spec. In structured mode a record is the
// envelope in JSON, or a batch of such; in binary mode the envelope is in the record's headers, and the value is the data.
var cloudEventsDefinition = definition{
	name: "cloudevents",
	wrap: func(_ *Options, inner func() Format) (func() Format, error) {
		return func() Format { return &cloudEvents{inner: inner()} }, nil
	},
}

type cloudEvents struct {
	inner Format
	data  Record
}

// cloudEvent is the envelope of one event.
type cloudEvent struct {
	version, id, source, typ string
	contentType              string // of the data; empty: JSON
	time                     event.Time
	in                       string // what the names of its attributes begin with
	refused                  *event.Refusal
}

const (
	cloudEventsJSON  = "application/cloudevents+json"
	cloudEventsBatch = "application/cloudevents-batch+json"
)

func (c *cloudEvents) Decode(r *Record, out *Events) error {
	mode := mediaType(r.Header("content-type"))
	switch {
	case mode == cloudEventsJSON || mode == cloudEventsBatch:
	case strings.HasPrefix(mode, "application/cloudevents"):
		out.Refuse(refusalOf("content-type", event.BadRecord, "must be %s, %s, or that of the data where the envelope is in headers ce_...; came as %.64q",
			cloudEventsJSON, cloudEventsBatch, mode))
		return nil
	case r.Header("ce_specversion") != nil:
		return c.binary(r, out)
	default: // nothing is said: many send the envelope alone
		mode = cloudEventsJSON
		if v := bytes.TrimLeft(r.Value, " \t\r\n"); len(v) > 0 && v[0] == '[' {
			mode = cloudEventsBatch
		}
	}
	n, wrong := parseAny(r.Value)
	switch {
	case wrong != nil:
		out.Refuse(wrong)
	case mode == cloudEventsJSON:
		return c.structured(r, n, out)
	case !n.isList():
		out.Refuse(wrongType("", "a list of envelopes", n))
	default:
		var err error
		whole := out.raw
		n.each(func(_ int, one node) {
			if err == nil {
				start := out.Len()
				out.From(one)
				err = c.structured(r, one, out)
				for i := range out.list[start:] {
					if e := &out.list[start+i]; e.Raw == nil { // the inner format's whole record
						e.Raw = one
					}
				}
			}
		})
		out.From(whole)
		return err
	}
	return nil
}

// mediaType is a content type in lower case without its parameters.
func mediaType(b []byte) string {
	s, _, _ := strings.Cut(string(b), ";")
	return strings.ToLower(strings.TrimSpace(s))
}

// structured reads an envelope in JSON.
func (c *cloudEvents) structured(r *Record, n node, out *Events) error {
	if !n.isObject() {
		out.Refuse(wrongType("", "an object", n))
		return nil
	}
	var e cloudEvent
	var data, base node
	attribute := func(to *string, name string, value node) {
		if *to = ""; value.isString() {
			*to = text(value)
		} else if !value.absent() {
			e.refuse(wrongType(name, "a string", value))
		}
	}
	n.members(func(key string, value node) {
		switch key {
		case "specversion":
			attribute(&e.version, key, value)
		case "id":
			attribute(&e.id, key, value)
		case "source":
			attribute(&e.source, key, value)
		case "type":
			attribute(&e.typ, key, value)
		case "datacontenttype":
			attribute(&e.contentType, key, value)
		case "time":
			e.at(value)
		case "data":
			data = value
		case "data_base64":
			base = value
		}
	})
	switch e.check(); {
	case e.refused != nil:
	case !base.absent() && !data.absent():
		e.refuse(refusalOf("data_base64", event.BadValue, "must not be there together with data: which of them is it?"))
	case !base.absent():
		data = nil
		if !base.isString() {
			e.refuse(wrongType("data_base64", "a string", base))
		} else if b, err := base64.StdEncoding.DecodeString(text(base)); err != nil {
			e.refuse(refusalOf("data_base64", event.BadValue, "is not base64: %v", err))
		} else {
			data = b
		}
	case data.absent():
		e.refuse(refusalOf("data", event.MissingField, "neither data nor data_base64 is there: an envelope without content"))
	case data.isString() && !isJSON(e.contentType):
		data = node(text(data))
	}
	if e.refused != nil {
		out.Refuse(e.refused)
		return nil
	}
	return c.content(r, &e, data, out)
}

// isJSON says whether data of a content type stands in the envelope as JSON, not as text.
func isJSON(contentType string) bool {
	t := mediaType([]byte(contentType))
	return t == "" || strings.HasSuffix(t, "/json") || strings.HasSuffix(t, "+json")
}

// binary reads an envelope from headers, as the Kafka protocol binding has them.
func (c *cloudEvents) binary(r *Record, out *Events) error {
	e := cloudEvent{version: string(r.Header("ce_specversion")), id: string(r.Header("ce_id")), source: string(r.Header("ce_source")),
		typ: string(r.Header("ce_type")), in: "ce_"}
	if at := r.Header("ce_time"); len(at) > 0 {
		e.at(node(strconv.Quote(string(at))))
	}
	if e.check(); e.refused != nil {
		out.Refuse(e.refused)
		return nil
	}
	return c.content(r, &e, r.Value, out)
}

// content has the inner format read the data, and fills in from the envelope what that leaves out.
func (c *cloudEvents) content(r *Record, e *cloudEvent, data []byte, out *Events) error {
	start := out.Len()
	c.data = Record{Key: r.Key, Value: data, Headers: r.Headers, Time: r.Time}
	if err := c.inner.Decode(&c.data, out); err != nil {
		return err
	}
	several := out.Len() > start+1
	for i := range out.list[start:] {
		d := &out.list[start+i]
		if d.Refusal != nil {
			continue
		}
		h := headerOf(&d.Event)
		if h.ID == "" {
			// An id is unique within its source only, by the specification.
			id := e.source + "#" + e.id
			if several {
				id += "#" + strconv.Itoa(i)
			}
			h.ID = event.ID(id)
		}
		if h.Source == "" {
			h.Source = event.Source(e.source)
		}
		if h.Time == 0 {
			h.Time = e.time
		}
	}
	return nil
}

func (c *cloudEvents) Theirs(kind event.Topic, field string) string {
	return theirs(c.inner, kind, field)
}

func (e *cloudEvent) refuse(r *event.Refusal) {
	if e.refused == nil {
		e.refused = r
	}
}

func (e *cloudEvent) at(value node) {
	var err error
	if e.time, err = value.time(); err != nil {
		e.refuse(refusalOf(e.in+"time", event.WrongType, "%v", err))
	}
}

// check refuses what the specification forbids. The version comes first: of another one, nothing else is known.
func (e *cloudEvent) check() {
	switch e.version {
	case "1.0":
	case "":
		e.refuse(refusalOf(e.in+"specversion", event.MissingField, "is required: without it this is no CloudEvent, neither by its content nor by its headers"))
	default:
		e.refused = refusalOf(e.in+"specversion", event.UnknownVersion, "is known in version 1.0 only, came as %.64q", e.version)
	}
	for _, a := range []struct{ name, value string }{{"id", e.id}, {"source", e.source}, {"type", e.typ}} {
		if a.value == "" {
			e.refuse(refusalOf(e.in+a.name, event.MissingField, "is required of every CloudEvent"))
		}
	}
}

func refusalOf(field, reason, format string, args ...any) *event.Refusal {
	r := refusal(reason, format, args...)
	r.Field = field
	return r
}
