package decode

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/spell"
)

// mappingDefinition is any JSON, read by what the config says of each field.
var mappingDefinition = definition{
	name:    "mapping",
	holds:   event.SourceTopics,
	options: []string{OptionFields, OptionTypes, OptionZone},
	open: func(o *Options) (func() Format, error) {
		m := &mapping{kind: o.Holds[0]}
		zone, err := zoneOf(o)
		if err != nil {
			return nil, err
		}
		if m.types, err = typeOf(OptionTypes, o.Holds, o.Types); err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(o.Fields)) {
			if err := m.add(name, o.Fields[name], zone); err != nil {
				return nil, fmt.Errorf("%s.%s: %w", OptionFields, name, err)
			}
		}
		for _, name := range m.required() {
			if _, ok := o.Fields[name]; !ok {
				return nil, fmt.Errorf("%s: %s is required for %s: where it stands in the records, like $.%s, or a constant; @time is when the record was written", OptionFields, name, m.kind, name)
			}
		}
		return func() Format { return &mapper{mapping: m} }, nil
	},
}

// mapping is what the config says, compiled.
type mapping struct {
	kind       event.Topic
	types      map[string]event.Type
	fields     []mapped
	lists      []mappedList // items, subjects
	properties *place
	record     []way    // what the fields take of the record itself
	used       []string // members of the record that fields take as a whole
}

// mapped is a field of ours and where it stands.
type mapped struct {
	name  string
	index []int // in the struct
	place place
}

// mappedList is a list of ours: where it stands, nil if the record itself is its only element, and the fields of an element.
type mappedList struct {
	name   string
	index  []int
	place  *place
	fields []mapped
}

func (m *mapping) required() []string {
	switch m.kind {
	case event.Clickstream:
		return []string{"type", "time", "visitor"}
	case event.Reviews:
		return []string{"type", "time", "review"}
	}
	return []string{"type", "time", "order"}
}

// anyType is the type of those that are in no table.
const anyType = "*"

func (m *mapping) add(name, text string, zone *time.Location) error {
	p, err := parsePlace(text, zone)
	if err != nil {
		return err
	}
	whole := reflect.TypeOf(pointer(&event.Event{Topic: m.kind})).Elem()
	head, tail, inList := strings.Cut(name, ".")
	f, known := fieldOf(whole, head)
	if !known {
		return fmt.Errorf("is no field of %s, which are: %s%s", m.kind, strings.Join(namesOf(whole), ", "), spell.DidYouMean(namesOf(whole), name))
	}
	if p.when != nil && f.Type != reflect.TypeFor[event.Time]() {
		return fmt.Errorf("as is for times")
	}
	isList := f.Type.Kind() == reflect.Slice && f.Type != reflect.TypeFor[json.RawMessage]()
	switch {
	case inList && !isList:
		return fmt.Errorf("%s is no list, so it has no fields of its own", head)
	case isList:
		l := m.list(head, f.Index)
		if !inList {
			l.place = &p
			m.use(&p)
			return nil
		}
		inner, known := fieldOf(f.Type.Elem(), tail)
		if !known {
			return fmt.Errorf("%s is no field of %s, which are: %s%s", tail, head, strings.Join(namesOf(f.Type.Elem()), ", "), spell.DidYouMean(namesOf(f.Type.Elem()), tail))
		}
		field := mapped{tail, inner.Index, p}
		l.fields = append(l.fields, field)
		return field.checkConstant(inner.Type)
	case head == "properties":
		m.properties = &p
		return nil
	}
	m.use(&p)
	field := mapped{head, f.Index, p}
	m.fields = append(m.fields, field)
	return field.checkConstant(f.Type)
}

func (m *mapping) list(name string, index []int) *mappedList {
	for i := range m.lists {
		if m.lists[i].name == name {
			return &m.lists[i]
		}
	}
	m.lists = append(m.lists, mappedList{name: name, index: index})
	return &m.lists[len(m.lists)-1]
}

func (m *mapping) use(p *place) {
	for i := range p.ways {
		if top := p.ways[i].top(); top != "" {
			m.used = append(m.used, top)
		}
		if p.ways[i].record != 0 {
			m.record = append(m.record, p.ways[i])
		}
	}
}

// checkConstant refuses constants that are not what the field needs.
func (f *mapped) checkConstant(t reflect.Type) error {
	for _, w := range f.place.ways {
		if w.constant == nil {
			continue
		}
		text, _ := w.constant.text()
		_, isNumber := w.constant.number()
		switch {
		case t == reflect.TypeFor[event.Time]():
			return fmt.Errorf("%q is a constant, and a time is none: begin a path with $, or say @time", text)
		case t.Kind() == reflect.Float64 && !isNumber:
			return fmt.Errorf("%q is no number; a path begins with $", text)
		}
	}
	return nil
}

