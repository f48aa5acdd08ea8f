package compact

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, i := rapid.Uint64().Draw(t, "u"), rapid.Int64().Draw(t, "i")
		f := rapid.Float64().Draw(t, "f")
		list := rapid.SliceOf(rapid.String()).Draw(t, "list")
		var w Writer
		w.Byte(7)
		w.Uvarint(u)
		w.Varint(i)
		w.Fixed64(u)
		w.Float(f)
		w.Strings(list)
		r := Reader{B: w.B}
		if r.Byte() != 7 || r.Uvarint() != u || r.Varint() != i || r.Fixed64() != u || r.Float() != f ||
			!slices.Equal(r.Strings(nil), list) || r.Bad || len(r.B) != 0 {
			t.Fatalf("%x does not read back", w.B)
		}
		// Cut anywhere, it is bad or shorter, never a panic.
		r = Reader{B: w.B[:rapid.IntRange(0, len(w.B)-1).Draw(t, "cut")]}
		r.Byte()
		r.Uvarint()
		r.Varint()
		r.Fixed64()
		r.Float()
		r.Strings(nil)
		if !r.Bad {
			t.Fatal("a state that was cut short reads as a whole one")
		}
	})
}
