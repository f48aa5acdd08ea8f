package command

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"
)

// plainValue turns what clickhouse-go scanned into what JSON knows: nil, bool, number, string, list, object. kind is
// ClickHouse's type of it.
func plainValue(v reflect.Value, kind string) any {
	for _, wrapper := range []string{"Nullable(", "LowCardinality("} {
		if inner, ok := strings.CutPrefix(kind, wrapper); ok {
			return plainValue(v, strings.TrimSuffix(inner, ")"))
		}
	}
	if !v.IsValid() {
		return nil
	}
	if v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return nil
		}
		if _, ok := v.Interface().(fmt.Stringer); !ok || v.Kind() == reflect.Interface || v.Elem().Type() == reflect.TypeFor[time.Time]() {
			return plainValue(v.Elem(), kind)
		}
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return timeText(x, kind)
	case json.Marshaler, driver.Valuer: // decimals, JSON, variants: they know their text best
		if s, ok := x.(fmt.Stringer); ok {
			return s.String()
		}
		return fmt.Sprint(x)
	case fmt.Stringer: // addresses, UUIDs, big numbers
		return x.String()
	}
	switch v.Kind() {
	case reflect.Float32, reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 && !strings.HasPrefix(kind, "Array") {
			return fmt.Sprintf("%s", v.Interface())
		}
		inner := strings.TrimSuffix(strings.TrimPrefix(kind, "Array("), ")")
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plainValue(v.Index(i), inner)
		}
		return list
	case reflect.Map:
		object := map[string]any{}
		for _, key := range v.MapKeys() {
			object[fmt.Sprint(plainValue(key, ""))] = plainValue(v.MapIndex(key), "")
		}
		return object
	}
	return v.Interface()
}

// timeText writes a time as ClickHouse does: a date, or seconds with as many digits as the column has.
func timeText(t time.Time, kind string) string {
	switch {
	case strings.HasPrefix(kind, "DateTime64(") && len(kind) > len("DateTime64("):
		if digits := int(kind[len("DateTime64(")] - '0'); digits > 0 && digits <= 9 {
			return t.Format("2006-01-02 15:04:05." + strings.Repeat("0", digits))
		}
		return t.Format(time.DateTime)
	case strings.HasPrefix(kind, "DateTime"):
		return t.Format(time.DateTime)
	case strings.HasPrefix(kind, "Date"):
		return t.Format(time.DateOnly)
	}
	return t.Format("2006-01-02 15:04:05.999999999")
}

// cellText is a value as text: what nests is JSON.
func cellText(v any) string {
	switch x := v.(type) {
	case nil:
		return "NULL"
	case string:
		return x
	case []any, map[string]any:
		b, err := json.Marshal(x)
		if err != nil {
			return fmt.Sprint(x)
		}
		return string(b)
	}
	return fmt.Sprint(v)
}
