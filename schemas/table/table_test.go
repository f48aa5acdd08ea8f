package table_test

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestCreate holds the tables' SQL where it can be reviewed.
func TestCreate(t *testing.T) {
	for _, s := range table.Schemas() {
		golden(t, s.Name+".sql", s.Create()+"\n")
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update rewrites it):\n%s", file, got)
	}
}

func TestEverythingHasAComment(t *testing.T) {
	for _, s := range table.Schemas() {
		if len(s.Comment) < 20 {
			t.Errorf("%s has no comment worth the name", s.Name)
		}
		seen := map[string]bool{}
		for _, f := range s.Columns {
			if seen[f.Name] {
				t.Errorf("%s.%s is there twice", s.Name, f.Name)
			}
			seen[f.Name] = true
			if !strings.HasSuffix(f.Comment, ".") {
				t.Errorf("%s.%s: comment %q is no sentence", s.Name, f.Name, f.Comment)
			}
		}
	}
}

// TestTopicNumbers: the column holds the number that the event package gives a topic.
func TestTopicNumbers(t *testing.T) {
	typ := field(t, &table.Events.Schema, "kind").Type
	for _, topic := range append(event.SourceTopics, event.Touches) {
		if want := "'" + topic.String() + "' = " + string(rune('0'+topic)); !strings.Contains(typ, want) {
			t.Errorf("%s lacks %s", typ, want)
		}
	}
}

func field(t *testing.T, s *table.Schema, name string) table.Field {
	for _, f := range s.Columns {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("%s has no column %s", s.Name, name)
	return table.Field{}
}

// TestEveryFieldIsStored changes one field of a row after the other: each must change what is sent.
func TestEveryFieldIsStored(t *testing.T) {
	t.Run("events", func(t *testing.T) { everyField(t, table.Events) })
	t.Run("sessions", func(t *testing.T) { everyField(t, table.Sessions) })
	t.Run("identities", func(t *testing.T) { everyField(t, table.Identities) })
	t.Run("journeys", func(t *testing.T) { everyField(t, table.Journeys) })
	t.Run("reviews", func(t *testing.T) { everyField(t, table.Reviews) })
	t.Run("dead_letters", func(t *testing.T) { everyField(t, table.DeadLetters) })
}

func everyField[R any](t *testing.T, tab *table.Table[R]) {
	leaves(reflect.TypeFor[R](), nil, func(path []int, name string) {
		var row R
		before := native(tab, &row)
		set(reflect.ValueOf(&row).Elem(), path)
		if native(tab, &row) == before && name != "Version" { // of the contract: of all that is stored it is event.ContractVersion
			t.Errorf("%s of %T is in no column", name, row)
		}
	})
}

// leaves visits every scalar field; of a slice of structs every field of an element.
func leaves(typ reflect.Type, path []int, visit func(path []int, name string)) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		path := append(append([]int(nil), path...), i)
		switch {
		case f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[table.Maybe]():
			leaves(f.Type, path, visit)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			leaves(f.Type.Elem(), path, visit)
		default:
			visit(path, f.Name)
		}
	}
}

func set(v reflect.Value, path []int) {
	for _, i := range path {
		if v.Kind() == reflect.Slice {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			v = v.Index(0)
		}
		v = v.Field(i)
	}
	switch v.Kind() {
	case reflect.Struct:
		v.Set(reflect.ValueOf(table.Known(3)))
	case reflect.String:
		switch v.Interface().(type) {
		case table.Status:
			v.SetString("late")
		case table.Sentiment:
			v.SetString("neutral")
		case table.Promise:
			v.SetString("kept")
		case event.OrderKind:
			v.SetString("rental")
		default:
			v.SetString("mention") // is a kind of review, too
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(3)
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(3)
	case reflect.Int32, reflect.Int64:
		v.SetInt(3)
	default:
		panic(v.Type())
	}
}
