package verify

import (
	"context"
	"fmt"

	"github.com/afterclick/afterclick/schemas/table"
)

// verdict is what became of a record, as the tables say.
type verdict uint8

const (
	accepted  verdict = 1 // the numbers of events.status
	duplicate verdict = 2
	late      verdict = 3
	refused   verdict = 4 // in dead_letters
)

// tally sums up what the tables have of a block, or what Kafka delivered of it.
type tally struct {
	rows                               uint64
	accepted, duplicate, late, refused uint64
	low, high                          uint64 // sums of fingerprints
}

// row is what the tables have of an event, one for each identity that has it. Versions of a row should differ in nothing; low and high are the least and
// the greatest hash of their bytes.
type row struct {
	offset    int64
	part      uint32
	verdict   verdict
	low, high uint64
}

// rowsOf is the query of rows between two offsets of a partition, each identity once. A table's versions are brought together by
// grouping, which is several times faster than FINAL here and sees a version with other bytes.
//
// Of a dead letter the stored hash and, if they were kept, the hash of its bytes must both be the record's.
var rowsOf = fmt.Sprintf(`SELECT offset, part, toUInt8(argMax(status, revision)) AS verdict, min(xxHash64(body)) AS low, max(xxHash64(body)) AS high
    FROM %s WHERE topic = @topic AND partition = @partition AND offset >= @from AND offset < @to
    GROUP BY offset, part, toDate(time)
    UNION ALL
    SELECT offset, part, toUInt8(%d) AS verdict, min(least(hash, kept)) AS low, max(greatest(hash, kept)) AS high
    FROM (
        SELECT offset, part, source_time, hash, if(empty(body), hash, xxHash64(body)) AS kept
        FROM %s WHERE topic = @topic AND partition = @partition AND offset >= @from AND offset < @to
    )
    GROUP BY offset, part, toDate(source_time)`, table.Events.Stored(), refused, table.DeadLetters.Stored())

var tallies = fmt.Sprintf(`SELECT intDiv(offset, %d) AS block, count(), countIf(verdict = %d), countIf(verdict = %d), countIf(verdict = %d), countIf(verdict = %d),
    sum(intHash64(low + intHash64(offset * 65536 + part))), sum(intHash64(high + intHash64(offset * 65536 + part)))
FROM (
    %s
)
GROUP BY block`, table.LedgerBlock, accepted, duplicate, late, refused, rowsOf)

// fingerprint of an event's place and bytes, as tallies computes it. A record has fewer than 65536 events.
func fingerprint(offset int64, part uint32, hash uint64) uint64 {
	return intHash64(hash + intHash64(uint64(offset)*65536+uint64(part)))
}

// intHash64 is ClickHouse's function of that name.
func intHash64(x uint64) uint64 {
	x ^= 0x4CF2D2BAAE6DA887
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// tallies sums up the blocks between two offsets.
func (v *verifier) tallies(ctx context.Context, p *part, from, to int64) (map[int64]tally, error) {
	rows, err := v.cfg.ClickHouse.Query(ctx, tallies, named(p, from, to)...)
	if err != nil {
		return nil, fmt.Errorf("sum up the rows of offsets %d to %d: %w", from, to-1, err)
	}
	defer rows.Close()
	blocks := map[int64]tally{}
	for rows.Next() {
		var block int64
		var t tally
		if err := rows.Scan(&block, &t.rows, &t.accepted, &t.duplicate, &t.late, &t.refused, &t.low, &t.high); err != nil {
			return nil, fmt.Errorf("sum up the rows of offsets %d to %d: %w", from, to-1, err)
		}
		blocks[block] = t
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("sum up the rows of offsets %d to %d: %w", from, to-1, err)
	}
	return blocks, nil
}

// rows reads the rows between two offsets, sorted.
func (v *verifier) rows(ctx context.Context, p *part, from, to int64) (all []row, err error) {
	rows, err := v.cfg.ClickHouse.Query(ctx, "SELECT offset, part, verdict, low, high FROM (\n    "+rowsOf+"\n)\nORDER BY offset, part, verdict", named(p, from, to)...)
	if err != nil {
		return nil, fmt.Errorf("read the rows of offsets %d to %d: %w", from, to-1, err)
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.offset, &r.part, (*uint8)(&r.verdict), &r.low, &r.high); err != nil {
			return nil, fmt.Errorf("read the rows of offsets %d to %d: %w", from, to-1, err)
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the rows of offsets %d to %d: %w", from, to-1, err)
	}
	return all, nil
}
