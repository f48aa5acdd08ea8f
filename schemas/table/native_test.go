package table_test

import (
	"bytes"
	"io"
	"reflect"
	"testing"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
	"pgregory.net/rapid"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

func native[R any](tab *table.Table[R], rows ...*R) string {
	b := tab.NewBuffer()
	for _, r := range rows {
		b.Append(r)
	}
	var out table.Output
	for _, block := range b.Blocks() {
		block.Native(&out)
	}
	return string(all(&out))
}

// all is everything that o has.
func all(o *table.Output) []byte {
	b, err := io.ReadAll(o.Reader())
	if err != nil {
		panic(err)
	}
	return b
}

// TestNativeIsWhatClickhouseGoSends: what we write ourselves for HTTP reads as what clickhouse-go makes of the slices that the
// native protocol gets.
func TestNativeIsWhatClickhouseGoSends(t *testing.T) {
	t.Run("events", rapid.MakeCheck(func(t *rapid.T) { sameBytes(t, table.Events) }))
	t.Run("sessions", rapid.MakeCheck(func(t *rapid.T) { sameBytes(t, table.Sessions) }))
	t.Run("identities", rapid.MakeCheck(func(t *rapid.T) { sameBytes(t, table.Identities) }))
	t.Run("journeys", rapid.MakeCheck(func(t *rapid.T) { sameBytes(t, table.Journeys) }))
	t.Run("reviews", rapid.MakeCheck(func(t *rapid.T) { sameBytes(t, table.Reviews) }))
	t.Run("dead_letters", rapid.MakeCheck(func(t *rapid.T) { sameBytes(t, table.DeadLetters) }))
}

func sameBytes[R any](t *rapid.T, tab *table.Table[R]) {
	b := tab.NewBuffer()
	for range 2 { // a second time in the memory of the first
		b.Reset()
		rows := rapid.SliceOfN(rapid.Make[R](), 1, 20).Draw(t, "rows")
		for i := range rows {
			clean(&rows[i])
			b.Append(&rows[i])
		}
		if b.Len() != len(rows) {
			t.Fatalf("Len %d, want %d", b.Len(), len(rows))
		}
	}
	block := b.Blocks()[0]
	var ours table.Output
	block.Native(&ours)

	theirs := proto.NewBlock()
	for i, f := range tab.Schema.Columns {
		if err := theirs.AddColumn(f.Name, column.Type(f.Type)); err != nil {
			t.Fatal(err)
		}
		if _, err := theirs.Columns[i].Append(block.Slice(i)); err != nil {
			t.Fatalf("column %s: %v", f.Name, err)
		}
	}
	var sent chproto.Buffer
	if err := theirs.Encode(&sent, 0); err != nil {
		t.Fatal(err)
	}
	got, want := decode(t, all(&ours)), decode(t, sent.Buf)
	for i, f := range tab.Schema.Columns {
		if got.Columns[i].Type() != want.Columns[i].Type() || got.Columns[i].Name() != f.Name {
			t.Fatalf("column %d is %s %s", i, got.Columns[i].Name(), got.Columns[i].Type())
		}
		for row := range b.Len() {
			if ours, theirs := got.Columns[i].Row(row, false), want.Columns[i].Row(row, false); !reflect.DeepEqual(ours, theirs) {
				t.Fatalf("column %s, row %d: %v, and by clickhouse-go %v", f.Name, row, ours, theirs)
			}
		}
	}
}

func decode(t interface{ Fatal(...any) }, block []byte) *proto.Block {
	r := bytes.NewReader(block)
	b := proto.NewBlock()
	if err := b.Decode(chproto.NewReader(r), 0); err != nil {
		t.Fatal(err)
	}
	return b
}

// clean makes a random row one that the machines may emit: stages and topics that exist.
func clean(row any) {
	switch r := row.(type) {
	case *table.Event:
		r.Kind %= event.Touches + 1
	case *table.Session:
		r.Stage %= table.Reviewed + 1
	case *table.Journey:
		r.Stage %= table.Reviewed + 1
	}
}

// TestManyWords: a dictionary may need two and four bytes per row.
func TestManyWords(t *testing.T) {
	for _, words := range []int{200, 255, 256, 257, 70_000} {
		b := table.DeadLetters.NewBuffer()
		for i := range words {
			b.Append(&table.DeadLetter{Field: string(rune('a'+i%7)) + string(rune(0x4e00+i%20000)) + string(rune(0x4e00+i/20000))})
		}
		var out table.Output
		b.Blocks()[0].Native(&out)
		for i, c := range decode(t, all(&out)).Columns {
			if c.Name() != "field" {
				continue
			}
			want := b.Blocks()[0].Slice(i).([]string)
			for row := range words {
				if c.Row(row, false) != want[row] {
					t.Fatalf("%d words: row %d is %q, want %q", words, row, c.Row(row, false), want[row])
				}
			}
		}
	}
}

func TestBlocksAreBounded(t *testing.T) {
	b := table.Events.NewBuffer()
	body := make([]byte, 1<<20)
	for range 200 {
		b.Append(&table.Event{Body: body})
	}
	rows := 0
	for _, block := range b.Blocks() {
		rows += block.Rows()
		if block.Bytes() > 82<<20 {
			t.Errorf("a block of %d bytes", block.Bytes())
		}
	}
	if rows != 200 || b.Len() != 200 || len(b.Blocks()) < 3 {
		t.Errorf("%d rows in %d blocks", rows, len(b.Blocks()))
	}
	b.Reset()
	if b.Len() != 0 || b.Bytes() != 0 || len(b.Blocks()) != 0 {
		t.Errorf("after Reset: %d rows, %d bytes, %d blocks", b.Len(), b.Bytes(), len(b.Blocks()))
	}
}
