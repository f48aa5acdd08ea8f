package event

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the JSON Schemas anew")

// TestSchemas makes the JSON Schemas from the Go types, their comments and the rules below, and compares.
func TestSchemas(t *testing.T) {
	comments := fieldComments(t)
	for _, topic := range SourceTopics {
		want := topicSchema(topic, comments)
		file := topic.String() + ".schema.json"
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got := Schema(topic); !bytes.Equal(got, want) {
			t.Errorf("%s is not what the types say: run go test ./schemas/event -run TestSchemas -update, and look at the difference", file)
		}
	}
}

// topic describes what the types do not say.
var topicRules = map[Topic]struct {
	of       any
	types    []Type
	required []string
	rules    []any
}{
	Clickstream: {Click{}, nil, []string{"visitor"}, []any{
		when([]Type{CheckoutCompleted, TrackingViewed}, need("order")),
	}},
	Orders: {Order{}, OrderTypes, []string{"order"}, []any{
		when([]Type{Promised}, need("promise")),
	}},
	Deliveries: {Delivery{}, DeliveryTypes, []string{"order"}, []any{
		when([]Type{EstimateChanged}, need("estimate")),
		when([]Type{Exception}, need("exception")),
	}},
	Reviews: {Review{}, ReviewTypes, []string{"review"}, []any{
		when([]Type{Posted}, object{{"anyOf", []any{need("order"), needSubjects}}}),
		when([]Type{Mention}, needSubjects),
		when([]Type{Resolved}, need("resolution")),
	}},
}

func need(field string) object { return object{{"required", []string{field}}} }

var needSubjects = object{{"required", []string{"subjects"}}, {"properties", object{{"subjects", object{{"minItems", 1}}}}}}

func when(types []Type, then object) object {
	return object{{"if", object{{"properties", object{{"type", object{{"enum", types}}}}}}}, {"then", then}}
}

// The escapes are those that ECMAScript and RE2 both know.
const noControl = `^[^\x00-\x1f\x7f]+$`

// rules of single fields, by JSON name.
func fieldRules(name string, f reflect.StructField) object {
	str := func(more ...pair) object { return append(object{{"type", "string"}}, more...) }
	enum := func(words []string) object { return str(pair{"enum", words}) }
	switch name {
	case "url", "referrer", "user_agent", "title", "reason":
		return str(pair{"maxLength", MaxLine})
	case "text":
		return str(pair{"maxLength", MaxText})
	case "version":
		return object{{"const", ContractVersion}}
	case "country":
		return str(pair{"pattern", "^[A-Za-z][A-Za-z0-9]$"})
	case "currency":
		return str(pair{"pattern", "^[A-Za-z]{3}$"})
	case "language":
		return str(pair{"pattern", "^[A-Za-z]{2,3}([-_].*)?$"}, pair{"maxLength", MaxType})
	case "exception":
		return enum(ExceptionKinds)
	case "resolution":
		return enum(Resolutions)
	case "kind":
		if f.Type == reflect.TypeFor[OrderKind]() {
			return str(pair{"enum", OrderKinds})
		}
		return enum(SubjectKinds)
	case "properties":
		return object{{"type", "object"}}
	case "rating", "rating_min", "rating_max":
		return object{{"type", "number"}}
	}
	switch {
	case f.Type == reflect.TypeFor[Time]():
		return object{{"$ref", "#/$defs/time"}}
	case f.Type.Kind() == reflect.String:
		return str(pair{"maxLength", MaxName}, pair{"pattern", noControl})
	case f.Type.Kind() == reflect.Float64:
		return object{{"type", "number"}, {"minimum", 0}, {"maximum", MaxAmount}}
	case f.Type == reflect.TypeFor[[]Item]():
		return object{{"type", "array"}, {"maxItems", MaxItems}, {"items", object{{"$ref", "#/$defs/item"}}}}
	case f.Type == reflect.TypeFor[[]Subject]():
		return object{{"type", "array"}, {"maxItems", MaxSubject}, {"items", object{{"$ref", "#/$defs/subject"}}}}
	}
	panic("no rule for field " + name)
}

