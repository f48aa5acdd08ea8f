package journey

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sort"

	"github.com/afterclick/afterclick/processors/compact"
	"github.com/afterclick/afterclick/schemas/event"
)

// The state, encoded:
//
//	version, flags, last (8 bytes)     readable without the rest, see peek
//	order, strings                     each string once; facts name them by number, from 1
//	facts                              time since the one before, hash (8 bytes), kind, mask, then the fields that the mask announces
//	revision (8 bytes), journey told   revision behind the highest, flags
//	opinions told                      review, the same
//
// States outlive the version that wrote them, so
//
//   - a field of a fact is added by a constant in its group (texts, times, counts, amounts: their order is free), a line at the end of
//     stored, and a name in Dump. Facts without it have 0, or the empty string. The version stays.
//   - a kind is added by appending it to its topic's, a flag by taking the next bit.
//   - something about the whole order is added at the end, after the opinions told, and read only if there are bytes left. The version
//     stays.
//   - all else raises the version: peek says which one a state has, decode reads it as that one wrote it, encode writes the newest.
//
// A new file in testdata/states with events that use it shows it to all later versions (go test -run KeptStates -update writes the
// state); those that are there must not change. A binary that does not know a field refuses the state and says so, so instances of
// an older version stop at states of a newer one, instead of making wrong rows of them.
const version = 1

const (
	stateDirty = 1 << iota // rows are to be written
	stateFull              // takes no more facts
	stateFlags = iota
)

// Fields of a fact in four groups: texts, times, counts and amounts.
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
	sOrderKind
	sRenews
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
	tShipBy
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

type group uint8

const (
	texts group = iota
	moments
	counts
	amounts
)

// field is one of a group.
type field struct {
	group group
	at    uint8
}

// stored are the fields that a bit of a stored mask announces, from the lowest. Append only; the last bit must stay free, to announce a second mask.
var stored = [...]field{
	{texts, sCustomer}, {texts, sCarrier}, {texts, sTracking}, {texts, sWarehouse}, {texts, sCountry}, {texts, sRegion}, {texts, sChannel},
	{texts, sReview}, {texts, sSource}, {texts, sText}, {texts, sTitle}, {texts, sSubjects}, {texts, sLanguage}, {texts, sAuthor},
	{texts, sKind}, {texts, sReason}, {texts, sVisitor}, {texts, sCurrency}, {texts, sItems}, {texts, sReferrer}, {texts, sCampaign},
	{texts, sLanding}, {texts, sDevice},
	{moments, tDue}, {moments, tFirstSeen}, {moments, tView}, {moments, tResearch}, {moments, tCart}, {moments, tCheckout},
	{moments, tOrdered}, {moments, tTrack}, {moments, tContact},
	{counts, nBefore}, {counts, nTracks}, {counts, nContacts},
	{amounts, fTotal}, {amounts, fAmount}, {amounts, fRating}, {amounts, fRatingMin}, {amounts, fRatingMax}, {amounts, fReach},
	// Version 1 began with these.
	{texts, sOrderKind}, {texts, sRenews}, {moments, tShipBy},
}

// bit is stored the other way round: the mask that announces a field of a group.
var bit = func() (b struct {
	s [strs]uint64
	t [times]uint64
	n [nums]uint64
	f [floats]uint64
}) {
	for i, x := range stored {
		switch mask := uint64(1) << i; x.group {
		case texts:
			b.s[x.at] = mask
		case moments:
			b.t[x.at] = mask
		case counts:
			b.n[x.at] = mask
		case amounts:
			b.f[x.at] = mask
		}
	}
	return b
}()

