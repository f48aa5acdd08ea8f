package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
)

// Print returns c as YAML with all keys and their comments. Passwords are not in it: what it prints can be shown and read again.
func (c *Config) Print() []byte {
	var b strings.Builder
	b.WriteString("# The configuration of Afterclick. Every key is here, with its default unless something else is set.\n")
	b.WriteString("# Each can be set by an environment variable, too (kafka.brokers is " + Prefix + "KAFKA_BROKERS),\n")
	b.WriteString("# and on the command line (--set kafka.brokers=host:9092), which wins.\n")
	for _, k := range c.keys() {
		indent := strings.Repeat("  ", k.depth())
		if k.depth() == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s# %s\n", indent, k.about)
		switch {
		case k.list():
			printList(&b, k)
		case k.group:
			fmt.Fprintf(&b, "%s%s:\n", indent, k.name())
		case k.secret():
			// Commented out, so that what is printed can be read again.
			fmt.Fprintf(&b, "%s# %s: %q\n", indent, k.name(), fmt.Sprint(k.value.Interface()))
		default:
			fmt.Fprintf(&b, "%s%s: %s\n", indent, k.name(), k.yaml())
		}
	}
	return []byte(b.String())
}

func (k key) yaml() string {
	v := k.value.Interface()
	if m, ok := v.(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			panic(err) // none of ours can fail
		}
		return string(text)
	}
	var options []yaml.EncodeOption
	if k.value.Kind() == reflect.Slice {
		options = append(options, yaml.Flow(true))
	}
	text, err := yaml.MarshalWithOptions(v, options...)
	if err != nil {
		panic(err) // texts, numbers and lists of texts
	}
	return strings.TrimSpace(string(text))
}
