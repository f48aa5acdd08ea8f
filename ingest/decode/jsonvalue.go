package decode

import (
	"encoding/base64"
	stdjson "encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/segmentio/encoding/json"
)

// maxJSON bounds the JSON that a record in a denser encoding becomes.
const maxJSON = MaxGrowth * DefaultMaxBytes

// appendJSON appends a value of a denser encoding as JSON: nil, bool, int32, int64, float32, float64, string, []byte (base64), json.Number,
// []any and map[string]any, whose keys are sorted, so that the same record always gives the same bytes. The error names what JSON cannot say.
func appendJSON(b []byte, v any, path string) ([]byte, error) {
	if len(b) > maxJSON {
		return b, fmt.Errorf("is more than %d bytes as JSON", maxJSON)
	}
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int32:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case float32:
		return appendFloat(b, float64(v), 32, path)
	case float64:
		return appendFloat(b, v, 64, path)
	case string:
		return appendText(b, v, path)
	case []byte:
		return appendBase64(b, v), nil
	case stdjson.Number:
		return append(b, v...), nil
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendJSON(b, e, path); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	case map[string]any:
		var room [32]string
		keys := room[:0]
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		b = append(b, '{')
		for i, k := range keys {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendText(b, k, path); err != nil {
				return b, err
			}
			b = append(b, ':')
			if b, err = appendJSON(b, v[k], k); err != nil {
				return b, err
			}
		}
		return append(b, '}'), nil
	}
	return b, fmt.Errorf("%s: a %T cannot be written as JSON", path, v)
}

func appendFloat(b []byte, v float64, bits int, path string) ([]byte, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return b, fmt.Errorf("%s: %v is no number that JSON knows", path, v)
	}
	return strconv.AppendFloat(b, v, 'g', -1, bits), nil
}

func appendText(b []byte, s, path string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return b, fmt.Errorf("%s: the text %.64q is not UTF-8", path, s)
	}
	return json.AppendEscape(b, s, 0), nil
}

func appendBase64(b, v []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, v)
	return append(b, '"')
}
