package config

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time that also knows days: 30m, 24h, 400d, 1d12h.
type Duration time.Duration

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	var days float64
	if before, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseFloat(before, 64)
		if err != nil || !(n >= 0 && n <= 100_000) {
			return badDuration(s)
		}
		if days, s = n, after; s == "" {
			s = "0s"
		}
	}
	rest, err := time.ParseDuration(s)
	if err != nil || rest < 0 {
		return badDuration(string(text))
	}
	*d = Duration(math.Round(days*float64(day))) + Duration(rest)
	return nil
}

func badDuration(s string) error {
	return fmt.Errorf("%q is no duration, like 500ms, 30m, 24h or 400d", s)
}

// MarshalText writes whole days from two on as days, else what time.Duration says without its zeros.
func (d Duration) MarshalText() ([]byte, error) {
	t := time.Duration(d)
	if t >= 2*day && t%day == 0 {
		return fmt.Appendf(nil, "%dd", t/day), nil
	}
	s := t.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return []byte(s), nil
}

func (d Duration) String() string { b, _ := d.MarshalText(); return string(b) }

// Size is a number of bytes: 1000, 256kB, 1MB. The units are powers of 1024.
type Size int64

var units = []struct {
	name  string
	bytes int64
}{{"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}, {"B", 1}}

// UnmarshalText reads a size; the case of the unit does not matter.
func (z *Size) UnmarshalText(text []byte) error {
	s := strings.ToLower(strings.TrimSpace(string(text)))
	factor := int64(1)
	for _, u := range units {
		if n, ok := strings.CutSuffix(s, strings.ToLower(u.name)); ok {
			s, factor = strings.TrimSpace(n), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return fmt.Errorf("%q is no size, like 1000, 256kB or 1MB", text)
	}
	*z = Size(n * factor)
	return nil
}

// MarshalText writes the largest unit that has no remainder.
func (z Size) MarshalText() ([]byte, error) {
	for _, u := range units {
		if z != 0 && int64(z)%u.bytes == 0 {
			return fmt.Appendf(nil, "%d%s", int64(z)/u.bytes, u.name), nil
		}
	}
	return fmt.Appendf(nil, "%dB", int64(z)), nil
}

func (z Size) String() string { b, _ := z.MarshalText(); return string(b) }

// Words is a list that may be written as one word.
type Words []string

// Secret is a password. However it is printed, it shows only whether it is set; Reveal gives it away.
type Secret string

// Reveal returns the password itself.
func (s Secret) Reveal() string { return string(s) }

// UnmarshalText takes a password.
func (s *Secret) UnmarshalText(text []byte) error { *s = Secret(text); return nil }

// MarshalText hides the password.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(hidden)"
}

// GoString hides it from %#v, Format from every other verb, LogValue from slog.
func (s Secret) GoString() string           { return s.String() }
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }
func (s Secret) LogValue() slog.Value       { return slog.StringValue(s.String()) }
