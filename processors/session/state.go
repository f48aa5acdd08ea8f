package session

import (
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
//	version, flags, end (8 bytes)          readable without the rest, see peek
//	visitor, strings                       pages, entries, … each once; marks name them by number, from 1
//	marks                                  time since the mark before, id hash (6 bytes), head, the numbers that the head announces
//	revision (8 bytes), sessions told      start since the one before, marks, revision behind the highest, flags
//	touches said                           session's start, order, hash (8 bytes)
//
// A mark takes about 11 bytes. (48 bits of hash are enough to tell one visitor's events apart: among a billion visitors with ten
// clicks each, it takes one of two different clicks for the other with a chance of 1 in 6,000.) The head is kind | mask<<5; a bit
// of the mask says that a field follows: a sticky one (see below) if it differs from the mark before, any other if it has a value.
//
// States outlive the version that wrote them, so
//
//   - a field of a mark is added by appending a constant to the fields, and a name to Dump; to sticky, if it usually says what the
//     mark before said, else to its opposite. Marks without it have 0, the empty string. The version stays.
//   - a kind is added by appending it to the kinds, a flag by taking the next bit.
//   - something about the whole visitor is added at the end, after the touches said, and read only if there are bytes left. The
//     version stays.
//   - all else raises the version: peek says which one a state has, decode reads it as that one wrote it, encode writes the newest.
//
// A new file in testdata/states with events that use it shows it to all later versions (go test -run KeptStates -update writes the
// state); those that are there must not change. A binary that does not know a field refuses the state and says so, so instances of
// an older version stop at states of a newer one, instead of making wrong rows of them.
const version = 1

// Flags of a state.
const (
	stateBot    = 1 << iota
	stateHeld   // a session changed since it was written
	stateUrgent // ... and that should be written with this epoch
	stateTouch  // touches may have changed
	stateFlags  = iota
)

// Flags of a session told.
const (
	toldHeld = 1 << iota
	toldUrgent
	toldTouch
	toldFlags = iota
)

type field uint8

// Fields of a mark. The order is stored: append only.
const (
	fPage field = iota
	fEntry
	fOrder
	fStep
	fAgent
	fCountry
	fSource
	fCustomer
	fTracker
	fProduct // of a look at a product, or of what was put into the cart
	fRegion
	fields
)

// sticky and its opposite are all fields: the first usually say what the mark before said.
var (
	sticky    = [...]field{fAgent, fCountry, fSource, fCustomer, fTracker, fRegion}
	notSticky = [...]field{fPage, fEntry, fOrder, fStep, fProduct}
)

// follow gives k what it says unless its fields say otherwise: as before, as far as fields are sticky.
func (k *mark) follow(before *mark) {
	k.f = before.f
	for _, f := range notSticky {
		k.f[f] = 0
	}
}

// mark is one click.
type mark struct {
	time event.Time
	hash uint64 // 48 bits of the id's xxhash64
	kind kind
	f    [fields]uint32 // numbers of strings, 0: none
}

// told is what cannot be computed from the marks: which session rows were written or are to be.
type told struct {
	start    event.Time
	n        int32 // marks it had when revision was given
	flags    uint8
	revision uint64 // of the record that last changed the row
	at       int32  // where the flags are in the bytes that were decoded
}

// said is a touch that JOURNEY was told.
type said struct {
	start event.Time
	order uint32
	hash  uint64 // of the touch
}

type state struct {
	visitor event.VisitorID
	bot     bool
	end     event.Time // of the latest mark
	strings []string
	marks   []mark // by time, then hash
	told    []told // by start
	said    []said

	// computed, see cut
	cuts   []cut
	member []int32 // by mark: which cut has it

	// What encode can copy: the bytes of the strings and marks that were decoded, as long as they are the first ones.
	oldStrings, oldMarks   []byte
	sameStrings, sameMarks int

	was  []told // scratch
	nums []uint32
}

func (s *state) reset(v event.VisitorID) {
	s.visitor, s.bot, s.end = v, false, 0
	s.sameStrings, s.sameMarks = 0, 0
	s.strings, s.marks, s.told, s.said, s.cuts, s.member = s.strings[:0], s.marks[:0], s.told[:0], s.said[:0], s.cuts[:0], s.member[:0]
}

// base is what the stored starts are relative to.
func (s *state) base() event.Time {
	if len(s.marks) == 0 {
		return 0
	}
	return s.marks[0].time
}

func (s *state) str(n uint32) string {
	if n == 0 {
		return ""
	}
	return s.strings[n-1]
}

func (s *state) intern(v string) uint32 {
	for i, have := range s.strings {
		if have == v {
			return uint32(i) + 1
		}
	}
	s.strings = append(s.strings, v)
	return uint32(len(s.strings))
}

func (m *mark) before(time event.Time, hash uint64) bool {
	return m.time < time || m.time == time && m.hash < hash
}

// insert puts k in its place and returns where that is.
func (s *state) insert(k mark) int {
	i := len(s.marks)
	if i > 0 && !s.marks[i-1].before(k.time, k.hash) {
		i = sort.Search(i, func(i int) bool { return !s.marks[i].before(k.time, k.hash) })
	}
	s.marks = append(s.marks, mark{})
	copy(s.marks[i+1:], s.marks[i:])
	s.marks[i] = k
	if i < s.sameMarks {
		s.sameMarks = 0
	}
	return i
}

func (s *state) hasOrders() bool {
	for i := range s.marks {
		if s.marks[i].f[fOrder] != 0 && s.marks[i].kind.links() {
			return true
		}
	}
	return false
}

// head reads flags and end of an encoded state.
func head(b []byte) (flags uint8, end event.Time, err error) {
	switch {
	case len(b) < 10 || b[0] == 0:
		return 0, 0, fmt.Errorf("session: a state of %d bytes is damaged", len(b))
	case b[0] > version:
		return 0, 0, fmt.Errorf("session: a state was written by a newer version of Afterclick (version %d, this one knows %d): upgrade this instance", b[0], version)
	}
	return b[1], event.Time(binary.LittleEndian.Uint64(b[2:])), nil
}

// errDamaged also stands for what only a newer version could read.
var errDamaged = errors.New("session: a state is damaged, or was written by a newer version of Afterclick")

// peek is head for a state that must be readable: the engine has held it to its checksum. If it is not, the lane must stop.
func peek(b []byte) (flags uint8, end event.Time) {
	flags, end, err := head(b)
	if err != nil {
		panic(err)
	}
	return flags, end
}

// read is decode for a state that must be readable.
func (s *state) read(b []byte) {
	if err := s.decode(b); err != nil {
		panic(err)
	}
}

// seenBot appends the state of a bot that was seen once more.
func seenBot(next, old []byte, time event.Time) []byte {
	next = append(next, old...)
	if _, end := peek(old); time > end {
		binary.LittleEndian.PutUint64(next[2:], uint64(time))
	}
	return next
}

func (s *state) becomeBot(revision uint64) {
	s.bot = true
	for i := range s.told {
		s.told[i].revision = revision
		s.told[i].flags |= toldHeld | toldUrgent
	}
}

func (s *state) forgetAll() {
	s.bot = false
	s.sameStrings, s.sameMarks = 0, 0
	s.strings, s.marks, s.told, s.said, s.cuts = s.strings[:0], s.marks[:0], s.told[:0], s.said[:0], s.cuts[:0]
}

// flags sums up what is to be told.
func (s *state) flags() (flags uint8) {
	var all uint8
	for i := range s.told {
		all |= s.told[i].flags
	}
	if s.bot {
		flags = stateBot
	}
	if all&toldHeld != 0 {
		flags |= stateHeld
	}
	if all&toldUrgent != 0 {
		flags |= stateUrgent
	}
	if all&toldTouch != 0 {
		flags |= stateTouch
	}
	return flags
}

// flagged appends the bytes that were decoded with the flags as they are now.
func (s *state) flagged(b, old []byte) []byte {
	b = append(b, old...)
	b[1] = s.flags()
	for i := range s.told {
		b[s.told[i].at] = s.told[i].flags
	}
	return b
}

// body is what was read between from and rest, without the count n that it begins with.
func body(from, rest []byte, n int) []byte {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	if read := len(from) - len(rest); size <= read {
		return from[size:read]
	}
	return nil // damaged
}

func (s *state) encode(b []byte) []byte {
	w := compact.Writer{B: b}
	var top uint64
	for i := range s.told {
		top = max(top, s.told[i].revision)
	}
	w.Byte(version)
	w.Byte(s.flags())
	w.Fixed64(uint64(s.end))
	w.String(string(s.visitor))
	w.Uvarint(uint64(len(s.strings)))
	if s.sameStrings > 0 {
		w.B = append(w.B, s.oldStrings...)
	}
	for _, v := range s.strings[s.sameStrings:] {
		w.String(v)
	}
	w.Uvarint(uint64(len(s.marks)))
	var prev mark
	if s.sameMarks > 0 {
		w.B = append(w.B, s.oldMarks...)
		last := &s.marks[s.sameMarks-1]
		prev.time = last.time
		prev.follow(last)
	}
	for i := s.sameMarks; i < len(s.marks); i++ {
		k := &s.marks[i]
		w.Varint(int64(k.time - prev.time)) // of the first, all of it
		w.Fixed48(k.hash)
		mask := uint(0)
		for f := range k.f {
			if k.f[f] != prev.f[f] {
				mask |= 1 << f
			}
		}
		w.Uvarint(uint64(k.kind) | uint64(mask)<<5)
		for ; mask != 0; mask &= mask - 1 {
			w.Uvarint(uint64(k.f[bits.TrailingZeros(mask)]))
		}
		prev.time = k.time
		prev.follow(k)
	}

	w.Fixed64(top)
	w.Uvarint(uint64(len(s.told)))
	base := s.base()
	start := base
	for i := range s.told {
		t := &s.told[i]
		w.Varint(int64(t.start - start))
		w.Uvarint(uint64(t.n))
		w.Uvarint(top - t.revision)
		w.Byte(t.flags)
		start = t.start
	}
	w.Uvarint(uint64(len(s.said)))
	for i := range s.said {
		w.Varint(int64(s.said[i].start - base))
		w.Uvarint(uint64(s.said[i].order))
		w.Fixed64(s.said[i].hash)
	}
	return w.B
}

// decode reads b into s; strings point into b. After an error s is of no use.
func (s *state) decode(b []byte) error {
	flags, end, err := head(b)
	if err != nil {
		return err
	}
	s.bot, s.end = flags&stateBot != 0, end
	r := compact.Reader{B: b[10:], Bad: flags>>stateFlags != 0}
	s.visitor = event.VisitorID(r.String())
	from := r.B
	s.strings = r.Strings(s.strings)
	s.sameStrings = len(s.strings)
	s.oldStrings = body(from, r.B, s.sameStrings)

	from = r.B
	n := r.Count()
	s.marks = slices.Grow(s.marks, n)[:n]
	var prev *mark
	for i := range s.marks {
		k := &s.marks[i]
		*k = mark{}
		if prev != nil {
			k.time = prev.time
			k.follow(prev)
		}
		k.time += event.Time(r.Varint())
		k.hash = r.Fixed48()
		head := r.Uvarint()
		k.kind = kind(head & 31)
		mask := head >> 5
		r.Bad = r.Bad || k.kind >= kinds || mask>>fields != 0 || prev != nil && !prev.before(k.time, k.hash)
		for ; mask != 0 && !r.Bad; mask &= mask - 1 {
			number := r.Uvarint()
			if number > uint64(len(s.strings)) {
				return errDamaged
			}
			k.f[bits.TrailingZeros64(mask)] = uint32(number)
		}
		prev = k
	}
	s.sameMarks = n
	s.oldMarks = body(from, r.B, n)
	if b[0] != version {
		s.sameStrings, s.sameMarks = 0, 0 // not to be copied
	}

	top := r.Fixed64()
	base := s.base()
	start := base
	for n := r.Count(); n > 0; n-- {
		since, marks, behind := r.Varint(), r.Uvarint(), r.Uvarint()
		t := told{start: start + event.Time(since), n: int32(marks), revision: top - behind, at: int32(len(b) - len(r.B))}
		t.flags = r.Byte()
		r.Bad = r.Bad || t.flags>>toldFlags != 0 || len(s.told) > 0 && t.start <= start
		start = t.start
		s.told = append(s.told, t)
	}
	for n := r.Count(); n > 0; n-- {
		x := said{start: base + event.Time(r.Varint())}
		order := r.Uvarint()
		x.order, x.hash = uint32(order), r.Fixed64()
		r.Bad = r.Bad || order == 0 || order > uint64(len(s.strings))
		s.said = append(s.said, x)
	}
	if r.Bad || len(r.B) > 0 {
		return errDamaged
	}
	return nil
}

// drop forgets the sessions that ended before limit, with their marks and strings. The cuts must be up to date.
func (s *state) drop(limit event.Time) {
	keep := s.marks[:0]
	for i := range s.marks {
		if c := &s.cuts[s.member[i]]; c.end >= limit {
			keep = append(keep, s.marks[i])
		}
	}
	s.marks = keep
	ended := func(start event.Time) bool {
		n := s.cutAt(start)
		return n >= 0 && s.cuts[n].end < limit
	}
	told, said := s.told[:0], s.said[:0]
	for _, t := range s.told {
		if !ended(t.start) {
			told = append(told, t)
		}
	}
	for _, x := range s.said {
		if !ended(x.start) {
			said = append(said, x)
		}
	}
	s.told, s.said, s.cuts = told, said, s.cuts[:0]
	s.renumber()
}

// renumber drops the strings that nothing names.
func (s *state) renumber() {
	s.sameStrings, s.sameMarks = 0, 0
	if cap(s.nums) < len(s.strings)+1 {
		s.nums = make([]uint32, 2*len(s.strings)+1)
	}
	nums := s.nums[:len(s.strings)+1]
	clear(nums)
	use := func(n uint32) {
		nums[n] = 1
	}
	for i := range s.marks {
		for _, n := range s.marks[i].f {
			use(n)
		}
	}
	for i := range s.said {
		use(s.said[i].order)
	}
	kept := uint32(0)
	for i := range s.strings {
		if nums[i+1] != 0 {
			s.strings[kept] = s.strings[i]
			kept++
			nums[i+1] = kept
		}
	}
	nums[0] = 0
	s.strings = s.strings[:kept]
	for i := range s.marks {
		for f, n := range s.marks[i].f {
			s.marks[i].f[f] = nums[n]
		}
	}
	for i := range s.said {
		s.said[i].order = nums[s.said[i].order]
	}
}
