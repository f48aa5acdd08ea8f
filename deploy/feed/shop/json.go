package shop

import (
	"strconv"
	"time"

	"github.com/afterclick/afterclick/schemas/event"
)

// The events are written as JSON by hand, because at a few hundred nanoseconds an event the shop can feed a benchmark from the
// core that it shares. A test holds every kind of event equal to what the contract's own types encode to, byte for byte.

// writer appends JSON and remembers the date that it wrote last.
type writer struct {
	b    []byte
	day  int64 // since 1970, of date
	date [11]byte
}

// field starts a field of an object that is not empty.
func (w *writer) field(name string) {
	w.b = append(w.b, ',', '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

// text writes a field whose value needs no escaping: ids, names and addresses of our own making.
func (w *writer) text(name, value string) {
	if value == "" {
		return
	}
	w.field(name)
	w.b = append(w.b, '"')
	w.b = append(w.b, value...)
	w.b = append(w.b, '"')
}

// prose writes a field of words, escaping what must be.
func (w *writer) prose(name, value string) {
	if value == "" {
		return
	}
	w.field(name)
	w.b = append(w.b, '"')
	for i := range len(value) {
		switch c := value[i]; c {
		case '"', '\\':
			w.b = append(w.b, '\\', c)
		case '\n':
			w.b = append(w.b, '\\', 'n')
		default:
			w.b = append(w.b, c)
		}
	}
	w.b = append(w.b, '"')
}

// number writes a field with a prefixed number as its string: "o-1000234".
func (w *writer) number(name, prefix string, n uint64) {
	w.field(name)
	w.b = append(w.b, '"')
	w.b = append(w.b, prefix...)
	w.b = strconv.AppendUint(w.b, n, 10)
	w.b = append(w.b, '"')
}

// hex writes a field with a prefixed number of 16 hexadecimal digits as its string.
func (w *writer) hex(name, prefix string, n uint64) {
	w.field(name)
	w.b = append(w.b, '"')
	w.b = append(w.b, prefix...)
	w.b = appendHex(w.b, n)
	w.b = append(w.b, '"')
}

const digits = "0123456789abcdef"

func appendHex(b []byte, n uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, digits[n>>shift&15])
	}
	return b
}

// time writes a field with a time, or nothing if it is zero.
func (w *writer) time(name string, ms int64) {
	if ms == 0 {
		return
	}
	w.field(name)
	w.b = append(w.b, '"')
	w.stamp(ms)
	w.b = append(w.b, '"')
}

// stamp is RFC 3339 in UTC with milliseconds, as event.Time writes it.
func (w *writer) stamp(ms int64) {
	day := ms / dayMS
	if day != w.day {
		time.UnixMilli(ms).UTC().AppendFormat(w.date[:0], "2006-01-02T")
		w.day = day
	}
	rest := int(ms - day*dayMS)
	h, m, s, f := rest/3_600_000, rest/60_000%60, rest/1000%60, rest%1000
	w.b = append(w.b, w.date[:]...)
	w.b = append(w.b,
		byte('0'+h/10), byte('0'+h%10), ':', byte('0'+m/10), byte('0'+m%10), ':', byte('0'+s/10), byte('0'+s%10), '.',
		byte('0'+f/100), byte('0'+f/10%10), byte('0'+f%10), 'Z')
}

// cents writes a field with an amount, without zeros at its end, or nothing if it is zero.
func (w *writer) cents(name string, cents int64) {
	if cents == 0 {
		return
	}
	w.field(name)
	w.amount(cents)
}

func (w *writer) amount(cents int64) {
	w.b = strconv.AppendInt(w.b, cents/100, 10)
	if c := cents % 100; c != 0 {
		w.b = append(w.b, '.', byte('0'+c/10))
		if c%10 != 0 {
			w.b = append(w.b, byte('0'+c%10))
		}
	}
}

// whole writes a field with a whole number.
func (w *writer) whole(name string, n int64) {
	w.field(name)
	w.b = strconv.AppendInt(w.b, n, 10)
}

// open starts an event.
func (w *writer) open(id uint64, kind event.Type, at int64, source string) {
	w.b = append(w.b[:0], `{"id":"e`...)
	w.b = appendHex(w.b, id)
	w.b = append(w.b, '"')
	w.text("type", string(kind))
	w.time("time", at)
	w.text("source", source)
}

func (w *writer) close() { w.b = append(w.b, '}') }
