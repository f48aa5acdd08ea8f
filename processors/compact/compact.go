// Package compact is the small codec of the machines' states: varints, fixed words and strings, one after the other, without
// names or types. A state begins with a version byte of its own; a machine that adds a field adds a bit to a mask or a version.
package compact

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unsafe"
)

// Writer appends to its bytes.
type Writer struct{ B []byte }

func (w *Writer) Byte(b byte) { w.B = append(w.B, b) }
func (w *Writer) Uvarint(v uint64) {
	if v < 0x80 { // most are
		w.B = append(w.B, byte(v))
		return
	}
	w.B = binary.AppendUvarint(w.B, v)
}

func (w *Writer) Varint(v int64)   { w.B = binary.AppendVarint(w.B, v) }
func (w *Writer) Fixed64(v uint64) { w.B = binary.LittleEndian.AppendUint64(w.B, v) }
func (w *Writer) String(s string)  { w.B = append(binary.AppendUvarint(w.B, uint64(len(s))), s...) }
func (w *Writer) Float(v float64)  { w.Uvarint(bits.ReverseBytes64(math.Float64bits(v))) } // round numbers are short
func (w *Writer) Strings(t []string) {
	w.Uvarint(uint64(len(t)))
	for _, s := range t {
		w.String(s)
	}
}

// Fixed48 writes the lower six bytes of v.
func (w *Writer) Fixed48(v uint64) {
	w.B = binary.LittleEndian.AppendUint32(w.B, uint32(v))
	w.B = binary.LittleEndian.AppendUint16(w.B, uint16(v>>32))
}

// Reader takes off its bytes what a Writer put there. After a read past the end, Bad is set and all reads give zero.
type Reader struct {
	B   []byte
	Bad bool
}

func (r *Reader) fail() {
	r.B, r.Bad = nil, true
}

func (r *Reader) Byte() byte {
	if len(r.B) == 0 {
		r.fail()
		return 0
	}
	b := r.B[0]
	r.B = r.B[1:]
	return b
}

func (r *Reader) Uvarint() uint64 {
	if len(r.B) > 0 && r.B[0] < 0x80 { // most are this short; small enough to be inlined
		v := uint64(r.B[0])
		r.B = r.B[1:]
		return v
	}
	return r.long()
}

func (r *Reader) long() uint64 {
	v, n := binary.Uvarint(r.B)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.B = r.B[n:]
	return v
}

func (r *Reader) Varint() int64 {
	u := r.Uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *Reader) Fixed64() uint64 {
	if len(r.B) < 8 {
		r.fail()
		return 0
	}
	v := binary.LittleEndian.Uint64(r.B)
	r.B = r.B[8:]
	return v
}

func (r *Reader) Float() float64 { return math.Float64frombits(bits.ReverseBytes64(r.Uvarint())) }

// Fixed48 reads six bytes.
func (r *Reader) Fixed48() uint64 {
	if len(r.B) < 6 {
		r.fail()
		return 0
	}
	v := uint64(binary.LittleEndian.Uint32(r.B)) | uint64(binary.LittleEndian.Uint16(r.B[4:]))<<32
	r.B = r.B[6:]
	return v
}

// String points into the bytes that are read: it lives as long as they do, and they must not change meanwhile.
func (r *Reader) String() string {
	n := r.Uvarint()
	if n > uint64(len(r.B)) {
		r.fail()
		return ""
	}
	if n == 0 {
		return ""
	}
	s := unsafe.String(&r.B[0], n)
	r.B = r.B[n:]
	return s
}

// Count reads the length of a list whose items take at least one byte each, so that damage cannot ask for endless memory.
func (r *Reader) Count() int {
	n := r.Uvarint()
	if n > uint64(len(r.B)) {
		r.fail()
		return 0
	}
	return int(n)
}

// Strings appends a list of strings to t.
func (r *Reader) Strings(t []string) []string {
	n := r.Count()
	b := r.B
	for ; n > 0; n-- {
		if len(b) == 0 {
			r.fail()
			return t
		}
		size, k := uint64(b[0]), 1
		if size >= 0x80 {
			if size, k = binary.Uvarint(b); k <= 0 {
				r.fail()
				return t
			}
		}
		if b = b[k:]; size > uint64(len(b)) {
			r.fail()
			return t
		}
		t = append(t, unsafe.String(unsafe.SliceData(b), size))
		b = b[size:]
	}
	r.B = b
	return t
}

// View is b as a string that lives, and stays the same, as long as b does.
func View(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
