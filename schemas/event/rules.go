package event

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Rules are the rules that an operator may change.
type Rules struct {
	// MaxAhead is how far an event's time may be ahead of its source time: the senders' clocks are never all right.
	MaxAhead time.Duration
}

// DefaultRules are the rules unless the config says otherwise.
var DefaultRules = Rules{MaxAhead: 10 * time.Minute}

// Limits of all fields. What is longer or larger is refused, never cut: a cut id is another id, and the sender should know.
const (
	MaxName    = 256       // bytes of an id, and of a name: carrier, warehouse, step, brand, author ...
	MaxType    = 64        // bytes of an event type
	MaxLine    = 8 << 10   // bytes of a URL, referrer, user agent, title or reason: what web servers take as one line
	MaxText    = 128 << 10 // bytes of a review's text
	MaxItems   = 1000      // lines of an order: they all are part of its journey's state
	MaxSubject = 100       // subjects of a review
	MaxAmount  = 1e12      // of money, quantity, reach: sums of such numbers stay exact enough
)

// Every time lies between these. Before 2000 there is nothing to tell, and a time there is seconds taken for milliseconds. The
// tables keep days in 16 bits, which end in 2149.
const (
	Earliest Time = 946684800000  // 2000-01-01
	Latest   Time = 4102444800000 // 2100-01-01
)

// checks applies rules to fields one after the other and keeps the first refusal. Nothing is allocated while all is well.
type checks struct{ refusal *Refusal }

func (c *checks) refuse(reason, field, format string, args ...any) {
	if c.refusal == nil {
		c.refusal = &Refusal{Reason: reason, Field: field, Detail: fmt.Sprintf(format, args...)}
	}
}

// id checks an id that must be there.
func (c *checks) id(field, s string) {
	if s == "" {
		c.refuse(MissingField, field, "is required and must not be empty")
		return
	}
	c.name(field, s)
}

// name checks an id or a name that may be left out.
func (c *checks) name(field, s string) {
	if len(s) > MaxName {
		c.tooLong(field, s, MaxName)
	}
	if hasControl(s) {
		c.refuse(BadValue, field, "must not have control characters, came as %q", clip(s))
	}
}

func (c *checks) line(field, s string) {
	if len(s) > MaxLine {
		c.tooLong(field, s, MaxLine)
	}
}

func (c *checks) tooLong(field, s string, limit int) {
	c.refuse(BadValue, field, "may have at most %d bytes, came with %d: %q", limit, len(s), clip(s))
}

// country checks ISO 3166-1 alpha-2. A digit in second place is let through: edges say T1 for Tor.
func (c *checks) country(s string) {
	if s == "" || len(s) == 2 && isLetter(s[0]) && (isLetter(s[1]) || '0' <= s[1] && s[1] <= '9') {
		return
	}
	c.refuse(BadValue, "country", "must be two letters as in ISO 3166-1, like DE, came as %q", clip(s))
}

// currency checks ISO 4217.
func (c *checks) currency(s string) {
	if s == "" || len(s) == 3 && isLetter(s[0]) && isLetter(s[1]) && isLetter(s[2]) {
		return
	}
	c.refuse(BadValue, "currency", "must be three letters as in ISO 4217, like EUR, came as %q", clip(s))
}

// language checks ISO 639, with or without a region.
func (c *checks) language(s string) {
	if s == "" {
		return
	}
	tag := languageOf(s)
	for i := 0; i < len(tag); i++ {
		if !isLetter(tag[i]) {
			tag = ""
		}
	}
	if len(tag) < 2 || len(tag) > 3 || len(s) > MaxType {
		c.refuse(BadValue, "language", "must be a language code of ISO 639, like de or pt-BR, came as %q", clip(s))
	}
}

// languageOf cuts the region off: pt-BR is pt.
func languageOf(s string) string {
	if i := strings.IndexAny(s, "-_"); i >= 0 {
		return s[:i]
	}
	return s
}

// amount checks a number of money, things or people.
func (c *checks) amount(field string, v float64) {
	// Written so that NaN, which compares with nothing, fails.
	if !(v >= 0 && v <= MaxAmount) {
		c.refuse(BadValue, field, "must be a number from 0 to %g, came as %g", MaxAmount, v)
	}
}

// rating checks a rating and its scale. All of them 0 means that none was given.
func (c *checks) rating(v, low, high float64) {
	if v == 0 && low == 0 && high == 0 {
		return
	}
	if high == 0 {
		high = 5
	}
	switch {
	case math.IsNaN(v) || math.IsInf(low, 0) || math.IsInf(high, 0):
		c.refuse(BadValue, "rating", "must be a finite number on a finite scale, came as %g of %g to %g", v, low, high)
	case !(low < high):
		c.refuse(BadValue, "rating_max", "must be more than rating_min, came as %g and %g", high, low)
	case !(low <= v && v <= high):
		c.refuse(BadValue, "rating", "must be on its scale, %g to %g, came as %g; leave the scale out, too, when there is no rating", low, high, v)
	}
}

// moment checks a time that may be left out and may be in the future, like a promise.
func (c *checks) moment(field string, t Time) {
	if t != 0 && t < Earliest {
		c.refuse(TimePast, field, "%s is before 2000%s", t, secondsHint(t))
	}
	if t > Latest {
		c.refuse(TimeAhead, field, "%s is after 2100%s", clip(t.String()), microsHint(t))
	}
}

// time checks the event's own time. A source time of 0 is not known.
func (c *checks) time(t, source Time, ahead time.Duration) {
	if t == 0 {
		c.refuse(MissingField, "time", "is required (1970-01-01 counts as left out), like \"2026-01-31T17:05:00Z\" or milliseconds since 1970")
		return
	}
	c.moment("time", t)
	if source > 0 && t > source.Add(ahead) {
		c.refuse(TimeAhead, "time", "%s is ahead of %s, when the record was written, by more than %s%s", clip(t.String()), source, ahead, microsHint(t))
	}
}

func secondsHint(t Time) string {
	if t > Earliest/1000 && t < Latest/1000 {
		return ": a number is milliseconds since 1970, this looks like seconds"
	}
	return ""
}

func microsHint(t Time) string {
	if t > Earliest*1000 && t < Latest*1000 {
		return ": a number is milliseconds since 1970, this looks like microseconds"
	}
	return ""
}

// properties checks that the free part is an object. That it is JSON at all is known since it was decoded.
func (c *checks) properties(b []byte) {
	if len(b) > 0 && b[0] != '{' {
		c.refuse(WrongType, "properties", "must be an object, came as %s", clip(string(b)))
	}
}

func hasControl(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] == 0x7f {
			return true
		}
	}
	return false
}

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
