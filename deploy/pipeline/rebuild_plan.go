package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/ingest"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/table"
)

// ErrLost means that a rebuild would have less to go on than the tables were made from.
var ErrLost = errors.New("neither Kafka nor the tables have everything")

// Plan is what a rebuild will read, and whether that is all there ever was.
type Plan struct {
	From, To   uint16 // generations
	Database   string // of the new one
	Continues  bool   // one that was begun before
	Differs    []string
	Partitions []PlanPartition
	Foreign    []string // topics that the tables have events of, and that are no sources any more
}

// PlanPartition is a source partition. Kafka has its offsets from LogStart on; what was before, only the tables have.
type PlanPartition struct {
	Topic            string
	Partition        int32
	LogStart, LogEnd int64
	Past             int64   // records before LogStart that the tables have
	First, Last      int64   // their first and last offset, if there are any
	Single           int64   // offsets without a record between two that have one: markers of transactions
	Lost             []Range // of which nobody has anything
}

// Range are offsets, both ends included.
type Range struct{ First, Last int64 }

func (r Range) String() string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d–%d", r.First, r.Last)
}

// Records is how many records will be read from the tables, and from Kafka (as far as offsets tell).
func (p *Plan) Records() (past, log int64) {
	for _, one := range p.Partitions {
		past, log = past+one.Past, log+one.LogEnd-one.LogStart
	}
	return past, log
}

// shownRanges is how many ranges of a partition a refusal names.
const shownRanges = 5

// Err wraps ErrLost and names what is lost, if anything is.
func (p *Plan) Err() error {
	var all []string
	for _, one := range p.Partitions {
		if len(one.Lost) == 0 {
			continue
		}
		var ranges []string
		for i, r := range one.Lost {
			if i == shownRanges {
				ranges = append(ranges, fmt.Sprintf("and %d ranges more", len(one.Lost)-i))
				break
			}
			ranges = append(ranges, r.String())
		}
		why := fmt.Sprintf("Kafka has %s/%d from offset %d on", one.Topic, one.Partition, one.LogStart)
		if one.LogStart == one.LogEnd {
			why = fmt.Sprintf("Kafka has nothing of %s/%d any more", one.Topic, one.Partition)
		}
		all = append(all, fmt.Sprintf("%s, and the tables do not have offsets %s", why, strings.Join(ranges, ", ")))
	}
	for _, topic := range p.Foreign {
		all = append(all, fmt.Sprintf("the tables have events of topic %s, which is none of the sources any more: name it again, even if it is empty", topic))
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrLost, strings.Join(all, "; "))
}

// plan asks Kafka and the tables of the current generation.
func plan(ctx context.Context, c *config.Config, conn clickhouse.Conn, g migrate.Generations) (*Plan, error) {
	p := &Plan{From: g.Current().Number, Differs: c.Differ(g.Current().Settings)}
	e, err := c.Engine()
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(e.Kafka...)
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	var topics []string
	for _, source := range e.Sources {
		topic := source.Topic
		topics = append(topics, topic)
		starts, err := admin.ListStartOffsets(ctx, topic)
		if err == nil {
			err = starts.Error()
		}
		if err != nil {
			return nil, fmt.Errorf("list the start offsets of %s: %w", topic, err)
		}
		ends, err := admin.ListEndOffsets(ctx, topic)
		if err == nil {
			err = ends.Error()
		}
		if err != nil {
			return nil, fmt.Errorf("list the end offsets of %s: %w", topic, err)
		}
		for _, end := range ends.Offsets().Sorted() {
			start, _ := starts.Lookup(topic, end.Partition)
			one := PlanPartition{Topic: topic, Partition: end.Partition, LogStart: start.Offset, LogEnd: end.At}
			if err := one.look(ctx, conn); err != nil {
				return nil, err
			}
			p.Partitions = append(p.Partitions, one)
		}
	}
	p.Foreign, err = foreign(ctx, conn, topics)
	return p, err
}

