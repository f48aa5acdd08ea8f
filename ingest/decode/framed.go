package decode

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/afterclick/afterclick/ingest/decode/registry"
	"github.com/afterclick/afterclick/schemas/event"
)

// Records as the serializers of Confluent's schema registry write them: a zero byte, the schema's id in four bytes, and then the value.
// What is inside becomes a JSON document for the format that is named after the +.

var avroDefinition = definition{
	name:    "avro",
	options: []string{OptionRegistry},
	wrap: func(o *Options, inner func() Format) (func() Format, error) {
		schemas, err := openRegistry(o.Registry, sr.TypeAvro, avroSchema)
		if err != nil {
			return nil, err
		}
		return frame(inner, func(buffer []byte, id int, body []byte) ([]byte, *event.Refusal, error) {
			schema, refused, err := schemas.Get(id)
			if refused != nil || err != nil {
				return buffer, refused, err
			}
			return avroJSON(buffer, schema, body)
		}), nil
	},
}

var protobufDefinition = definition{
	name:    "protobuf",
	options: []string{OptionRegistry},
	wrap: func(o *Options, inner func() Format) (func() Format, error) {
		schemas, err := openRegistry(o.Registry, sr.TypeProtobuf, protoSchema)
		if err != nil {
			return nil, err
		}
		return frame(inner, func(buffer []byte, id int, body []byte) ([]byte, *event.Refusal, error) {
			file, refused, err := schemas.Get(id)
			if refused != nil || err != nil {
				return buffer, refused, err
			}
			return protoRecord(buffer, file, id, body)
		}), nil
	},
}

// jsonschemaDefinition needs no registry: the value is JSON already, and what it must be is checked by the format inside.
var jsonschemaDefinition = definition{
	name: "jsonschema",
	wrap: func(_ *Options, inner func() Format) (func() Format, error) {
		return frame(inner, func(_ []byte, _ int, body []byte) ([]byte, *event.Refusal, error) { return body, nil, nil }), nil
	},
}

func openRegistry[T any](o Registry, kind sr.SchemaType, compile func(*registry.Schema) (T, error)) (*registry.Registry[T], error) {
	cfg := registry.Config{URL: o.URL, User: o.User, Password: o.Password}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fmt.Errorf("%s.ca_file: %w", OptionRegistry, err)
		}
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
		if !cfg.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s.ca_file: %s has no certificate in PEM", OptionRegistry, o.CA)
		}
	}
	r, err := registry.New(cfg, kind, compile)
	if err != nil {
		return nil, fmt.Errorf("%s.%w", OptionRegistry, err)
	}
	return r, nil
}

// transcode writes the body of a record as JSON, or returns JSON that is there already. buffer may be used for it.
type transcode func(buffer []byte, id int, body []byte) ([]byte, *event.Refusal, error)

type framed struct {
	inner  Format
	json   transcode
	buffer []byte
}

func frame(inner func() Format, json transcode) func() Format {
	return func() Format { return &framed{inner: inner(), json: json} }
}

func (f *framed) Decode(r *Record, out *Events) error {
	id, body, refused := unframe(r)
	if refused != nil {
		out.Refuse(refused)
		return nil
	}
	json, refused, err := f.json(f.buffer[:0], id, body)
	if err != nil {
		return err
	}
	if refused != nil {
		out.Refuse(refused)
		return nil
	}
	inside := *r
	if inside.Value = json; len(json) > 0 && &json[0] != &body[0] {
		if f.buffer = json; cap(json) > maxKept {
			f.buffer = nil // one unusual record
		}
		inside.Value = out.Copy(json)
	}
	return f.inner.Decode(&inside, out)
}

const maxKept = 4 * DefaultMaxBytes

// Theirs is what the format inside says.
func (f *framed) Theirs(kind event.Topic, field string) string { return theirs(f.inner, kind, field) }

const (
	magic     = 0
	frameSize = 5
	// guidHeader names the schema where the serializer was told to keep the value free of it.
	guidHeader = "__value_schema_id"
)

// unframe returns the id of the schema that a record was written with, and the rest of it.
func unframe(r *Record) (id int, body []byte, _ *event.Refusal) {
	v := r.Value
	switch {
	case len(v) == 0:
		return 0, nil, refusal(event.BadRecord, "the record is empty (a tombstone?)")
	case len(v) >= frameSize+1 && v[0] == magic:
		return int(binary.BigEndian.Uint32(v[1:])), v[frameSize:], nil
	case r.Header(guidHeader) != nil:
		return 0, nil, refusal(event.BadRecord, "its schema is named in the header %s, which is not read: set the serializer to write the id into the value", guidHeader)
	case v[0] == '{':
		return 0, nil, refusal(event.BadRecord, "looks like plain JSON, not like a value of a schema registry, which begins with a zero byte and the schema's id")
	case len(v) <= frameSize:
		return 0, nil, refusal(event.BadRecord, "%d bytes are too short for a value of a schema registry: a zero byte, four bytes of the schema's id, and the value", len(v))
	}
	return 0, nil, refusal(event.BadRecord, "begins with byte %d, but a value of a schema registry begins with a zero byte and the schema's id in four bytes", v[0])
}

// protoRecord reads the indexes of the message in its file, which stand before it.
func protoRecord(buffer []byte, file protoreflect.FileDescriptor, id int, body []byte) ([]byte, *event.Refusal, error) {
	var header sr.ConfluentHeader
	indexes, message, err := header.DecodeIndex(body, maxIndexes)
	if err != nil {
		return buffer, refusal(event.BadRecord, "what stands before the message does not say which message of schema %d it is", id), nil
	}
	descriptor := protoMessage(file, indexes)
	if descriptor == nil {
		return buffer, refusal(event.BadRecord, "says that it is message %v of schema %d, which has no such message", indexes, id), nil
	}
	return protoJSON(buffer, descriptor, message)
}
