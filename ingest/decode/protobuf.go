package decode

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/afterclick/afterclick/ingest/decode/registry"
	"github.com/afterclick/afterclick/schemas/event"
)

// Files that Confluent's registry knows by itself, so that no schema refers to them: the interface that they define, and no more.
var builtinProtos = map[string]string{
	"confluent/meta.proto": `syntax = "proto3"; package confluent; import "google/protobuf/descriptor.proto";
message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }`,
	"confluent/type/decimal.proto": `syntax = "proto3"; package confluent.type;
message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }`,
}

// protoSchema reads a .proto file of the registry. Those that it refers to are its imports.
func protoSchema(s *registry.Schema) (protoreflect.FileDescriptor, error) {
	const name = "schema"
	files := map[string]string{name: s.Text}
	for n, text := range builtinProtos {
		files[n] = text
	}
	for _, i := range s.Imports {
		files[i.Name] = i.Text
	}
	compiler := protocompile.Compiler{MaxParallelism: 1,
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(files)})}
	compiled, err := compiler.Compile(context.Background(), name)
	if err != nil {
		return nil, clipped(err)
	}
	return compiled[0], nil
}

// maxIndexes is how deep a message may be declared in others.
const maxIndexes = 16

// protoMessage finds the message that a record's indexes name: the number of one in the file, then of one in that, and so on.
func protoMessage(file protoreflect.FileDescriptor, indexes []int) protoreflect.MessageDescriptor {
	var found protoreflect.MessageDescriptor
	messages := file.Messages()
	for _, i := range indexes {
		if i < 0 || i >= messages.Len() {
			return nil
		}
		found = messages.Get(i)
		messages = found.Messages()
	}
	return found
}

// protoJSON writes a message as JSON. Fields have the names of the .proto file. A field that is not set is left out, as is a number, text
// or list that is empty and of which the message cannot say whether it was set; an enum is always told, by its name.
func protoJSON(b []byte, message protoreflect.MessageDescriptor, body []byte) ([]byte, *event.Refusal, error) {
	m := dynamicpb.NewMessage(message)
	if err := (proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: MaxDepth, AllowPartial: true}).Unmarshal(body, m); err != nil {
		return b, refusal(event.BadRecord, "the bytes are no message %s, as the schema says: %v", message.FullName(), clipped(err)), nil
	}
	b, err := appendMessage(b, m, "the record")
	if err != nil {
		return b, refusal(event.BadRecord, "%v", clipped(err)), nil
	}
	return b, nil, nil
}

func appendMessage(b []byte, m protoreflect.Message, path string) ([]byte, error) {
	if len(b) > maxJSON {
		return b, fmt.Errorf("is more than %d bytes as JSON", maxJSON)
	}
	if known, ok := knownMessages[m.Descriptor().FullName()]; ok {
		return known(b, m, path)
	}
	fields := m.Descriptor().Fields()
	b = append(b, '{')
	first := true
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) && (f.Kind() != protoreflect.EnumKind || f.HasPresence() || f.Cardinality() == protoreflect.Repeated) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		b = append(b, f.Name()...)
		b = append(b, '"', ':')
		var err error
		if b, err = appendField(b, f, m.Get(f)); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

func appendField(b []byte, f protoreflect.FieldDescriptor, v protoreflect.Value) (_ []byte, err error) {
	switch {
	case f.IsList():
		b = append(b, '[')
		for i := range v.List().Len() {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendScalar(b, f, v.List().Get(i)); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	case f.IsMap():
		var keys []protoreflect.MapKey
		v.Map().Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
			keys = append(keys, k)
			return true
		})
		slices.SortFunc(keys, func(x, y protoreflect.MapKey) int { return strings.Compare(x.String(), y.String()) })
		b = append(b, '{')
		for i, k := range keys {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendText(b, k.String(), string(f.Name())); err != nil {
				return b, err
			}
			b = append(b, ':')
			if b, err = appendScalar(b, f.MapValue(), v.Map().Get(k)); err != nil {
				return b, err
			}
		}
		return append(b, '}'), nil
	}
	return appendScalar(b, f, v)
}

func appendScalar(b []byte, f protoreflect.FieldDescriptor, v protoreflect.Value) ([]byte, error) {
	path := string(f.Name())
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return appendMessage(b, v.Message(), path)
	case protoreflect.EnumKind:
		if e := f.Enum().Values().ByNumber(v.Enum()); e != nil {
			return appendText(b, string(e.Name()), path)
		}
		return strconv.AppendInt(b, int64(v.Enum()), 10), nil // a newer schema knows its name
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		return strconv.AppendUint(b, v.Uint(), 10), nil
	case protoreflect.FloatKind:
		return appendFloat(b, v.Float(), 32, path)
	case protoreflect.StringKind:
		return appendText(b, v.String(), path)
	case protoreflect.BytesKind:
		return appendBase64(b, v.Bytes()), nil
	case protoreflect.BoolKind, protoreflect.DoubleKind:
		return appendJSON(b, v.Interface(), path)
	}
	return strconv.AppendInt(b, v.Int(), 10), nil
}

