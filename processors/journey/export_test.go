package journey

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
	var out strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	line("order %q, latest fact %s, flags %02b", s.id, s.last, b[1])
	for i := range s.facts {
		f := &s.facts[i]
		fmt.Fprintf(&out, "fact %s %016x kind %d", f.time, f.hash, f.kind)
		for i, n := range f.s {
			if n != 0 {
				fmt.Fprintf(&out, " %s=%q", name(textNames, i), s.str(n))
			}
		}
		for i, t := range f.t {
			if t != 0 {
				fmt.Fprintf(&out, " %s=%s", name(timeNames, i), t)
			}
		}
		for i, n := range f.n {
			if n != 0 {
				fmt.Fprintf(&out, " %s=%d", name(countNames, i), n)
			}
		}
		for i, x := range f.f {
			if x != 0 {
				fmt.Fprintf(&out, " %s=%v", name(amountNames, i), x)
			}
		}
		line("")
	}
	line("told journey, revision %d, dirty %v", s.journey.revision, s.journey.dirty)
	for _, t := range s.opinions {
		line("told opinion %q, revision %d, dirty %v", s.str(t.review), t.revision, t.dirty)
	}
	return out.String(), nil
}

// Names for Dump, by the fields' constants; a field without one has its number.
var (
	textNames = map[int]string{sCustomer: "customer", sCarrier: "carrier", sTracking: "tracking", sWarehouse: "warehouse", sCountry: "country",
		sRegion: "region", sChannel: "channel", sReview: "review", sSource: "source", sText: "text", sTitle: "title", sSubjects: "subjects",
		sLanguage: "language", sAuthor: "author", sKind: "kind", sReason: "reason", sVisitor: "visitor", sCurrency: "currency",
		sItems: "items", sReferrer: "referrer", sCampaign: "campaign", sLanding: "landing", sDevice: "device", sOrderKind: "order_kind", sRenews: "renews"}
	timeNames = map[int]string{tDue: "due", tFirstSeen: "first_seen", tView: "view", tResearch: "research", tCart: "cart", tCheckout: "checkout",
		tOrdered: "ordered", tTrack: "track", tContact: "contact", tShipBy: "ship_by"}
	countNames  = map[int]string{nBefore: "before", nTracks: "tracks", nContacts: "contacts"}
	amountNames = map[int]string{fTotal: "total", fAmount: "amount", fRating: "rating", fRatingMin: "rating_min", fRatingMax: "rating_max", fReach: "reach"}
)

func name(names map[int]string, i int) string {
	if n := names[i]; n != "" {
		return n
	}
	return fmt.Sprint("field", i)
}

// Fields are those of all groups, by how often stored has them.
func Fields() map[string]int {
	seen := map[string]int{}
	for g, n := range map[group]int{texts: strs, moments: times, counts: nums, amounts: floats} {
		for i := range n {
			seen[fmt.Sprintf("field %d of group %d", i, g)] = 0
		}
	}
	for _, f := range stored {
		seen[fmt.Sprintf("field %d of group %d", f.at, f.group)]++
	}
	return seen
}
