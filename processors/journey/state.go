package journey

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/afterclick/afterclick/processors/compact"
	"github.com/afterclick/afterclick/schemas/event"
)

// The state, encoded:
//
//	version, flags, last (8 bytes)     readable without the rest, see peek
//	order, strings                     each string once; facts name them by number, from 1
//	facts                              time since the one before, hash (8 bytes), kind, mask, then the fields that the mask announces
//	revision (8 bytes), journey told   revision behind the highest, and whether it is to be written
//	opinions told                      review, the same
//
// A fact has a mask bit for each field, so a field is added by appending one: older states do not have its bit.
const version = 1

const (
	stateDirty = 1 << iota // rows are to be written
	stateFull              // takes no more facts
)

// Fields of a fact, in the order of their mask bits: strings, then times, then counts, then floats, then more strings and times. The
// order is stored. New ones are appended to the last group, or make a new group at the end.
const (
	sCustomer = iota
	sCarrier
	sTracking
	sWarehouse
	sCountry
	sRegion
	sChannel
	sReview
	sSource
	sText
	sTitle
	sSubjects
	sLanguage
	sAuthor
	sKind // of an exception, or a resolution
	sReason
	sVisitor
	sCurrency
	sItems
	sReferrer
	sCampaign
	sLanding
	sDevice
	strs
)

const (
	tDue = iota // promised or estimated arrival, or contact promised until
	tFirstSeen
	tView
	tResearch
	tCart
	tCheckout
	tOrdered
	tTrack
	tContact
	times
)

const (
	nBefore = iota
	nTracks
	nContacts
	nums
)

const (
	fTotal = iota
	fAmount
	fRating
	fRatingMin
	fRatingMax
	fReach
	floats
)

// More strings.
const (
	sOrderKind = strs + iota
	sRenews
	allStrs
)

// More times.
const (
	tShipBy = times + iota
	allTimes
)

// Where groups of the mask begin.
const (
	timesBit     = strs
	numsBit      = timesBit + times
	floatsBit    = numsBit + nums
	moreStrsBit  = floatsBit + floats
	moreTimesBit = moreStrsBit + allStrs - strs
	maskBits     = moreTimesBit + allTimes - times
)

// fact is one event, or one session's touch.
type fact struct {
	time event.Time
	hash uint64 // of the event's id; the session's id
	kind kind
	gone bool // a touch that is taken back; never stored
	mask uint64
	s    [allStrs]uint32
	t    [allTimes]event.Time
	n    [nums]uint32
	f    [floats]float64
}

// told is what cannot be read off the facts: the revision of a row.
type told struct {
	review   uint32 // of an opinion
	revision uint64 // of the record that last changed the row
	dirty    bool   // it is not written yet
	at       int32  // where dirty is in the bytes that were decoded
}

type state struct {
	id       event.OrderID // empty for an opinion that names no order
	last     event.Time    // of the latest fact, ever
	full     bool
	strings  []string
	facts    []fact // by time, hash, kind
	journey  told
	opinions []told
}

func (s *state) reset() {
	*s = state{strings: s.strings[:0], facts: s.facts[:0], opinions: s.opinions[:0]}
}

func (s *state) str(n uint32) string {
	if n == 0 {
		return ""
	}
	return s.strings[n-1]
}

func (s *state) intern(v string) uint32 {
	if v == "" {
		return 0
	}
	for i, have := range s.strings {
		if have == v {
			return uint32(i) + 1
		}
	}
	s.strings = append(s.strings, v)
	return uint32(len(s.strings))
}

func compareFacts(a, b fact) int {
	return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.hash, b.hash), cmp.Compare(a.kind, b.kind))
}

// find looks for the same event or session. Ids are only unique within a topic.
func (s *state) find(f *fact) (int, bool) {
	for i := range s.facts {
		if s.facts[i].hash == f.hash && s.facts[i].kind.topic() == f.kind.topic() {
			return i, true
		}
	}
	return 0, false
}

func (s *state) insert(f fact) {
	i, _ := slices.BinarySearchFunc(s.facts, f, compareFacts)
	s.facts = slices.Insert(s.facts, i, f)
}

func (s *state) remove(i int) { s.facts = slices.Delete(s.facts, i, i+1) }

// peek reads flags and last of an encoded state.
func peek(b []byte) (flags uint8, last event.Time) {
	if len(b) < 10 || b[0] != version {
		panic(fmt.Sprintf("journey: a state of version %d and %d bytes cannot be read by this build, which knows version %d", b[0], len(b), version))
	}
	return b[1], event.Time(binary.LittleEndian.Uint64(b[2:]))
}