func topicSchema(topic Topic, comments map[string]string) []byte {
	r := topicRules[topic]
	t := reflect.TypeOf(r.of)
	properties := structProperties(t, comments)
	typ := object{{"type", "string"}}
	if r.types != nil {
		typ = append(typ, pair{"enum", r.types})
	} else {
		typ = append(typ, pair{"minLength", 1}, pair{"maxLength", MaxType}, pair{"pattern", noControl}, pair{"examples", ClickTypes},
			pair{"description", "what happened; a type that is not among the examples is kept and counts as a visit"})
	}
	for i := range properties {
		if properties[i].key == "type" {
			properties[i].value = typ
		}
	}
	defs := object{{"time", object{
		{"description", "RFC 3339, or a whole number of milliseconds since 1970"},
		{"anyOf", []any{
			object{{"type", "string"}, {"format", "date-time"}, {"pattern", `^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$`}},
			object{{"type", "integer"}, {"minimum", Earliest.Time().UnixMilli()}, {"maximum", Latest.Time().UnixMilli()}},
		}},
	}}}
	for _, d := range []struct {
		of       any
		required []string
	}{{Item{}, []string{"product"}}, {Subject{}, []string{"kind", "id"}}} {
		dt := reflect.TypeOf(d.of)
		for _, f := range reflect.VisibleFields(t) {
			if f.Type == reflect.SliceOf(dt) {
				defs = append(defs, pair{strings.ToLower(dt.Name()), object{
					{"description", strings.TrimPrefix(comments[dt.Name()], dt.Name()+" ")}, {"type", "object"}, {"required", d.required}, {"properties", structProperties(dt, comments)},
				}})
			}
		}
	}
	var examples []json.RawMessage
	all := Examples(topic)
	types := r.types
	if types == nil {
		types = ClickTypes
	}
	for _, typ := range types {
		examples = append(examples, all[typ])
	}
	doc := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", "https://github.com/afterclick/afterclick/schemas/event/" + topic.String() + ".schema.json"},
		{"title", "Afterclick: an event of the topic " + topic.String()},
		{"description", strings.TrimPrefix(comments[t.Name()], t.Name()+" ") + " Fields that are not listed here are allowed and ignored. Lengths count bytes of UTF-8, so text beyond ASCII has less room than maxLength says."},
		{"type", "object"},
		{"required", append([]string{"id", "type", "time", "source"}, r.required...)},
		{"properties", properties},
		{"allOf", r.rules},
		{"$defs", defs},
		{"examples", examples},
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func structProperties(t reflect.Type, comments map[string]string) object {
	var o object
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		rules := fieldRules(name, f)
		owner := t.Name()
		if len(f.Index) > 1 {
			owner = "Header"
		}
		about := comments[owner+"."+f.Name]
		about = strings.TrimPrefix(about, f.Name+" ")
		if about == "" {
			about = strings.TrimPrefix(comments[f.Type.Name()], f.Type.Name()+" ")
		}
		if about != "" {
			rules = append(slices.Clone(rules), pair{"description", about})
		}
		o = append(o, pair{name, rules})
	}
	return o
}

// fieldComments reads what the Go source says about each type ("Item") and field ("Item.Price").
func fieldComments(t *testing.T) map[string]string {
	comments := map[string]string{}
	text := func(groups ...*ast.CommentGroup) string {
		for _, g := range groups {
			if s := strings.Join(strings.Fields(g.Text()), " "); s != "" {
				return s
			}
		}
		return ""
	}
	look := func(n ast.Node) bool {
		decl, ok := n.(*ast.GenDecl)
		if !ok || decl.Tok != token.TYPE {
			return true
		}
		for _, s := range decl.Specs {
			spec := s.(*ast.TypeSpec)
			comments[spec.Name.Name] = text(spec.Doc, decl.Doc)
			if st, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range st.Fields.List {
					for _, name := range f.Names {
						comments[spec.Name.Name+"."+name.Name] = text(f.Doc, f.Comment)
					}
				}
			}
		}
		return true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, look)
	}
	return comments
}

// object is a JSON object that keeps its order.
type object []pair

type pair struct {
	key   string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, p := range o {
		if i > 0 {
			b = append(b, ',')
		}
		var v bytes.Buffer
		e := json.NewEncoder(&v)
		e.SetEscapeHTML(false)
		if err := e.Encode(p.value); err != nil {
			return nil, err
		}
		b = fmt.Appendf(b, "%q:", p.key)
		b = append(b, v.Bytes()...)
	}
	return append(b, '}'), nil
}
