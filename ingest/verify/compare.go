package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/cespare/xxhash/v2"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/afterclick/afterclick/ingest"
	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
)

// span is how many offsets are compared with one question to ClickHouse, and about how many events at most.
const span = 4 * table.LedgerBlock

// chunk is what Kafka delivered between two offsets of a partition.
type chunk struct {
	from, to int64
	records  int64
	expected []expected
}

// expected is an event that must have a row.
type expected struct {
	offset int64
	part   uint32
	// refused: it must be in dead_letters. Of canonical JSON that is not asked: the bytes are the same in both tables.
	refused bool
	hash    uint64 // of the row's bytes
	record  uint64 // of the record's
}

func named(p *part, from, to int64) []any {
	return []any{clickhouse.Named("topic", p.topic), clickhouse.Named("partition", p.id), clickhouse.Named("from", from), clickhouse.Named("to", to)}
}

// compare reads a source partition, and compares it chunk by chunk, each while the next is being read.
func (v *verifier) compare(ctx context.Context, p *part) error {
	c := &comparison{v: v, part: p, ranges: ranges{part: p}, total: Topic{Topic: p.topic, Waiting: p.end - p.read}}
	chunks, spare := make(chan *chunk), make(chan *chunk, 2)
	spare <- &chunk{}
	spare <- &chunk{}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(chunks)
		return c.cut(ctx, spare, chunks)
	})
	group.Go(func() error {
		for ch := range chunks {
			if err := c.chunk(ctx, ch); err != nil {
				return err
			}
			spare <- ch
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	c.ranges.closeAll()
	v.mu.Lock()
	defer v.mu.Unlock()
	r := v.report
	r.topic(p.topic).add(&c.total)
	r.Findings, r.Omitted = append(r.Findings, c.ranges.closed...), r.Omitted+c.ranges.omitted
	if p.end > p.read {
		r.Findings = append(r.Findings, Finding{Kind: Waiting, Topic: p.topic, Partition: p.id, From: p.read, To: p.end - 1, Events: p.end - p.read,
			Hop: hopName(p, true), Detail: "not committed by group " + p.group + " when verifying began"})
	}
	if p.deleted {
		r.note("%s/%d: Kafka has deleted the offsets before %d, so they could not be compared", p.topic, p.id, p.from)
	}
	if deleted := max(c.deleted, c.gone); deleted > 0 {
		r.note("%s/%d: Kafka deleted offsets up to %d while they were to be read; they could not be compared", p.topic, p.id, deleted-1)
	}
	if c.compacted > 0 {
		r.note("%s/%d: %d rows are of records that Kafka has compacted away", p.topic, p.id, c.compacted)
	}
	return nil
}

// cut reads a partition into chunks that together cover all its offsets but those that were deleted meanwhile.
func (c *comparison) cut(ctx context.Context, spare <-chan *chunk, out chan<- *chunk) error {
	p := c.part
	var ch *chunk
	begin := func(from int64) error {
		select {
		case ch = <-spare:
			*ch = chunk{from: from, expected: ch.expected[:0]}
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	end := func(to int64) error {
		ch.to = to
		select {
		case out <- ch:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := begin(p.from); err != nil {
		return err
	}
	next := p.from
	var stopped error
	read := c.reader()
	err := c.v.read(ctx, p, p.from, p.read, func(r *kgo.Record) error {
		if at := r.Offset - r.Offset%span; at > ch.from {
			if err := end(at); err != nil {
				return err
			}
			if err := begin(at); err != nil {
				return err
			}
		} else if len(ch.expected) >= span { // batches
			if err := end(r.Offset); err != nil {
				return err
			}
			if err := begin(r.Offset); err != nil {
				return err
			}
		}
		next = r.Offset + 1
		ch.records++
		return read(ctx, r, ch)
	}, func(start int64) {
		if stopped = end(next); stopped == nil {
			stopped = begin(start)
		}
		next, c.gone = start, start
	})
	if err != nil || stopped != nil {
		return errors.Join(err, stopped)
	}
	return end(p.read)
}

// reader returns what adds the events of a record to a chunk. Canonical JSON need not be decoded for that.
func (c *comparison) reader() func(context.Context, *kgo.Record, *chunk) error {
	if c.part.source.Direct() {
		return func(_ context.Context, r *kgo.Record, ch *chunk) error {
			hash := stored(r.Value)
			ch.expected = append(ch.expected, expected{offset: r.Offset, hash: hash, record: hash})
			return nil
		}
	}
	cfg := &c.v.cfg.Engine
	reader := c.part.source.Reader(cfg.MaxEvent)
	return func(ctx context.Context, r *kgo.Record, ch *chunk) error {
		hash := stored(r.Value)
		at, err := ingest.SourceTime(r)
		if err != nil {
			ch.expected = append(ch.expected, expected{offset: r.Offset, refused: true, hash: hash, record: hash})
			return nil
		}
		record := decode.Record{Key: r.Key, Value: r.Value, Headers: r.Headers, Time: at}
		parts, err := reader.Read(&record, cfg.Rules)
		for end := time.Now().Add(patience); err != nil; parts, err = reader.Read(&record, cfg.Rules) {
			if time.Now().After(end) {
				return fmt.Errorf("read offset %d: %w", r.Offset, err)
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		for i := range parts {
			e := expected{offset: r.Offset, part: uint32(i), record: hash}
			if e.refused = parts[i].Refusal != nil; e.refused {
				e.hash = stored(parts[i].Raw)
			} else {
				e.hash = xxhash.Sum64(parts[i].Body)
			}
			ch.expected = append(ch.expected, e)
		}
		return nil
	}
}

// stored is the hash of what is stored of bytes: IP addresses are not.
func stored(b []byte) uint64 {
	b, _ = decode.WithoutIP(b)
	return xxhash.Sum64(b)
}

// comparison is of one source partition.
type comparison struct {
	v         *verifier
	part      *part
	ranges    ranges
	total     Topic
	compacted int64 // rows whose records were compacted away
	// What is before these was deleted while we read: seen by opening a block, and by reading on.
	deleted, gone int64
}

// chunk compares the blocks of a chunk by their sums, and opens those that differ.
func (c *comparison) chunk(ctx context.Context, ch *chunk) error {
	if ch.to <= ch.from {
		return nil
	}
	stored, err := c.v.tallies(ctx, c.part, ch.from, ch.to)
	if err != nil {
		return err
	}
	c.total.Records += ch.records
	c.total.Delivered += int64(len(ch.expected))
	blocks := make([]int64, 0, len(stored))
	for b := range stored {
		blocks = append(blocks, b)
	}
	for i := 0; i < len(ch.expected); i = ch.after(i) {
		if b := ch.expected[i].offset / table.LedgerBlock; stored[b].rows == 0 {
			blocks = append(blocks, b)
		}
	}
	slices.Sort(blocks)
	i := 0
	for _, b := range slices.Compact(blocks) {
		for i < len(ch.expected) && ch.expected[i].offset/table.LedgerBlock < b {
			i++
		}
		end := i
		if i < len(ch.expected) && ch.expected[i].offset/table.LedgerBlock == b {
			end = ch.after(i)
		}
		events := ch.expected[i:end]
		sum, refused := uint64(0), uint64(0)
		for j := range events {
			e := &events[j]
			sum += fingerprint(e.offset, e.part, e.hash)
			if e.refused {
				refused++
			}
		}
		t := stored[b]
		if t.rows == uint64(len(events)) && t.low == sum && t.high == sum && (t.refused == refused || c.part.source.Direct()) {
			c.total.Accepted += int64(t.accepted)
			c.total.Duplicate += int64(t.duplicate)
			c.total.Late += int64(t.late)
			c.total.Refused += int64(t.refused)
			c.ranges.closeAll()
		} else if err := c.open(ctx, max(ch.from, b*table.LedgerBlock), min(ch.to, (b+1)*table.LedgerBlock), events); err != nil {
			return err
		}
		i = end
	}
	return nil
}

// after returns the index of the first event behind the block of event i.
func (ch *chunk) after(i int) int {
	end := (ch.expected[i].offset/table.LedgerBlock + 1) * table.LedgerBlock
	n, _ := slices.BinarySearchFunc(ch.expected[i:], end, func(e expected, offset int64) int { return cmp.Compare(e.offset, offset) })
	return i + n
}

// open compares a block row by row.
func (c *comparison) open(ctx context.Context, from, to int64, events []expected) error {
	rows, err := c.v.rows(ctx, c.part, from, to)
	if err != nil {
		return err
	}
	if wait := time.Until(c.v.snap.at.Add(c.v.cfg.Settle)); wait > 0 && c.lacks(rows, events) {
		// What was committed before we asked may be seen a little later, on another replica.
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if rows, err = c.v.rows(ctx, c.part, from, to); err != nil {
			return err
		}
	}
	start, i := int64(-1), 0
	stray := func(before func(r *row) bool, detail string) error {
		for ; i < len(rows) && before(&rows[i]); i++ {
			if c.part.compacted {
				c.compacted++
				continue
			}
			if start < 0 { // ask once a block
				if start, err = c.v.start(ctx, c.part); err != nil {
					return err
				}
			}
			if rows[i].offset < start {
				c.deleted = max(c.deleted, start)
				continue
			}
			c.total.Stray++
			c.ranges.found(Stray, rows[i].offset, "", strayDetail(rows[i].verdict, detail))
		}
		return nil
	}
	const noRecord, noEvent = "Kafka delivers no such record", "the record has no such event"
	for j := 0; j < len(events); {
		offset, n := events[j].offset, j+1
		for n < len(events) && events[n].offset == offset {
			n++
		}
		if err := stray(func(r *row) bool { return r.offset < offset }, noRecord); err != nil {
			return err
		}
		if whole := c.whole(&events[j], rows[i:]); whole != nil {
			c.total.Delivered -= int64(n-j) - 1
			c.event(whole, rows[i:i+1])
			i, j = i+1, n
			continue
		}
		for ; j < n; j++ {
			e := &events[j]
			if err := stray(func(r *row) bool { return r.offset == offset && r.part < e.part }, noEvent); err != nil {
				return err
			}
			first := i
			for i < len(rows) && rows[i].offset == offset && rows[i].part == e.part {
				i++
			}
			c.event(e, rows[first:i])
		}
		if err := stray(func(r *row) bool { return r.offset == offset }, noEvent); err != nil {
			return err
		}
	}
	return stray(func(*row) bool { return true }, noRecord)
}

// whole tells that a record was refused as a whole when it was read, for its source time, and returns what is then expected of it.
// Whether a source time is ahead of the present cannot be said again later.
func (c *comparison) whole(e *expected, rows []row) *expected {
	if c.part.source.Direct() || len(rows) == 0 || rows[0].offset != e.offset || len(rows) > 1 && rows[1].offset == e.offset {
		return nil
	}
	if r := rows[0]; r.part != 0 || r.verdict != refused || r.low != e.record || r.high != e.record {
		return nil
	}
	return &expected{offset: e.offset, refused: true, hash: e.record, record: e.record}
}

func strayDetail(v verdict, detail string) string {
	if v == refused {
		return "dead_letters has it, but " + detail
	}
	return "events has it, but " + detail
}

// lacks says whether an event that is not under way has no row.
func (c *comparison) lacks(rows []row, events []expected) bool {
	i := 0
	for j := range events {
		e := &events[j]
		for i < len(rows) && (rows[i].offset < e.offset || rows[i].offset == e.offset && rows[i].part < e.part) {
			i++
		}
		if (i == len(rows) || rows[i].offset != e.offset || rows[i].part != e.part) && !c.v.waiting.has(c.part, e.offset, e.part) {
			return true
		}
	}
	return false
}

// event compares one event with its rows.
func (c *comparison) event(e *expected, rows []row) {
	c.ranges.close(Stray)
	if len(rows) == 0 {
		c.ranges.close(Doubled)
		c.ranges.close(Altered)
		if c.v.waiting.has(c.part, e.offset, e.part) {
			c.ranges.close(Missing)
			c.total.UnderWay++
			c.ranges.found(UnderWay, e.offset, hopName(c.part, false), "in "+strings.Join(c.part.source.Targets, " or ")+", not committed by the machine when verifying began")
			return
		}
		c.ranges.close(UnderWay)
		c.total.Missing++
		c.v.mu.Lock()
		c.v.missing.add(flow.Place{Topic: c.part.topic, Partition: c.part.id, Offset: e.offset, Part: e.part})
		c.v.mu.Unlock()
		c.ranges.found(Missing, e.offset, "", "")
		return
	}
	c.ranges.close(Missing)
	c.ranges.close(UnderWay)
	switch rows[0].verdict {
	case duplicate:
		c.total.Duplicate++
	case late:
		c.total.Late++
	case refused:
		c.total.Refused++
	default:
		c.total.Accepted++
	}
	if len(rows) > 1 {
		c.total.Doubled++
		detail := "events has it under several days"
		if last := rows[len(rows)-1].verdict; last == refused && rows[0].verdict != refused {
			detail = "both events and dead_letters have it"
		} else if last == refused {
			detail = "dead_letters has it under several days"
		}
		c.ranges.found(Doubled, e.offset, "", detail)
	} else {
		c.ranges.close(Doubled)
	}
	if altered := c.altered(e, rows); altered != "" {
		c.total.Altered++
		c.ranges.found(Altered, e.offset, "", altered)
	} else {
		c.ranges.close(Altered)
	}
}

// altered says what of the rows is not as it should be, or nothing.
func (c *comparison) altered(e *expected, rows []row) string {
	const perhaps = "; or the source's format or its options have changed since it was read"
	isRefused := rows[0].verdict == refused
	differs := slices.ContainsFunc(rows, func(r row) bool { return r.low != e.hash || r.high != e.hash })
	switch {
	case c.part.source.Direct() && !differs:
		return ""
	case c.part.source.Direct() && isRefused:
		return "the body or hash in dead_letters is not that of what Kafka delivers"
	case c.part.source.Direct():
		return "the body in events is not what Kafka delivers"
	case e.refused && !isRefused:
		return "events has it, but what Kafka delivers is refused" + perhaps
	case !e.refused && isRefused:
		return "dead_letters has it, but what Kafka delivers is a good event" + perhaps
	case differs && isRefused:
		return "the body or hash in dead_letters is not that of what Kafka delivers" + perhaps
	case differs:
		return "the body in events is not what Kafka's record says" + perhaps
	}
	return ""
}
