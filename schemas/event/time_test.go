package event

import (
	"encoding/json"
	"testing"
	"time"
)

var times = []string{
	"2026-01-31T17:05:00Z", "2026-01-31T17:05:00.1Z", "2026-01-31T17:05:00.123456789Z", "2026-01-31T17:05:00.1234567891Z",
	"2026-01-31T17:05:00.Z", "2026-01-31T17:05:00,5Z", "2026-01-31T17:05:00+01:00", "2026-01-31T17:05:00.999-11:30",
	"2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2000-02-29T23:59:59.999Z", "2026-04-31T00:00:00Z",
	"1969-12-31T23:59:59.9999Z", "0000-01-01T00:00:00Z", "0000-02-29T00:00:00Z", "0000-03-01T00:00:00Z", "9999-12-31T23:59:59Z",
	"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T23:60:00Z",
	"2026-01-01T23:59:60Z", "2026-1-01T00:00:00Z", "2026-01-01T5:00:00Z", "2026-01-01 00:00:00Z", "2026-01-01t00:00:00z",
	"2026-01-01T00:00:00", "2026-01-01", "", "Z", "yesterday", "2026-01-01T00:00:0xZ", "20x6-01-01T00:00:00Z", "-026-01-01T00:00:00Z",
}

// sameAsTimeParse holds parseTime to time.Parse: the same inputs are taken, with the same result.
func sameAsTimeParse(t *testing.T, s string) {
	t.Helper()
	got, gotErr := parseTime([]byte(s))
	want, wantErr := time.Parse(time.RFC3339Nano, s)
	if (gotErr == nil) != (wantErr == nil) {
		t.Fatalf("%q: error %v, time.Parse says %v", s, gotErr, wantErr)
	}
	if gotErr == nil && got != TimeOf(want) {
		t.Fatalf("%q: got %d, time.Parse says %d", s, got, TimeOf(want))
	}
}

func TestParseTimeIsTimeParse(t *testing.T) {
	for _, s := range times {
		sameAsTimeParse(t, s)
	}
	// Every day of eight centuries, so every kind of leap year and its neighbours.
	for d := time.Date(1599, 12, 1, 12, 34, 56, 789e6, time.UTC); d.Year() < 2402; d = d.AddDate(0, 0, 1) {
		s := d.Format(time.RFC3339Nano)
		if got, ok := parseUTC([]byte(s)); !ok || got != TimeOf(d) {
			t.Fatalf("%s: got %d, %t, want %d", s, got, ok, TimeOf(d))
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range times {
		f.Add(s)
	}
	f.Fuzz(sameAsTimeParse)
}

func TestTimeJSON(t *testing.T) {
	const noon = Time(1767268800123)
	for in, want := range map[string]Time{
		`"2026-01-01T12:00:00.123Z"`:      noon,
		`"2026-01-01T13:00:00.123+01:00"`: noon,
		`1767268800123`:                   noon,
		`-1000`:                           -1000,
		`0`:                               0,
		`null`:                            0,
		`999999999999999999`:              999999999999999999,
	} {
		var got Time
		if err := json.Unmarshal([]byte(in), &got); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{`""`, `"1767268800123"`, `1767268800123.5`, `1e12`, `9223372036854775808`, `1000000000000000000`, `true`, `{}`, `[]`, `"2026-01-01"`} {
		var got Time
		if err := json.Unmarshal([]byte(in), &got); err == nil {
			t.Errorf("%s: got %d, want an error", in, got)
		}
	}
	out, err := json.Marshal(noon)
	if err != nil || string(out) != `"2026-01-01T12:00:00.123Z"` {
		t.Errorf("Marshal: %s, %v", out, err)
	}
}

func BenchmarkParseTime(b *testing.B) {
	in := []byte(`"2026-01-31T17:05:00.123Z"`)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	var t Time
	for b.Loop() {
		if err := t.UnmarshalJSON(in); err != nil {
			b.Fatal(err)
		}
	}
}
