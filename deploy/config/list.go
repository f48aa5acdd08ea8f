package config

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/afterclick/afterclick/schemas/spell"
)

// This file reads and prints keys that are lists of things with keys of their own, such as sources. The names of these keys are checked
// like all others; the environment and the command line give such a list as YAML, too.

// locate adds to an error where it was found.
type locate func(n ast.Node, err error) error

// readText reads a list from YAML that is not in the file: --set 'sources=[{topic: clicks, holds: clickstream}, ...]'.
func readText(k key, text string) error {
	doc, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return fmt.Errorf("is no YAML%w", oneLine(err))
	}
	if len(doc.Docs) != 1 || doc.Docs[0].Body == nil {
		return errors.New("must be one list, in YAML")
	}
	return readList(k.value, k.path, doc.Docs[0].Body, func(_ ast.Node, err error) error { return err })
}

// readList replaces a list by what a node has.
func readList(v reflect.Value, path string, node ast.Node, at locate) error {
	n, ok := node.(*ast.SequenceNode)
	if !ok {
		return at(node, fmt.Errorf("%s: must be a list", path))
	}
	list := reflect.MakeSlice(v.Type(), 0, len(n.Values))
	for i, element := range n.Values {
		e := reflect.New(v.Type().Elem()).Elem()
		if err := readValue(e, fmt.Sprintf("%s[%d]", path, i), element, at); err != nil {
			return err
		}
		list = reflect.Append(list, e)
	}
	v.Set(list)
	return nil
}

// readValue reads a node into a value of any of the types that such lists have.
func readValue(v reflect.Value, path string, node ast.Node, at locate) error {
	if _, null := node.(*ast.NullNode); null {
		return nil
	}
	_, isText := v.Addr().Interface().(encoding.TextUnmarshaler)
	switch {
	case v.Kind() == reflect.Struct && !isText:
		return readMapping(node, path, at, func(name string, key, value ast.Node) error {
			var names []string
			for i := range v.NumField() {
				if names = append(names, v.Type().Field(i).Tag.Get("yaml")); names[i] == name {
					return readValue(v.Field(i), path+"."+name, value, at)
				}
			}
			return at(key, fmt.Errorf("%s.%s is no key, which are: %s%s", path, name, strings.Join(names, ", "), spell.DidYouMean(names, name)))
		})
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		return readMapping(node, path, at, func(name string, _, value ast.Node) error {
			text, err := scalar(value)
			if err != nil {
				return at(value, fmt.Errorf("%s.%s: %w", path, name, err))
			}
			v.SetMapIndex(reflect.ValueOf(name), reflect.ValueOf(text))
			return nil
		})
	}
	if _, list := node.(*ast.SequenceNode); list && v.Kind() != reflect.Slice {
		return at(node, fmt.Errorf("%s: must be one value, not a list", path))
	}
	texts := []string{}
	if list, ok := node.(*ast.SequenceNode); ok && v.Kind() == reflect.Slice {
		for _, n := range list.Values {
			text, err := scalar(n)
			if err != nil {
				return at(n, fmt.Errorf("%s: %w", path, err))
			}
			texts = append(texts, text)
		}
	} else {
		text, err := scalar(node)
		if err != nil {
			return at(node, fmt.Errorf("%s: %w", path, err))
		}
		texts = append(texts, text)
	}
	if v.Kind() == reflect.Slice {
		v.Set(reflect.ValueOf(texts).Convert(v.Type()))
		return nil
	}
	if err := (key{path: path, value: v}).set(texts...); err != nil {
		return at(node, fmt.Errorf("%s: %w", path, err))
	}
	return nil
}

// readMapping calls f for each key of a mapping.
func readMapping(node ast.Node, path string, at locate, f func(name string, key, value ast.Node) error) error {
	n, ok := node.(*ast.MappingNode)
	if !ok {
		return at(node, fmt.Errorf("%s: must be a group of keys", path))
	}
	seen := map[string]bool{}
	for _, m := range n.Values {
		name, err := scalar(m.Key)
		if err != nil {
			return at(m.Key, fmt.Errorf("%s: a key %w", path, err))
		}
		if seen[name] {
			return at(m.Key, fmt.Errorf("%s.%s is there twice", path, name))
		}
		seen[name] = true
		if err := f(name, m.Key, m.Value); err != nil {
			return err
		}
	}
	return nil
}

// printList writes a list, one element after the other, without what is not set. The comments of the keys stand above it.
func printList(b *strings.Builder, k key) {
	t := k.value.Type().Elem()
	for i := range t.NumField() {
		f := t.Field(i)
		fmt.Fprintf(b, "#   %s: %s\n", f.Tag.Get("yaml"), f.Tag.Get("about"))
		if f.Type.Kind() == reflect.Struct {
			for j := range f.Type.NumField() {
				inner := f.Type.Field(j)
				fmt.Fprintf(b, "#     %s: %s\n", inner.Tag.Get("yaml"), inner.Tag.Get("about"))
			}
		}
	}
	if k.value.Len() == 0 {
		fmt.Fprintf(b, "%s: []\n", k.name())
		return
	}
	fmt.Fprintf(b, "%s:\n", k.name())
	for i := range k.value.Len() {
		dash := "  - "
		printFields(b, k.value.Index(i), func(depth int) string {
			if dash != "" {
				defer func() { dash = "" }()
				return dash
			}
			return strings.Repeat("  ", depth+2)
		}, 0)
	}
}

// printFields writes the fields of a struct that are set. A password is a comment, so that what is printed can be read again.
func printFields(b *strings.Builder, v reflect.Value, indent func(depth int) string, depth int) {
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Tag.Get("yaml")
		if f.IsZero() && i > 0 {
			continue
		}
		if s, ok := f.Interface().(Secret); ok {
			if depth > 0 || i > 0 {
				fmt.Fprintf(b, "%s# %s: %q\n", indent(depth), name, s.String())
			}
			continue
		}
		switch {
		case f.Kind() == reflect.Struct:
			fmt.Fprintf(b, "%s%s:\n", indent(depth), name)
			printFields(b, f, indent, depth+1)
		case f.Kind() == reflect.Map:
			fmt.Fprintf(b, "%s%s:\n", indent(depth), name)
			for _, key := range slices.Sorted(maps.Keys(f.Interface().(map[string]string))) {
				fmt.Fprintf(b, "%s%s: %s\n", indent(depth+1), printed(key), printed(f.Interface().(map[string]string)[key]))
			}
		case f.Kind() == reflect.Slice && f.Len() == 1:
			fmt.Fprintf(b, "%s%s: %s\n", indent(depth), name, printed(f.Index(0).Interface()))
		default:
			fmt.Fprintf(b, "%s%s: %s\n", indent(depth), name, printed(f.Interface()))
		}
	}
}

// printed is a text or a list of texts in one line of YAML.
func printed(v any) string {
	text, err := yaml.MarshalWithOptions(v, yaml.Flow(true))
	if err != nil {
		panic(err) // texts and lists of texts
	}
	return strings.TrimSpace(string(text))
}
