package session

import (
	"fmt"
	"strings"
)

// Dump tells what a state says, line by line, without what has no value.
func Dump(b []byte) (string, error) {
	var s state
	if err := s.decode(b); err != nil {
		return "", err
	}
	names := [fields]string{fPage: "page", fEntry: "entry", fOrder: "order", fStep: "step", fAgent: "agent", fCountry: "country",
		fSource: "source", fCustomer: "customer", fTracker: "tracker", fProduct: "product", fRegion: "region"}
	var out strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	line("visitor %q, last seen %s, flags %05b", s.visitor, s.end, b[1])
	for i := range s.marks {
		k := &s.marks[i]
		fmt.Fprintf(&out, "mark %s %012x kind %d", k.time, k.hash, k.kind)
		for f, n := range k.f {
			if n != 0 {
				fmt.Fprintf(&out, " %s=%q", names[f], s.str(n))
			}
		}
		line("")
	}
	for _, t := range s.told {
		line("told session %s of %d marks, revision %d, flags %03b", t.start, t.n, t.revision, t.flags)
	}
	for _, x := range s.said {
		line("said touch of session %s for %q, %016x", x.start, s.str(x.order), x.hash)
	}
	return out.String(), nil
}

// Stickiness is how often each field of a mark stands in one of the two lists.
func Stickiness() (seen [fields]int) {
	for _, f := range append(sticky[:], notSticky[:]...) {
		seen[f]++
	}
	return seen
}