// fieldOf finds a field by its name in JSON.
func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	for _, f := range reflect.VisibleFields(t) {
		if n, _, _ := strings.Cut(f.Tag.Get("json"), ","); n == name && n != "" && n != "version" {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func namesOf(t reflect.Type) (names []string) {
	for _, f := range reflect.VisibleFields(t) {
		if n, _, _ := strings.Cut(f.Tag.Get("json"), ","); n != "" && n != "version" {
			names = append(names, n)
		}
	}
	return names
}

// mapper is the Format of a mapping.
type mapper struct {
	*mapping
	pick picker
	rest rest
}

func (m *mapper) Decode(r *Record, out *Events) error {
	n, wrong := parseAny(r.Value)
	if wrong != nil {
		out.Refuse(wrong)
		return nil
	}
	m.pick = picker{}
	e := out.Add(m.kind)
	v := reflect.ValueOf(pointer(e)).Elem()
	for i := range m.fields {
		f := &m.fields[i]
		m.set(v.FieldByIndex(f.index), &f.place, f.place.text, n, r, out)
	}
	for i := range m.lists {
		m.setList(v, &m.lists[i], n, r, out)
	}
	h := headerOf(e)
	m.mapType(h)
	if h.ID == "" {
		content := []byte(n)
		for i := range m.record { // may be all that tells two events apart
			content = append(append(content[:len(content):len(content)], ' '), m.record[i].find(n, r, out)...)
		}
		h.ID = contentID("mapping", content)
	}
	properties := v.FieldByName("Properties").Addr().Interface().(*json.RawMessage)
	if m.properties == nil {
		m.rest.addMembers(n, m.used...)
		*properties = m.rest.end(out)
	} else if found := m.properties.find(n, r, out); found.isObject() {
		*properties = json.RawMessage(found)
	} else if !found.absent() && m.properties.ways[0].constant == nil {
		m.pick.mistyped(m.properties.text, "an object", found)
	}
	if m.pick.wrong != nil {
		out.Spoil(m.pick.wrong)
	}
	return nil
}

// mapType looks the type up in the table, if there is one.
func (m *mapper) mapType(h *event.Header) {
	if len(m.types) == 0 || h.Type == "" {
		return
	}
	if ours, ok := m.types[string(h.Type)]; ok {
		h.Type = ours
	} else if ours, ok := m.types[anyType]; ok {
		h.Type = ours
	} else {
		m.pick.refuse(event.UnknownType, m.Theirs(m.kind, "type"), fmt.Sprintf("%.64q is not in the table of types; add it, or %q for all others", string(h.Type), anyType))
	}
}

// set fills one field.
func (m *mapper) set(field reflect.Value, p *place, path string, n node, r *Record, out *Events) {
	found := p.find(n, r, out)
	switch {
	case field.Type() == reflect.TypeFor[event.Time]():
		t, err := p.time(found)
		if err != nil {
			m.pick.refuse(event.WrongType, path, err.Error())
		}
		field.SetInt(int64(t))
	case field.Kind() == reflect.Float64:
		field.SetFloat(m.pick.number(path, found))
	default:
		field.SetString(m.pick.text(path, found))
	}
}

func (m *mapper) setList(v reflect.Value, l *mappedList, n node, r *Record, out *Events) {
	list := v.FieldByIndex(l.index)
	one := func(prefix string, element node) {
		item := reflect.New(list.Type().Elem()).Elem()
		for i := range l.fields {
			f := &l.fields[i]
			m.set(item.FieldByIndex(f.index), &f.place, prefix+strings.TrimPrefix(f.place.text, "$"), element, r, out)
		}
		list.Set(reflect.Append(list, item))
	}
	if l.place == nil {
		one("$", n)
		if list.Index(0).IsZero() || list.Type().Elem() == reflect.TypeFor[event.Subject]() && list.Index(0).FieldByName("ID").String() == "" {
			list.SetLen(0) // there is none
		}
		return
	}
	found := l.place.find(n, r, out)
	if !found.absent() && !found.isList() {
		m.pick.mistyped(l.place.text, "a list", found)
		return
	}
	found.each(func(i int, element node) { one(l.place.text+"["+strconv.Itoa(i)+"]", element) })
}

// Theirs returns the path of a field, as the config has it.
func (m *mapping) Theirs(_ event.Topic, field string) string {
	for i := range m.fields {
		if m.fields[i].name == field {
			return m.fields[i].place.text
		}
	}
	head, tail, inList := strings.Cut(field, ".")
	head, index, _ := strings.Cut(head, "[")
	for i := range m.lists {
		l := &m.lists[i]
		if l.name != head {
			continue
		}
		prefix := "$"
		if l.place != nil {
			prefix = l.place.text
			if index != "" {
				prefix += "[" + index
			}
		}
		if !inList && l.place != nil {
			return prefix
		}
		if !inList { // its element is the record
			tail = map[string]string{"items": "product", "subjects": "id"}[head]
		}
		for j := range l.fields {
			if l.fields[j].name == tail {
				return prefix + strings.TrimPrefix(l.fields[j].place.text, "$")
			}
		}
	}
	return ""
}
