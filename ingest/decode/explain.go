package decode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/afterclick/afterclick/schemas/event"
)

// explain says what is wrong with a record that the fast decoder did not take. It decodes again, slowly, with the standard
// library, field by field along the type of target, so that the sender hears which field it was. cause is what the fast decoder
// said, and is told if the slow one finds nothing wrong.
func explain(value []byte, target any, cause error) *event.Refusal {
	var top json.RawMessage
	if err := json.Unmarshal(value, &top); err != nil {
		return badJSON(value, err)
	}
	// First of all: a record of another version may have anything in its fields.
	var fields map[string]json.RawMessage
	if json.Unmarshal(top, &fields) == nil {
		if v, ok := fields["version"]; ok && string(v) != "null" && string(v) != fmt.Sprint(event.ContractVersion) {
			return &event.Refusal{Reason: event.UnknownVersion, Field: "version", Detail: fmt.Sprintf(
				"is %.64s, but this Afterclick knows the contract's version %d only: upgrade it, or send that", v, event.ContractVersion)}
		}
	}
	if r := explainValue("", bytes.TrimSpace(top), reflect.TypeOf(target).Elem()); r != nil {
		return r
	}
	return refusal(event.BadJSON, "%v", cause)
}

func badJSON(value []byte, err error) *event.Refusal {
	if bytes.HasPrefix(value, []byte("\xef\xbb\xbf")) {
		return refusal(event.BadJSON, "starts with a byte order mark, which JSON must not have")
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at := min(max(int(syntax.Offset)-1, 0), len(value))
		from, to := max(at-20, 0), min(at+20, len(value))
		return refusal(event.BadJSON, "%v, at byte %d, near %q", err, at, strings.ToValidUTF8(string(value[from:to]), ""))
	}
	return refusal(event.BadJSON, "%v", err)
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// explainValue returns what is wrong with raw, valid JSON, as a value of type t at path.
func explainValue(path string, raw []byte, t reflect.Type) *event.Refusal {
	if string(raw) == "null" && path != "" {
		return nil
	}
	switch {
	case reflect.PointerTo(t).Implements(unmarshaler):
		if err := json.Unmarshal(raw, reflect.New(t).Interface()); err != nil {
			return &event.Refusal{Reason: event.WrongType, Field: path, Detail: err.Error()}
		}
		return nil
	case t.Kind() == reflect.Struct:
		if raw[0] != '{' {
			return wrongType(path, "an object", raw)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(raw, &fields); err != nil {
			return refusal(event.BadJSON, "%v", err)
		}
		for _, f := range reflect.VisibleFields(t) {
			name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
			field, there := fields[name]
			if name == "" || !there {
				continue
			}
			if path != "" {
				name = path + "." + name
			}
			if option == "string" {
				field = unquoted(field)
			}
			if r := explainValue(name, field, f.Type); r != nil {
				return r
			}
		}
		return nil
	case t.Kind() == reflect.Slice:
		if raw[0] != '[' {
			return wrongType(path, "a list", raw)
		}
		var elements []json.RawMessage
		if err := json.Unmarshal(raw, &elements); err != nil {
			return refusal(event.BadJSON, "%v", err)
		}
		for i, e := range elements {
			if r := explainValue(fmt.Sprintf("%s[%d]", path, i), e, t.Elem()); r != nil {
				return r
			}
		}
		return nil
	}
	if err := json.Unmarshal(raw, reflect.New(t).Interface()); err != nil {
		want, ok := kinds[t.Kind()]
		if !ok {
			want = t.Kind().String()
		}
		return wrongType(path, want, raw)
	}
	return nil
}

var kinds = map[reflect.Kind]string{
	reflect.String:  "a string",
	reflect.Bool:    "true or false",
	reflect.Float64: "a number that fits 64 bits of floating point",
	reflect.Uint32:  "a whole number from 0 to 4294967295",
	reflect.Uint64:  "a whole number from 0 to 18446744073709551615, in quotes",
}

func wrongType(path, want string, raw []byte) *event.Refusal {
	got := string(raw)
	if len(got) > 64 {
		got = strings.ToValidUTF8(got[:61], "") + "..."
	}
	detail := fmt.Sprintf("must be %s, came as %s", want, got)
	if path == "" {
		detail = "the record " + detail
	}
	return &event.Refusal{Reason: event.WrongType, Field: path, Detail: detail}
}

// unquoted returns what stands inside a JSON string, or something that is no number.
func unquoted(raw []byte) []byte {
	var s string
	if json.Unmarshal(raw, &s) != nil || strings.TrimSpace(s) != s || !json.Valid([]byte(s)) {
		return []byte(`"not a number in quotes"`)
	}
	return []byte(s)
}
