package verify

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/cespare/xxhash/v2"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/schemas/table"
)

// span is how many offsets are compared with one question to ClickHouse.
const span = 4 * table.LedgerBlock

// chunk is what Kafka delivered between two offsets of a partition.
type chunk struct {
	from, to int64
	offsets  []int64
	hashes   []uint64 // of the records' values, as they are stored: without IP addresses
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
		r.Findings = append(r.Findings, Finding{Kind: Waiting, Topic: p.topic, Partition: p.id, From: p.read, To: p.end - 1, Records: p.end - p.read,
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
			*ch = chunk{from: from, offsets: ch.offsets[:0], hashes: ch.hashes[:0]}
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
	err := c.v.read(ctx, p, p.from, p.read, func(r *kgo.Record) error {
		if at := r.Offset - r.Offset%span; at > ch.from {
			if err := end(at); err != nil {
				return err
			}
			if err := begin(at); err != nil {
				return err
			}
		}
		stored, _ := decode.WithoutIP(r.Value)
		ch.offsets, ch.hashes = append(ch.offsets, r.Offset), append(ch.hashes, xxhash.Sum64(stored))
		next = r.Offset + 1
		return nil
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
	c.total.Delivered += int64(len(ch.offsets))
	blocks := make([]int64, 0, len(stored))
	for b := range stored {
		blocks = append(blocks, b)
	}
	for i := 0; i < len(ch.offsets); i = ch.after(i) {
		if b := ch.offsets[i] / table.LedgerBlock; stored[b].rows == 0 {
			blocks = append(blocks, b)
		}
	}
	slices.Sort(blocks)
	i := 0
	for _, b := range slices.Compact(blocks) {
		for i < len(ch.offsets) && ch.offsets[i]/table.LedgerBlock < b {
			i++
		}
		end := i
		if i < len(ch.offsets) && ch.offsets[i]/table.LedgerBlock == b {
			end = ch.after(i)
		}
		offsets, hashes := ch.offsets[i:end], ch.hashes[i:end]
		sum := uint64(0)
		for j, o := range offsets {
			sum += fingerprint(o, hashes[j])
		}
		if t := stored[b]; t.rows == uint64(len(offsets)) && t.low == sum && t.high == sum {
			c.total.Accepted += int64(t.accepted)
			c.total.Duplicate += int64(t.duplicate)
			c.total.Late += int64(t.late)
			c.total.Refused += int64(t.refused)
			c.ranges.closeAll()
		} else if err := c.open(ctx, max(ch.from, b*table.LedgerBlock), min(ch.to, (b+1)*table.LedgerBlock), offsets, hashes); err != nil {
			return err
		}
		i = end
	}
	return nil
}

// after returns the index of the first record behind the block of record i.
func (ch *chunk) after(i int) int {
	end := (ch.offsets[i]/table.LedgerBlock + 1) * table.LedgerBlock
	n, _ := slices.BinarySearch(ch.offsets[i:], end)
	return i + n
}

// open compares a block row by row.
func (c *comparison) open(ctx context.Context, from, to int64, offsets []int64, hashes []uint64) error {
	rows, err := c.v.rows(ctx, c.part, from, to)
	if err != nil {
		return err
	}
	if wait := time.Until(c.v.snap.at.Add(c.v.cfg.Settle)); wait > 0 && c.lacks(rows, offsets) {
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
	stray := func(until int64) error {
		for ; i < len(rows) && rows[i].offset < until; i++ {
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
			c.ranges.found(Stray, rows[i].offset, "", strayDetail(rows[i].verdict))
		}
		return nil
	}
	for j, offset := range offsets {
		if err := stray(offset); err != nil {
			return err
		}
		first := i
		for i < len(rows) && rows[i].offset == offset {
			i++
		}
		c.record(offset, hashes[j], rows[first:i])
	}
	return stray(to)
}

func strayDetail(v verdict) string {
	if v == refused {
		return "dead_letters has it, but Kafka delivers no such record"
	}
	return "events has it, but Kafka delivers no such record"
}

// lacks says whether a record that is not under way has no row.
func (c *comparison) lacks(rows []row, offsets []int64) bool {
	i := 0
	for _, offset := range offsets {
		for i < len(rows) && rows[i].offset < offset {
			i++
		}
		if (i == len(rows) || rows[i].offset != offset) && !c.v.waiting.has(c.part, offset) {
			return true
		}
	}
	return false
}

// record compares one record with its rows.
func (c *comparison) record(offset int64, hash uint64, rows []row) {
	c.ranges.close(Stray)
	if len(rows) == 0 {
		c.ranges.close(Doubled)
		c.ranges.close(Altered)
		if c.v.waiting.has(c.part, offset) {
			c.ranges.close(Missing)
			c.total.UnderWay++
			c.ranges.found(UnderWay, offset, hopName(c.part, false), "in "+c.part.target+", not committed by the machine when verifying began")
			return
		}
		c.ranges.close(UnderWay)
		c.total.Missing++
		c.ranges.found(Missing, offset, "", "")
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
		c.ranges.found(Doubled, offset, "", detail)
	} else {
		c.ranges.close(Doubled)
	}
	if slices.ContainsFunc(rows, func(r row) bool { return r.low != hash || r.high != hash }) {
		c.total.Altered++
		detail := "the body in events is not what Kafka delivers"
		if rows[0].verdict == refused {
			detail = "the body or hash in dead_letters is not that of what Kafka delivers"
		}
		c.ranges.found(Altered, offset, "", detail)
	} else {
		c.ranges.close(Altered)
	}
}