// fact is one event, or one session's touch.
type fact struct {
	time event.Time
	hash uint64 // of the event's id; the session's id
	kind kind
	gone bool // a touch that is taken back; never stored
	mask uint64
	s    [strs]uint32
	t    [times]event.Time
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

func compareFacts(a, b *fact) int {
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
	i := sort.Search(len(s.facts), func(i int) bool { return compareFacts(&s.facts[i], &f) >= 0 })
	s.facts = slices.Insert(s.facts, i, f)
}

func (s *state) remove(i int) { s.facts = slices.Delete(s.facts, i, i+1) }

// head reads flags and last of an encoded state.
func head(b []byte) (flags uint8, last event.Time, err error) {
	switch {
	case len(b) < 10 || b[0] == 0:
		return 0, 0, fmt.Errorf("journey: a state of %d bytes is damaged", len(b))
	case b[0] > version:
		return 0, 0, fmt.Errorf("journey: a state was written by a newer version of Afterclick (version %d, this one knows %d): upgrade this instance", b[0], version)
	}
	return b[1], event.Time(binary.LittleEndian.Uint64(b[2:])), nil
}

// errDamaged also stands for what only a newer version could read.
var errDamaged = errors.New("journey: a state is damaged, or was written by a newer version of Afterclick")

// peek is head for a state that must be readable: the engine has held it to its checksum. If it is not, the lane must stop.
func peek(b []byte) (flags uint8, last event.Time) {
	flags, last, err := head(b)
	if err != nil {
		panic(err)
	}
	return flags, last
}

// read is decode for a state that must be readable.
func (s *state) read(b []byte) {
	if err := s.decode(b); err != nil {
		panic(err)
	}
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
			switch x := stored[bits.TrailingZeros64(mask)]; x.group {
			case texts:
				w.Uvarint(uint64(f.s[x.at]))
			case moments:
				w.Varint(int64(f.t[x.at] - f.time))
			case counts:
				w.Uvarint(uint64(f.n[x.at]))
			case amounts:
				w.Float(f.f[x.at])
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
	for i, v := range f.s {
		if v != 0 {
			mask |= bit.s[i]
		}
	}
	for i, v := range f.t {
		if v != 0 {
			mask |= bit.t[i]
		}
	}
	for i, v := range f.n {
		if v != 0 {
			mask |= bit.n[i]
		}
	}
	for i, v := range f.f {
		if v != 0 {
			mask |= bit.f[i]
		}
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

// decode reads b into s; strings point into b. After an error s is of no use.
func (s *state) decode(b []byte) error {
	flags, last, err := head(b)
	if err != nil {
		return err
	}
	s.last, s.full = last, flags&stateFull != 0
	r := compact.Reader{B: b[10:], Bad: flags>>stateFlags != 0}
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
	for n := r.Count(); n > 0 && !r.Bad; n-- {
		s.facts = append(s.facts, fact{})
		f := &s.facts[len(s.facts)-1]
		prev += event.Time(r.Varint())
		f.time = prev
		f.hash = r.Fixed64()
		f.kind = kind(r.Byte())
		f.mask = r.Uvarint()
		r.Bad = r.Bad || f.mask>>len(stored) != 0 || !f.kind.known() || len(s.facts) > 1 && compareFacts(&s.facts[len(s.facts)-2], f) >= 0
		for mask := f.mask; mask != 0 && !r.Bad; mask &= mask - 1 {
			switch x := stored[bits.TrailingZeros64(mask)]; x.group {
			case texts:
				f.s[x.at] = number()
			case moments:
				f.t[x.at] = f.time + event.Time(r.Varint())
			case counts:
				f.n[x.at] = uint32(r.Uvarint())
			case amounts:
				f.f[x.at] = r.Float()
			}
		}
	}
	top := r.Fixed64()
	getTold := func() told {
		t := told{revision: top - r.Uvarint()}
		t.at = int32(len(b) - len(r.B))
		flags := r.Byte()
		t.dirty = flags != 0
		r.Bad = r.Bad || flags > 1
		return t
	}
	s.journey = getTold()
	for n := r.Count(); n > 0; n-- {
		review := number()
		o := getTold()
		o.review = review
		r.Bad = r.Bad || review == 0
		s.opinions = append(s.opinions, o)
	}
	if r.Bad || len(r.B) > 0 {
		return errDamaged
	}
	return nil
}
