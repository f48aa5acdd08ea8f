package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Load reads the configuration: defaults, the file (none if it is empty), the environment (as of os.Environ), and "key=value"
// settings of the command line; the later ones win. Passwords are read from their files. The result is valid.
func Load(file string, environ, settings []string) (*Config, error) {
	c := Default()
	keys := c.keys()
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the configuration: %w", err)
		}
		if err := readYAML(keys, file, text); err != nil {
			return nil, err
		}
	}
	if err := c.readEnvironment(keys, environ); err != nil {
		return nil, err
	}
	for _, s := range settings {
		if err := readSetting(keys, s); err != nil {
			return nil, err
		}
	}
	if err := c.readPasswords(); err != nil {
		return nil, err
	}
	return c, c.Validate()
}

// readYAML sets keys from a YAML document. It goes over the syntax tree, so that an error can say where.
func readYAML(keys []key, file string, text []byte) error {
	doc, err := parser.ParseBytes(text, 0)
	if err != nil {
		return fmt.Errorf("%s%w", file, oneLine(err))
	}
	if len(doc.Docs) > 1 {
		return fmt.Errorf("%s: has several documents, must be one", file)
	}
	if len(doc.Docs) == 0 || doc.Docs[0].Body == nil {
		return nil
	}
	return readNode(keys, file, "", doc.Docs[0].Body)
}

func readNode(keys []key, file, path string, node ast.Node) error {
	at := func(n ast.Node, err error) error {
		return fmt.Errorf("%s:%d: %w", file, n.GetToken().Position.Line, err)
	}
	if path == "" || isGroup(keys, path) {
		switch n := node.(type) {
		case *ast.NullNode, *ast.CommentGroupNode:
			return nil
		case *ast.MappingNode:
			seen := map[string]bool{}
			for _, m := range n.Values {
				name := strings.TrimPrefix(path+"."+m.Key.GetToken().Value, ".")
				if seen[name] {
					return at(m.Key, fmt.Errorf("%s is there twice", name))
				}
				seen[name] = true
				if _, err := find(keys, name); err != nil {
					return at(m.Key, err)
				}
				if err := readNode(keys, file, name, m.Value); err != nil {
					return err
				}
			}
			return nil
		}
		if path == "" {
			return at(node, errors.New("must be keys with values, like \"data_dir: data\""))
		}
		return at(node, fmt.Errorf("%s: must be a group of keys", path))
	}
	k, err := find(keys, path)
	if err != nil {
		return at(node, err)
	}
	if _, null := node.(*ast.NullNode); k.list() && !null {
		return readList(k.value, path, node, at)
	}
	var texts []string
	switch n := node.(type) {
	case *ast.NullNode: // as if it were not there
		return nil
	case *ast.SequenceNode:
		texts = []string{}
		for _, v := range n.Values {
			text, err := scalar(v)
			if err != nil {
				return at(v, fmt.Errorf("%s: %w", path, err))
			}
			texts = append(texts, text)
		}
	default:
		text, err := scalar(node)
		if err != nil {
			return at(node, fmt.Errorf("%s: %w", path, err))
		}
		texts = []string{text}
	}
	if err := k.set(texts...); err != nil {
		return at(node, fmt.Errorf("%s: %w", path, err))
	}
	return nil
}

func isGroup(keys []key, path string) bool {
	k, err := find(keys, path)
	return err == nil && k.group
}

func scalar(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, nil
	}
	return "", fmt.Errorf("must be a value, not %s", strings.ToLower(n.Type().String()))
}

// oneLine turns the parser's drawing of a mistake into ":line: what".
func oneLine(err error) error {
	var y yaml.Error
	if errors.As(err, &y) {
		return fmt.Errorf(":%d: %s", y.GetToken().Position.Line, y.GetMessage())
	}
	return fmt.Errorf(": %w", err)
}

// others are variables with our prefix that are no keys.
var others = map[string]bool{Prefix + "CONFIG": true, Prefix + "LIBCHDB": true}

func (c *Config) readEnvironment(keys []key, environ []string) error {
	byName := map[string]key{}
	for _, k := range keys {
		if !k.group {
			byName[k.env()] = k
		}
	}
	for _, e := range environ {
		name, text, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, Prefix) || others[name] {
			continue
		}
		k, ok := byName[name]
		if !ok {
			c.Ignored = append(c.Ignored, name)
			continue
		}
		if err := k.set(k.split(text)...); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// readSetting sets one "key=value" of the command line.
func readSetting(keys []key, setting string) error {
	path, text, ok := strings.Cut(setting, "=")
	if !ok {
		return fmt.Errorf("--set %s: must be key=value", setting)
	}
	k, err := find(keys, path)
	switch {
	case err != nil:
	case k.group:
		err = fmt.Errorf("%s is a group: set its keys", path)
	case k.secret():
		return fmt.Errorf("--set %s: other users see the command line: use %s_file or %s", path, path, k.env())
	default:
		if err = k.set(k.split(text)...); err == nil {
			err = openly(k)
		}
	}
	if err != nil {
		return fmt.Errorf("--set %s: %w", path, err)
	}
	return nil
}

// openly refuses passwords in a list that stands on the command line.
func openly(k key) error {
	sources, _ := k.value.Interface().([]Source)
	for _, s := range sources {
		if s.Registry.Password != "" {
			return errors.New("other users see the command line: use registry.password_file")
		}
	}
	return nil
}

// split cuts a list at its commas.
func (k key) split(text string) []string {
	if k.value.Kind().String() != "slice" || k.list() {
		return []string{text}
	}
	list := []string{}
	for s := range strings.SplitSeq(text, ",") {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// readPasswords reads the files of passwords that are not given otherwise.
func (c *Config) readPasswords() error {
	type secret struct {
		key      string
		password *Secret
		file     string
	}
	all := []secret{
		{"kafka.sasl.password", &c.Kafka.SASL.Password, c.Kafka.SASL.PasswordFile},
		{"clickhouse.password", &c.ClickHouse.Password, c.ClickHouse.PasswordFile},
	}
	for i := range c.Sources {
		r := &c.Sources[i].Registry
		all = append(all, secret{fmt.Sprintf("sources[%d].registry.password", i), &r.Password, r.PasswordFile})
	}
	for _, p := range all {
		if p.file == "" {
			continue
		}
		if *p.password != "" {
			return fmt.Errorf("%s and %s_file are both set: remove one", p.key, p.key)
		}
		text, err := os.ReadFile(p.file)
		if err != nil {
			return fmt.Errorf("%s_file: %w", p.key, err)
		}
		*p.password = Secret(strings.TrimRight(string(text), "\r\n"))
	}
	return nil
}