// knownMessages are messages that mean one value. All others are objects.
var knownMessages map[protoreflect.FullName]func(b []byte, m protoreflect.Message, path string) ([]byte, error)

func init() {
	knownMessages = map[protoreflect.FullName]func(b []byte, m protoreflect.Message, path string) ([]byte, error){
		"google.protobuf.Timestamp": appendTimestamp,
		"google.protobuf.Duration":  appendDuration,
		"google.protobuf.FieldMask": appendFieldMask,
		"google.protobuf.Struct":    appendOnly,
		"google.protobuf.ListValue": appendOnly,
		"google.protobuf.Value":     appendValue,
		"confluent.type.Decimal":    appendDecimal,
	}
	for _, of := range []protoreflect.FullName{"Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes"} {
		knownMessages["google.protobuf."+of+"Value"] = appendOnly
	}
}

// knownField returns the value of a field of a message whose definition is known by its name: but somebody may have defined it otherwise.
func knownField(m protoreflect.Message, number protoreflect.FieldNumber, kind protoreflect.Kind) (protoreflect.Value, error) {
	f := m.Descriptor().Fields().ByNumber(number)
	if f == nil || f.Kind() != kind || f.Cardinality() == protoreflect.Repeated {
		return protoreflect.Value{}, fmt.Errorf("the schema defines a %s of its own", m.Descriptor().FullName())
	}
	return m.Get(f), nil
}

func secondsAndNanos(m protoreflect.Message) (int64, int64, error) {
	s, err := knownField(m, 1, protoreflect.Int64Kind)
	if err != nil {
		return 0, 0, err
	}
	n, err := knownField(m, 2, protoreflect.Int32Kind)
	if err != nil {
		return 0, 0, err
	}
	return s.Int(), n.Int(), nil
}

func appendTimestamp(b []byte, m protoreflect.Message, path string) ([]byte, error) {
	s, n, err := secondsAndNanos(m)
	if err != nil {
		return b, err
	}
	text, err := formatTime(time.Unix(s, n), time.RFC3339Nano)
	if err != nil {
		return b, fmt.Errorf("%s: %w", path, err)
	}
	return appendText(b, text, path)
}

// appendDuration writes seconds, as in "1.5s".
func appendDuration(b []byte, m protoreflect.Message, path string) ([]byte, error) {
	s, n, err := secondsAndNanos(m)
	if err != nil {
		return b, err
	}
	const longest = 315_576_000_000 // as Duration's definition says
	if s < -longest || s > longest || n <= -1e9 || n >= 1e9 || s > 0 && n < 0 || s < 0 && n > 0 {
		return b, fmt.Errorf("%s: %d seconds and %d nanoseconds are no duration", path, s, n)
	}
	b = append(b, '"')
	if s < 0 || n < 0 {
		b = append(b, '-')
		s, n = -s, -n
	}
	b = strconv.AppendInt(b, s, 10)
	if n != 0 {
		b = append(b, strings.TrimRight(fmt.Sprintf(".%09d", n), "0")...)
	}
	return append(b, 's', '"'), nil
}

func appendFieldMask(b []byte, m protoreflect.Message, path string) ([]byte, error) {
	f := m.Descriptor().Fields().ByNumber(1)
	if f == nil || !f.IsList() || f.Kind() != protoreflect.StringKind {
		return b, errors.New("the schema defines a google.protobuf.FieldMask of its own")
	}
	var paths []string
	for i := range m.Get(f).List().Len() {
		paths = append(paths, m.Get(f).List().Get(i).String())
	}
	return appendText(b, strings.Join(paths, ","), path)
}

// appendOnly writes the only field of a message instead of the message.
func appendOnly(b []byte, m protoreflect.Message, path string) ([]byte, error) {
	f := m.Descriptor().Fields().ByNumber(1)
	if f == nil || m.Descriptor().Fields().Len() != 1 {
		return b, fmt.Errorf("the schema defines a %s of its own", m.Descriptor().FullName())
	}
	return appendField(b, f, m.Get(f))
}

// appendValue writes whichever JSON a google.protobuf.Value is.
func appendValue(b []byte, m protoreflect.Message, path string) ([]byte, error) {
	oneofs := m.Descriptor().Oneofs()
	if oneofs.Len() != 1 {
		return b, errors.New("the schema defines a google.protobuf.Value of its own")
	}
	f := m.WhichOneof(oneofs.Get(0))
	if f == nil || f.Kind() == protoreflect.EnumKind {
		return append(b, "null"...), nil
	}
	return appendField(b, f, m.Get(f))
}

func appendDecimal(b []byte, m protoreflect.Message, path string) ([]byte, error) {
	v, err := knownField(m, 1, protoreflect.BytesKind)
	if err != nil {
		return b, err
	}
	scale, err := knownField(m, 3, protoreflect.Int32Kind)
	if err != nil {
		return b, err
	}
	number, err := decimalOf(v.Bytes(), int(scale.Int()))
	if err != nil {
		return b, fmt.Errorf("%s: %w", path, err)
	}
	return append(b, number...), nil
}