func (s *state) encode(b []byte) []byte {
	w := compact.Writer{B: b}
	top, dirty := s.journey.revision, s.journey.dirty
	for _, o := range s.opinions {
		top, dirty = max(top, o.revision), dirty || o.dirty
	}
	var flags uint8
	if dirty {
		flags |= stateDirty
	}
	if s.full {
		flags |= stateFull
	}
	w.Byte(version)
	w.Byte(flags)
	w.Fixed64(uint64(s.last))
	w.String(string(s.id))
	w.Strings(s.strings)
	w.Uvarint(uint64(len(s.facts)))
	var prev event.Time
	for i := range s.facts {
		f := &s.facts[i]
		w.Varint(int64(f.time - prev))
		prev = f.time
		w.Fixed64(f.hash)
		w.Byte(byte(f.kind))
		w.Uvarint(f.mask)
		for mask := f.mask; mask != 0; mask &= mask - 1 {
			switch i := bits.TrailingZeros64(mask); {
			case i < timesBit:
				w.Uvarint(uint64(f.s[i]))
			case i < numsBit:
				w.Varint(int64(f.t[i-timesBit] - f.time))
			case i < floatsBit:
				w.Uvarint(uint64(f.n[i-numsBit]))
			case i < moreStrsBit:
				w.Float(f.f[i-floatsBit])
			case i < moreTimesBit:
				w.Uvarint(uint64(f.s[strs+i-moreStrsBit]))
			default:
				w.Varint(int64(f.t[times+i-moreTimesBit] - f.time))
			}
		}
	}
	w.Fixed64(top)
	putTold(&w, s.journey, top)
	w.Uvarint(uint64(len(s.opinions)))
	for _, o := range s.opinions {
		w.Uvarint(uint64(o.review))
		putTold(&w, o, top)
	}
	return w.B
}

// allTold appends the bytes that were decoded, with nothing left to be written.
func (s *state) allTold(b, old []byte) []byte {
	b = append(b, old...)
	b[1] &^= stateDirty
	b[s.journey.at] = 0
	for i := range s.opinions {
		b[s.opinions[i].at] = 0
	}
	return b
}

// announce computes the mask, which has a bit for each field with a value.
func (f *fact) announce() {
	mask := uint64(0)
	bit := uint64(1)
	has := func(is bool) {
		if is {
			mask |= bit
		}
		bit <<= 1
	}
	for _, v := range f.s[:strs] {
		has(v != 0)
	}
	for _, v := range f.t[:times] {
		has(v != 0)
	}
	for _, v := range f.n {
		has(v != 0)
	}
	for _, v := range f.f {
		has(v != 0)
	}
	for _, v := range f.s[strs:] {
		has(v != 0)
	}
	for _, v := range f.t[times:] {
		has(v != 0)
	}
	f.mask = mask
}

func putTold(w *compact.Writer, t told, top uint64) {
	w.Uvarint(top - t.revision)
	if t.dirty {
		w.Byte(1)
	} else {
		w.Byte(0)
	}
}

// decode reads b into s; strings point into b.
func (s *state) decode(b []byte) {
	flags, last := peek(b)
	s.last, s.full = last, flags&stateFull != 0
	r := compact.Reader{B: b[10:]}
	s.id = event.OrderID(r.String())
	s.strings = r.Strings(s.strings)
	number := func() uint32 {
		n := r.Uvarint()
		if n > uint64(len(s.strings)) {
			r.Bad, n = true, 0
		}
		return uint32(n)
	}
	var prev event.Time
	for n := r.Count(); n > 0; n-- {
		s.facts = append(s.facts, fact{})
		f := &s.facts[len(s.facts)-1]
		prev += event.Time(r.Varint())
		f.time = prev
		f.hash = r.Fixed64()
		f.kind = kind(r.Byte())
		f.mask = r.Uvarint()
		r.Bad = r.Bad || f.mask>>maskBits != 0
		for mask := f.mask; mask != 0 && !r.Bad; mask &= mask - 1 {
			switch i := bits.TrailingZeros64(mask); {
			case i < timesBit:
				f.s[i] = number()
			case i < numsBit:
				f.t[i-timesBit] = f.time + event.Time(r.Varint())
			case i < floatsBit:
				f.n[i-numsBit] = uint32(r.Uvarint())
			case i < moreStrsBit:
				f.f[i-floatsBit] = r.Float()
			case i < moreTimesBit:
				f.s[strs+i-moreStrsBit] = number()
			default:
				f.t[times+i-moreTimesBit] = f.time + event.Time(r.Varint())
			}
		}
	}
	top := r.Fixed64()
	getTold := func() told {
		t := told{revision: top - r.Uvarint()}
		t.at = int32(len(b) - len(r.B))
		t.dirty = r.Byte() != 0
		return t
	}
	s.journey = getTold()
	for n := r.Count(); n > 0; n-- {
		review := number()
		o := getTold()
		o.review = review
		s.opinions = append(s.opinions, o)
	}
	if r.Bad {
		panic("journey: a state is damaged")
	}
}
