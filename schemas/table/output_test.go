package table_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

// TestTextsOfAllSizes: strings that fill chunks, go over their end, or are larger than any chunk come out as they went in, also from
// memory that is used again.
func TestTextsOfAllSizes(t *testing.T) {
	index := slices.IndexFunc(table.Events.Columns, func(f table.Field) bool { return f.Name == "url" })
	b := table.Events.NewBuffer()
	for round := range 3 {
		b.Reset()
		var want []string
		var bytesWant []byte
		for i := range 3000 {
			n := i * 7 % 1200
			if i%500 == 499 {
				n = 100_000 * (1 + i/500)
			}
			s := strings.Repeat(string(rune('a'+(i+round)%26)), n)
			want = append(want, s)
			bytesWant = append(binary.AppendUvarint(bytesWant, uint64(n)), s...)
			b.Append(&table.Event{URL: s})
		}
		if got := b.Blocks()[0].Slice(index).([]string); !slices.Equal(got, want) {
			t.Fatalf("round %d: the strings differ", round)
		}
		var o table.Output
		b.Blocks()[0].Native(&o)
		if got := all(&o); !bytes.Contains(got, bytesWant) {
			t.Fatalf("round %d: the encoded strings differ", round)
		}
	}
}

// TestOutputStops: after Stop nothing of the block is read, whoever still holds the reader.
func TestOutputStops(t *testing.T) {
	b := table.Events.NewBuffer()
	for i := range 100 {
		b.Append(&table.Event{Header: event.Header{ID: event.ID(fmt.Sprint(i))}, Body: make([]byte, 1000)})
	}
	var o table.Output
	b.Blocks()[0].Native(&o)
	r := o.Reader()
	if _, err := io.ReadFull(r, make([]byte, 500)); err != nil {
		t.Fatal(err)
	}
	r.Stop()
	if n, err := r.Read(make([]byte, 500)); n != 0 || err == nil || err == io.EOF {
		t.Errorf("read %d bytes, %v after Stop", n, err)
	}
	o.Reset()
	b.Blocks()[0].Native(&o)
	if got := all(&o); len(got) < 100*1000 {
		t.Errorf("only %d bytes once more", len(got))
	}
}
