// Package sim is Kafka, ClickHouse and a shop's streams in memory, exact where the engine's promises depend on it and nowhere else:
// transactions with markers, read-committed readers, fencing, group generations and offsets, compaction, replacing merges. A test
// drives the real engine against it, one step at a time, with faults drawn from a seed. Everything here is deterministic and belongs
// to one goroutine.
package sim

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Errors that a broker answers.
var (
	ErrFenced     = errors.New("a newer producer has this transactional id")
	ErrGeneration = errors.New("the group has moved on: illegal generation or unknown member")
)

// Partition names a partition of a topic.
type Partition struct {
	Topic string
	ID    int32
}

func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.ID) }

// Kafka is a cluster.
type Kafka struct {
	logs      map[Partition]*journal
	counts    map[string]int32
	groups    map[string]*Group
	producers map[string]*Producer // the newest of each transactional id
}

// journal is the log of one partition.
type journal struct {
	records []stored
	end     int64
}

type stored struct {
	*kgo.Record
	tx *transaction // nil: written outside of transactions
}

type fate uint8

const (
	open fate = iota
	committed
	aborted
)

type transaction struct {
	fate    fate
	wrote   []Partition
	offsets map[*Group]map[Partition]int64
}

// NewKafka is a cluster without topics.
func NewKafka() *Kafka {
	return &Kafka{logs: map[Partition]*journal{}, counts: map[string]int32{}, groups: map[string]*Group{}, producers: map[string]*Producer{}}
}

// Create makes a topic.
func (k *Kafka) Create(topic string, partitions int32) {
	k.counts[topic] = partitions
	for id := range partitions {
		k.logs[Partition{topic, id}] = &journal{}
	}
}

// Partitions of a topic.
func (k *Kafka) Partitions(topic string) (all []Partition) {
	for id := range k.counts[topic] {
		all = append(all, Partition{topic, id})
	}
	return all
}

// Append writes a record outside of transactions and returns its offset.
func (k *Kafka) Append(r *kgo.Record) int64 {
	return k.logs[Partition{r.Topic, r.Partition}].add(r, nil)
}

func (l *journal) add(r *kgo.Record, tx *transaction) int64 {
	c := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Offset: l.end, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value),
		Timestamp: r.Timestamp, Attrs: r.Attrs}
	for _, h := range r.Headers {
		c.Headers = append(c.Headers, kgo.RecordHeader{Key: h.Key, Value: bytes.Clone(h.Value)})
	}
	l.records = append(l.records, stored{c, tx})
	l.end++
	return c.Offset
}

// End is the next offset of a partition.
func (k *Kafka) End(p Partition) int64 { return k.logs[p].end }

// Stable is the offset up to which read-committed readers see: where the first open transaction begins.
func (k *Kafka) Stable(p Partition) int64 {
	l := k.logs[p]
	for _, r := range l.records {
		if r.tx != nil && r.tx.fate == open {
			return r.Offset
		}
	}
	return l.end
}

// Fetch reads committed records and the markers of transactions, from an offset on. next is where to read on.
func (k *Kafka) Fetch(p Partition, from int64, most int) (records []*kgo.Record, next int64) {
	l := k.logs[p]
	next = from
	for _, r := range l.records[l.index(from):] {
		if r.tx != nil && r.tx.fate == open || len(records) == most {
			return records, next
		}
		if r.tx == nil || r.tx.fate == committed || r.Attrs.IsControl() {
			records = append(records, r.Record)
		}
		next = r.Offset + 1
	}
	return records, max(next, l.end)
}

func (l *journal) index(offset int64) int {
	return sort.Search(len(l.records), func(i int) bool { return l.records[i].Offset >= offset })
}

// Compact leaves of each key only the last committed record before an offset, and drops deletions before forget altogether.
func (k *Kafka) Compact(p Partition, before, forget int64) {
	l := k.logs[p]
	before = min(before, k.Stable(p))
	last := map[string]int64{}
	for _, r := range l.records {
		if r.Offset < before && !r.Attrs.IsControl() && (r.tx == nil || r.tx.fate == committed) {
			last[string(r.Key)] = r.Offset
		}
	}
	l.records = slices.DeleteFunc(l.records, func(r stored) bool {
		return r.Offset < before && (last[string(r.Key)] != r.Offset || r.Attrs.IsControl() || r.Value == nil && r.Offset < forget)
	})
}

// Producer is one life of a transactional id.
type Producer struct {
	kafka *Kafka
	id    string
	tx    *transaction
}

// Produce takes a transactional id: what a former life left open is aborted, and that life is fenced.
func (k *Kafka) Produce(id string) *Producer {
	k.TimeOut(id)
	p := &Producer{kafka: k, id: id}
	k.producers[id] = p
	return p
}

// TimeOut aborts the open transaction of an id, and fences its producer, as the broker does when a transaction takes too long.
// false: there was none.
func (k *Kafka) TimeOut(id string) bool {
	p := k.producers[id]
	if p == nil || p.tx == nil {
		return false
	}
	k.end(p.tx, aborted)
	p.tx = nil
	delete(k.producers, id)
	return true
}

// Open says whether the id has an open transaction.
func (k *Kafka) Open(id string) bool { p := k.producers[id]; return p != nil && p.tx != nil }

func (p *Producer) check() error {
	if p.kafka.producers[p.id] != p {
		return ErrFenced
	}
	if p.tx == nil {
		p.tx = &transaction{offsets: map[*Group]map[Partition]int64{}}
	}
	return nil
}

// Write adds a record to the open transaction, and tells its offset.
func (p *Producer) Write(r *kgo.Record) (int64, error) {
	if err := p.check(); err != nil {
		return 0, err
	}
	at := Partition{r.Topic, r.Partition}
	if !slices.Contains(p.tx.wrote, at) {
		p.tx.wrote = append(p.tx.wrote, at)
	}
	return p.kafka.logs[at].add(r, p.tx), nil
}

// Offsets adds the group's offsets to the open transaction.
func (p *Producer) Offsets(m *Member, offsets map[Partition]int64) error {
	if err := p.check(); err != nil {
		return err
	}
	if !m.current() {
		return ErrGeneration
	}
	if p.tx.offsets[m.group] == nil {
		p.tx.offsets[m.group] = map[Partition]int64{}
	}
	for at, offset := range offsets {
		if _, ok := p.tx.offsets[m.group][at]; !ok {
			m.group.pending[at]++
		}
		p.tx.offsets[m.group][at] = offset
	}
	return nil
}

// End ends the open transaction, if there is one.
func (p *Producer) End(commit bool) error {
	if p.kafka.producers[p.id] != p {
		return ErrFenced
	}
	if p.tx == nil {
		return nil
	}
	if commit {
		p.kafka.end(p.tx, committed)
	} else {
		p.kafka.end(p.tx, aborted)
	}
	p.tx = nil
	return nil
}

func (k *Kafka) end(tx *transaction, how fate) {
	tx.fate = how
	marker := kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Transactional: true, Control: true})
	for _, at := range tx.wrote {
		k.logs[at].add(&kgo.Record{Topic: at.Topic, Partition: at.ID, Attrs: marker}, nil)
	}
	for g, offsets := range tx.offsets {
		for at, offset := range offsets {
			g.pending[at]--
			if how == committed {
				g.committed[at] = offset
			}
		}
	}
}
