package event

import (
	"fmt"
	"time"
)

// Time is a point in time in milliseconds since 1970-01-01 UTC. Zero means "never" or "not known". In JSON it is an RFC 3339
// string; a whole number of milliseconds is accepted too.
type Time int64

// TimeOf rounds t down to the millisecond.
func TimeOf(t time.Time) Time { return Time(t.UnixMilli()) }

// Time returns t in UTC.
func (t Time) Time() time.Time { return time.UnixMilli(int64(t)).UTC() }

// Add returns t+d, at millisecond precision.
func (t Time) Add(d time.Duration) Time { return t + Time(d.Milliseconds()) }

// Sub returns t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t-u) * time.Millisecond }

// String is RFC 3339 in UTC with milliseconds.
func (t Time) String() string { return string(t.append(nil)) }

func (t Time) append(b []byte) []byte {
	return t.Time().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
}

// MarshalJSON writes RFC 3339 in UTC with milliseconds.
func (t Time) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 26)
	b = append(b, '"')
	b = t.append(b)
	return append(b, '"'), nil
}

// UnmarshalJSON reads RFC 3339, or a whole number of milliseconds since 1970.
func (t *Time) UnmarshalJSON(b []byte) error {
	if len(b) >= 2 && b[0] == '"' && b[len(b)-1] == '"' {
		parsed, err := parseTime(b[1 : len(b)-1])
		if err != nil {
			return err
		}
		*t = parsed
		return nil
	}
	if string(b) == "null" {
		return nil
	}
	digits := b
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			n = -1
			break
		}
		n = n*10 + int64(c-'0')
	}
	// 18 digits always fit, and are already 30 million years.
	if n < 0 || len(digits) == 0 || len(digits) > 18 {
		return fmt.Errorf("%s is neither an RFC 3339 time, like \"2026-01-31T17:05:00Z\", nor a whole number of milliseconds since 1970", clip(string(b)))
	}
	if len(digits) < len(b) {
		n = -n
	}
	*t = Time(n)
	return nil
}

// parseTime reads RFC 3339, exactly as time.Parse does. What nearly every sender writes, UTC with Z, is read here at a tenth of
// its cost; all else is left to it.
func parseTime(b []byte) (Time, error) {
	if t, ok := parseUTC(b); ok {
		return t, nil
	}
	p, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return 0, fmt.Errorf("%q is not an RFC 3339 time, like \"2026-01-31T17:05:00Z\"", clip(string(b)))
	}
	return TimeOf(p), nil
}

// parseUTC reads 2006-01-02T15:04:05Z, with up to nine digits of a second's fraction. False: it is something else, or wrong.
func parseUTC(b []byte) (Time, bool) {
	if len(b) < 20 || len(b) > 30 || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[len(b)-1] != 'Z' {
		return 0, false
	}
	year, month, day := digits2(b, 0)*100+digits2(b, 2), digits2(b, 5), digits2(b, 8)
	hour, minute, second := digits2(b, 11), digits2(b, 14), digits2(b, 17)
	// A pair that is not two digits is so negative that the year, too, is.
	if year < 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		uint(hour) > 23 || uint(minute) > 59 || uint(second) > 59 {
		return 0, false
	}
	milli := 0
	if fraction := b[19 : len(b)-1]; len(fraction) > 0 {
		if fraction[0] != '.' || len(fraction) == 1 {
			return 0, false
		}
		weight := 100
		for _, c := range fraction[1:] {
			if c < '0' || c > '9' {
				return 0, false
			}
			milli += int(c-'0') * weight
			weight /= 10
		}
	}
	seconds := int64(daysSince1970(year, month, day))*86400 + int64(hour*3600+minute*60+second)
	return Time(seconds*1000 + int64(milli)), true
}

// digits2 returns the number that the two digits at b[i] write, or a very negative one.
func digits2(b []byte, i int) int {
	x, y := b[i]-'0', b[i+1]-'0'
	if x > 9 || y > 9 {
		return -1 << 20
	}
	return int(x)*10 + int(y)
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSince1970 counts in years that begin in March, so that the leap day is a year's last: Howard Hinnant, "chrono-Compatible
// Low-Level Date Algorithms", days_from_civil. The year must not be negative.
func daysSince1970(year, month, day int) int {
	if month <= 2 {
		year--
		month += 12
	}
	if year < 0 {
		year += 400
		return daysSince1970March(year, month, day) - 146097
	}
	return daysSince1970March(year, month, day)
}

func daysSince1970March(year, month, day int) int {
	century := year / 100
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	return year*365 + year/4 - century + century/4 + dayOfYear - 719468
}
