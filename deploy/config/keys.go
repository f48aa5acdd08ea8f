package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/afterclick/afterclick/schemas/spell"
)

// Prefix begins the names of our variables in the environment: kafka.brokers is AFTERCLICK_KAFKA_BROKERS.
const Prefix = "AFTERCLICK_"

// key is one setting, or a group of them.
type key struct {
	path  string // "kafka.tls.ca_file"
	about string
	value reflect.Value
	group bool
}

func (k key) name() string { return k.path[strings.LastIndexByte(k.path, '.')+1:] }
func (k key) depth() int   { return strings.Count(k.path, ".") }
func (k key) env() string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(k.path, ".", "_"))
}
func (k key) secret() bool { return k.value.Type() == reflect.TypeFor[Secret]() }

// keys returns all settings of c in order, each group before its members. Setting their values changes c.
func (c *Config) keys() []key { return keysOf(reflect.ValueOf(c).Elem(), "") }

func keysOf(v reflect.Value, prefix string) []key {
	var keys []key
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("yaml")
		if name == "-" {
			continue
		}
		k := key{path: prefix + name, about: f.Tag.Get("about"), value: v.Field(i), group: f.Type.Kind() == reflect.Struct}
		keys = append(keys, k)
		if k.group {
			keys = append(keys, keysOf(k.value, k.path+".")...)
		}
	}
	return keys
}

// list says that the key is a list of things with keys of their own.
func (k key) list() bool {
	return k.value.Kind() == reflect.Slice && k.value.Type().Elem().Kind() == reflect.Struct
}

// set reads texts into the key's value: one text, or several for a list.
func (k key) set(texts ...string) error {
	if k.list() {
		return readText(k, texts[0])
	}
	if k.value.Kind() == reflect.Slice {
		k.value.Set(reflect.ValueOf(texts))
		return nil
	}
	if len(texts) != 1 {
		return fmt.Errorf("must be one value, not a list")
	}
	text := texts[0]
	if u, ok := k.value.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch k.value.Kind() {
	case reflect.String:
		k.value.SetString(text)
	case reflect.Int:
		n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
		if err != nil {
			return fmt.Errorf("%q is no whole number", text)
		}
		k.value.SetInt(int64(n))
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		k.value.SetBool(b)
	default:
		panic("config: key " + k.path + " has a type that cannot be set: " + k.value.Type().String())
	}
	return nil
}

// find returns the setting with that path, or an error with the nearest one.
func find(keys []key, path string) (key, error) {
	for _, k := range keys {
		if k.path == path {
			return k, nil
		}
	}
	hint := ""
	if near := nearest(keys, path); near != "" {
		hint = "; did you mean " + near + "?"
	}
	return key{}, fmt.Errorf("%s is no key%s", path, hint)
}

// nearest returns the path that is meant, most likely: the last word is right and stands elsewhere, or few letters differ.
func nearest(keys []key, path string) string {
	best, bestDistance := "", len(path)/3+2
	last := path[strings.LastIndexByte(path, '.')+1:]
	for _, k := range keys {
		d := spell.Distance(path, k.path)
		if k.name() == last {
			d = min(d, 1)
		}
		if d < bestDistance {
			best, bestDistance = k.path, d
		}
	}
	return best
}
