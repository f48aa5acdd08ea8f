package table

import (
	"fmt"
	"strings"

	"github.com/afterclick/afterclick/schemas/event"
)

// enum is the kind of a column with few names that are known beforehand, as Enum8: a name's number is its place, 0 is "" and stands
// in rows that say nothing but "deleted". Numbers are stored: append only.
type enum[S ~string] struct {
	kind[int8]
	names []S
}

func newEnum[S ~string](names ...S) enum[S] {
	all := append([]S{""}, names...)
	entries := make([]string, len(all))
	for i, n := range all {
		entries[i] = fmt.Sprintf("'%s' = %d", string(n), i)
	}
	return enum[S]{
		kind:  kind[int8]{name: "Enum8(" + strings.Join(entries, ", ") + ")", make: func() sink[int8] { return new(fixed[int8]) }},
		names: all,
	}
}

// number is a linear search: these enums have a handful of names of different lengths.
func (e enum[S]) number(name S) int8 {
	for i, n := range e.names {
		if n == name {
			return int8(i)
		}
	}
	return 0
}

var (
	stages     = newEnum(StageNames[1:]...)
	topics     = newEnum("clickstream", "orders", "deliveries", "reviews", "touches")
	statuses   = newEnum(Accepted, Duplicate, Late)
	sentiments = newEnum(Negative, Neutral, Positive, Unscored)
	promises   = newEnum(PromiseNone, PromiseOpen, PromiseKept, PromiseBroken)
	orderKinds = newEnum(event.OrderKinds...)
	kinds      = newEnum("review", "mention")
)