// foreign are the topics that the tables have events of, and that are no sources any more.
func foreign(ctx context.Context, conn clickhouse.Conn, sources []string) (topics []string, err error) {
	rows, err := conn.Query(ctx, fmt.Sprintf("SELECT DISTINCT topic FROM %s WHERE topic NOT IN (?) ORDER BY topic", table.Events.Stored()), sources)
	if err != nil {
		return nil, fmt.Errorf("look which topics the tables have: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var topic string
		if err := rows.Scan(&topic); err != nil {
			return nil, fmt.Errorf("look which topics the tables have: %w", err)
		}
		topics = append(topics, topic)
	}
	return topics, rows.Err()
}

// covered finds out by blocks which offsets the tables have: how many, the first, the last, and where the next one does not follow.
var covered = fmt.Sprintf(`SELECT first, last, toInt64(length(there)), countEqual(steps, 2), arrayMap(s -> s.1, wide), arrayMap(s -> s.2, wide)
FROM (
    SELECT first, last, there, arrayDifference(there) AS steps, arrayFilter(s -> s.2 > 2, arrayZip(there, steps)) AS wide
    FROM (
        SELECT min(offset) AS first, max(offset) AS last, arraySort(bitmapToArray(groupBitmapState(toUInt32(offset %% %d)))) AS there
        FROM (
            SELECT offset FROM %s WHERE topic = @topic AND partition = @partition AND offset < @to
            UNION ALL
            SELECT offset FROM %s WHERE topic = @topic AND partition = @partition AND offset < @to
        )
        GROUP BY intDiv(offset, %d)
    )
) ORDER BY first`, table.LedgerBlock, table.Events.Stored(), table.DeadLetters.Stored(), table.LedgerBlock)

// look finds out what the tables have of what Kafka has no longer.
//
// One missing offset between two records is the marker of a transaction: our own pipeline loses nothing, and whoever deletes rows by hand
// deletes many. More than one may be what was aborted or compacted away in Kafka, or what somebody deleted here. Nobody can tell any more:
// it counts as lost.
func (p *PlanPartition) look(ctx context.Context, conn clickhouse.Conn) error {
	if p.LogStart == 0 {
		return nil
	}
	rows, err := conn.Query(ctx, covered, clickhouse.Named("topic", p.Topic), clickhouse.Named("partition", p.Partition), clickhouse.Named("to", p.LogStart))
	if err != nil {
		return fmt.Errorf("look what the tables have of %s/%d: %w", p.Topic, p.Partition, err)
	}
	defer rows.Close()
	next := int64(0)
	gap := func(to int64, always bool) {
		switch {
		case to-next > 1 || to-next == 1 && always:
			p.Lost = append(p.Lost, Range{next, to - 1})
		case to-next == 1:
			p.Single++
		}
	}
	for rows.Next() {
		var first, last, n int64
		var single uint64
		var after []uint32
		var steps []int64
		if err := rows.Scan(&first, &last, &n, &single, &after, &steps); err != nil {
			return fmt.Errorf("look what the tables have of %s/%d: %w", p.Topic, p.Partition, err)
		}
		gap(first, p.Past == 0)
		if p.Past == 0 {
			p.First = first
		}
		block := first - first%table.LedgerBlock
		for i := range after {
			found := block + int64(after[i])
			p.Lost = append(p.Lost, Range{found - steps[i] + 1, found - 1})
		}
		p.Past, p.Single, p.Last, next = p.Past+n, p.Single+int64(single), last, last+1
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("look what the tables have of %s/%d: %w", p.Topic, p.Partition, err)
	}
	gap(p.LogStart, p.Past == 0)
	return nil
}

// verbatim are the dead letters of a source whose rows are copied, because what is kept of them cannot be judged again: bytes that are
// left out, a header, and whatever is not a whole record of canonical JSON.
func verbatim(s ingest.OpenSource) string {
	if !s.Direct() {
		return "1"
	}
	return "(empty(body) AND size > 0 OR startsWith(field, 'header '))"
}

// pastOf reads what the tables have between two offsets of a source partition, each event and each refused record once.
var pastOf = fmt.Sprintf(`SELECT offset, part, kind, source_time, key, body, country, region FROM (
    SELECT offset, part, toInt8(kind) AS kind, source_time, visitor AS key, body, toString(country) AS country, toString(region) AS region, 0 AS refused FROM %s
    WHERE topic = @topic AND partition = @partition AND offset >= @from AND offset < @to
    UNION ALL
    SELECT offset, part, toInt8(0) AS kind, source_time, key, body, '' AS country, '' AS region, 1 AS refused FROM %s
    WHERE topic = @topic AND partition = @partition AND offset >= @from AND offset < @to AND NOT %%s
)
ORDER BY offset, part, refused LIMIT 1 BY offset, part`, table.Events.Stored(), table.DeadLetters.Stored())

// pastReader reads records out of the tables. It asks for so many offsets at once as give some megabytes.
type pastReader struct {
	conn    clickhouse.Conn
	span    map[ingest.PastPart]*int64
	sources map[string]ingest.OpenSource
}

func newPastReader(conn clickhouse.Conn, sources map[string]ingest.OpenSource, parts []ingest.PastPart) *pastReader {
	r := &pastReader{conn: conn, span: map[ingest.PastPart]*int64{}, sources: sources}
	for _, p := range parts {
		span := int64(1024)
		r.span[p] = &span
	}
	return r
}

const (
	mostOffsets = 16_384
	someBytes   = 2 << 20
)

func (r *pastReader) read(ctx context.Context, part ingest.PastPart, from int64) ([]*kgo.Record, error) {
	span := r.span[part]
	for from < part.End {
		to := min(from+*span, part.End)
		records, size, err := r.between(ctx, part, from, to)
		if err != nil {
			return nil, err
		}
		switch {
		case size > 2*someBytes:
			*span = max(1, *span/2)
		case size < someBytes:
			*span = min(2**span, mostOffsets)
		}
		if len(records) > 0 {
			return records, nil
		}
		if from, err = r.next(ctx, part, to); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// next is the first offset from one on that the tables have, or the part's end.
func (r *pastReader) next(ctx context.Context, part ingest.PastPart, from int64) (int64, error) {
	var n uint64
	var first int64
	err := r.conn.QueryRow(ctx, fmt.Sprintf(`SELECT count(), min(offset) FROM (
    SELECT offset FROM %s WHERE topic = @topic AND partition = @partition AND offset >= @from AND offset < @to
    UNION ALL
    SELECT offset FROM %s WHERE topic = @topic AND partition = @partition AND offset >= @from AND offset < @to AND NOT %s
)`, table.Events.Stored(), table.DeadLetters.Stored(), verbatim(r.sources[part.Topic])), clickhouse.Named("topic", part.Topic), clickhouse.Named("partition", part.Partition),
		clickhouse.Named("from", from), clickhouse.Named("to", part.End)).Scan(&n, &first)
	if n == 0 {
		first = part.End
	}
	return first, err
}

func (r *pastReader) between(ctx context.Context, part ingest.PastPart, from, to int64) (records []*kgo.Record, size int, err error) {
	source := r.sources[part.Topic]
	rows, err := r.conn.Query(ctx, fmt.Sprintf(pastOf, verbatim(source)), clickhouse.Named("topic", part.Topic), clickhouse.Named("partition", part.Partition),
		clickhouse.Named("from", from), clickhouse.Named("to", to))
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		place := flow.Place{Topic: part.Topic, Partition: part.Partition}
		var kind int8
		var at time.Time
		var key, body, country, region string
		if err := rows.Scan(&place.Offset, &place.Part, &kind, &at, &key, &body, &country, &region); err != nil {
			return nil, 0, err
		}
		size += len(key) + len(body)
		if kind > 0 && len(source.Targets) > 0 {
			records = append(records, ingest.PastEvent(place, event.Topic(kind), at, []byte(body)))
		} else {
			records = append(records, &kgo.Record{Topic: part.Topic, Partition: part.Partition, Offset: place.Offset, Timestamp: at, Key: []byte(key), Value: []byte(body)})
		}
		ingest.PastPlace(records[len(records)-1], country, region)
	}
	return records, size, rows.Err()
}
