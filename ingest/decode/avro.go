package decode

import (
	"cmp"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/avro"

	"github.com/afterclick/afterclick/ingest/decode/registry"
	"github.com/afterclick/afterclick/schemas/event"
)

// avroTypes say what logical types are as JSON: what our own formats, and people, read as such. What has no logical type is told by its
// Avro type (appendJSON), and of a union only the value is told, not the branch.
var avroTypes = []avro.SchemaOpt{
	avroMoment("timestamp-millis", time.UnixMilli), avroMoment("timestamp-micros", time.UnixMicro), avroMoment("timestamp-nanos", unixNano),
	avroLocal("local-timestamp-millis", time.UnixMilli), avroLocal("local-timestamp-micros", time.UnixMicro), avroLocal("local-timestamp-nanos", unixNano),
	avro.NewCustomType("date", nil, func(days int32, _ *avro.SchemaNode) (string, error) {
		return formatTime(time.Unix(int64(days)*86400, 0), time.DateOnly)
	}),
	avro.NewCustomType("time-millis", nil, func(ms int32, _ *avro.SchemaNode) (string, error) {
		return formatTime(time.UnixMilli(int64(ms)), "15:04:05.000")
	}),
	avro.NewCustomType("time-micros", nil, func(us int64, _ *avro.SchemaNode) (string, error) {
		return formatTime(time.UnixMicro(us), "15:04:05.000000")
	}),
	avro.CustomType{LogicalType: "decimal", AvroType: "bytes", Decode: avroDecimal},
	avro.CustomType{LogicalType: "decimal", AvroType: "fixed", Decode: avroDecimal},
	avro.CustomType{LogicalType: "duration", Decode: func(v any, _ *avro.SchemaNode) (any, error) {
		b, ok := v.([]byte)
		if !ok || len(b) != 12 {
			return nil, avro.ErrSkipCustomType
		}
		return avro.DurationFromBytes(b).String(), nil
	}},
}

func unixNano(ns int64) time.Time { return time.Unix(0, ns) }

// avroMoment is a point in time: RFC 3339 in UTC.
func avroMoment(name string, of func(int64) time.Time) avro.CustomType {
	return avro.NewCustomType(name, nil, func(n int64, _ *avro.SchemaNode) (string, error) { return formatTime(of(n), time.RFC3339Nano) })
}

// avroLocal is a time on a clock nobody knows where. It gets no zone, so that it is not taken for a point in time.
func avroLocal(name string, of func(int64) time.Time) avro.CustomType {
	return avro.NewCustomType(name, nil, func(n int64, _ *avro.SchemaNode) (string, error) {
		return formatTime(of(n), "2006-01-02T15:04:05.999999999")
	})
}

// formatTime refuses years that RFC 3339 cannot write: a unit was mistaken for another.
func formatTime(t time.Time, layout string) (string, error) {
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return "", fmt.Errorf("the year %d has no four digits: is the unit right?", t.Year())
	}
	return t.Format(layout), nil
}

// maxDecimal bounds bytes and digits of a decimal: money needs few.
const maxDecimal = 64

// avroDecimal writes all digits of the scale, as they were sent.
func avroDecimal(v any, node *avro.SchemaNode) (any, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, avro.ErrSkipCustomType
	}
	return decimalOf(b, node.Scale)
}

// decimalOf reads a big-endian two's complement.
func decimalOf(b []byte, scale int) (stdjson.Number, error) {
	if len(b) > maxDecimal || scale < 0 || scale > maxDecimal {
		return "", fmt.Errorf("a decimal of %d bytes and scale %d: the limit of both is %d", len(b), scale, maxDecimal)
	}
	return stdjson.Number(avro.RatFromBytes(b, scale).FloatString(scale)), nil
}

// avroSchema reads a schema of the registry. Those that it refers to are named types that it uses.
func avroSchema(s *registry.Schema) (*avro.Schema, error) {
	var cache avro.SchemaCache
	for _, i := range s.Imports {
		if _, err := cache.Parse(i.Text, avroTypes...); err != nil {
			return nil, fmt.Errorf("%s, which it refers to: %w", i.Name, err)
		}
	}
	return cache.Parse(s.Text, avroTypes...)
}

// avroJSON writes a value as JSON.
func avroJSON(b []byte, schema *avro.Schema, body []byte) ([]byte, *event.Refusal, error) {
	var v any
	rest, err := schema.Decode(body, &v, avro.AliasInput())
	if err != nil {
		var where *avro.SemanticError
		field := ""
		if errors.As(err, &where) {
			field, err = where.Field, cmp.Or(where.Err, err)
		}
		return b, &event.Refusal{Reason: event.BadRecord, Field: field, Detail: fmt.Sprintf("the bytes are not what the schema says: %v", clipped(err))}, nil
	}
	if len(rest) > 0 {
		return b, refusal(event.BadRecord, "%d bytes are left over after what the schema says: it was written with another schema", len(rest)), nil
	}
	if b, err = appendJSON(b, v, "the record"); err != nil {
		return b, refusal(event.BadRecord, "%v", clipped(err)), nil
	}
	return b, nil, nil
}

// clipped keeps what a library says short. The Protobuf library writes other spaces from build to build, so that nobody relies on its words;
// a dead letter says the same each time.
func clipped(err error) error {
	s := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	if len(s) > 300 {
		s = s[:297] + "..."
	}
	return errors.New(strings.ToValidUTF8(s, "?"))
}
