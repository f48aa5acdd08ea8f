package verify

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Kind is what can be found of a record or a row.
type Kind string

const (
	// Missing: our groups have read past the record, but no row has it.
	Missing Kind = "missing"
	// Doubled: more than one row has the record, or the router has passed it on more than once.
	Doubled Kind = "doubled"
	// Stray: a row stands where Kafka delivers no record.
	Stray Kind = "stray"
	// Altered: a row's bytes are not those of the record.
	Altered Kind = "altered"
	// UnderWay is no difference: the router has passed the record on, and the machine has not committed it yet.
	UnderWay Kind = "under way"
	// Waiting is no difference: our groups have not committed it yet. It is told in offsets, because these were not read.
	Waiting Kind = "waiting"
)

// Report is what verifying found.
type Report struct {
	Began    time.Time `json:"began"`
	Seconds  float64   `json:"seconds"`
	Clean    bool      `json:"clean"` // nothing is missing, doubled, stray or altered
	Topics   []Topic   `json:"topics"`
	Findings []Finding `json:"findings"` // by topic, partition and offset
	// Omitted is how many findings more there are than a report holds.
	Omitted int64 `json:"omitted,omitempty"`
	// Notes say what could not be compared, and why that is no difference.
	Notes []string `json:"notes,omitempty"`
}

// Topic is the balance of a source topic, in events: a record has one or, if it is a batch, several.
//
//	Delivered = Accepted + Duplicate + Late + Refused + UnderWay + Missing
//
// An event with several rows counts as what the first of them says.
type Topic struct {
	Topic     string `json:"topic"`
	Records   int64  `json:"records"`   // that Kafka delivers, of those that our groups have committed
	Delivered int64  `json:"delivered"` // events that these records hold
	Accepted  int64  `json:"accepted"`
	Duplicate int64  `json:"duplicate"`
	Late      int64  `json:"late"`
	Refused   int64  `json:"refused"`
	UnderWay  int64  `json:"under_way"`
	Missing   int64  `json:"missing"`
	Doubled   int64  `json:"doubled"`
	Stray     int64  `json:"stray"`
	Altered   int64  `json:"altered"`
	Waiting   int64  `json:"waiting"` // offsets that our groups have not committed
}

func (t *Topic) add(u *Topic) {
	t.Records += u.Records
	t.Delivered += u.Delivered
	t.Accepted += u.Accepted
	t.Duplicate += u.Duplicate
	t.Late += u.Late
	t.Refused += u.Refused
	t.UnderWay += u.UnderWay
	t.Missing += u.Missing
	t.Doubled += u.Doubled
	t.Stray += u.Stray
	t.Altered += u.Altered
	t.Waiting += u.Waiting
}

// Finding is a range of offsets of a source partition. No record between From and To was found otherwise.
type Finding struct {
	Kind      Kind   `json:"kind"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`
	To        int64  `json:"to"`     // inclusive
	Events    int64  `json:"events"` // how many there are in the range; of what is waiting, offsets
	Hop       string `json:"hop,omitempty"`
	Detail    string `json:"detail,omitempty"`
}

func (f Finding) String() string {
	offsets := fmt.Sprintf("offset %d", f.From)
	if f.To > f.From {
		offsets = fmt.Sprintf("offsets %d–%d", f.From, f.To)
	}
	if f.Events != f.To-f.From+1 {
		offsets += fmt.Sprintf(" (%d events)", f.Events)
	}
	s := fmt.Sprintf("%s  %s/%d %s", f.Kind, f.Topic, f.Partition, offsets)
	if f.Hop != "" {
		s += ", " + f.Hop
	}
	if f.Detail != "" {
		s += ": " + f.Detail
	}
	return s
}

// Difference says whether the finding is one.
func (k Kind) Difference() bool { return k != UnderWay && k != Waiting }

// keptFindings bounds the findings of a partition.
const keptFindings = 1000

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

func (r *Report) has(k Kind) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Kind == k })
}

func (r *Report) topic(name string) *Topic {
	for i := range r.Topics {
		if r.Topics[i].Topic == name {
			return &r.Topics[i]
		}
	}
	r.Topics = append(r.Topics, Topic{Topic: name})
	return &r.Topics[len(r.Topics)-1]
}

func (r *Report) finish() {
	r.Seconds = time.Since(r.Began).Seconds()
	r.Clean = true
	for _, t := range r.Topics {
		r.Clean = r.Clean && t.Missing+t.Doubled+t.Stray+t.Altered == 0
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.From, b.From))
	})
	slices.Sort(r.Notes)
}

// ranges turns what is found offset by offset into findings.
type ranges struct {
	part    *part
	open    map[Kind]*Finding
	closed  []Finding
	omitted int64
}

// found notes an offset, in rising order.
func (r *ranges) found(k Kind, offset int64, hop, detail string) {
	if f := r.open[k]; f != nil && f.Detail == detail {
		f.To, f.Events = offset, f.Events+1
		return
	}
	r.close(k)
	if r.open == nil {
		r.open = map[Kind]*Finding{}
	}
	r.open[k] = &Finding{Kind: k, Topic: r.part.topic, Partition: r.part.id, From: offset, To: offset, Events: 1, Hop: hop, Detail: detail}
}

// close ends the range of a kind: a record was found otherwise.
func (r *ranges) close(k Kind) {
	f := r.open[k]
	if f == nil {
		return
	}
	delete(r.open, k)
	if len(r.closed) < keptFindings {
		r.closed = append(r.closed, *f)
	} else {
		r.omitted++
	}
}

func (r *ranges) closeAll() {
	for k := range r.open {
		r.close(k)
	}
}
