package verify

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/table"
)

// beyond looks for rows behind the ends of the source topics, and of partitions that there are not: first rows, then where the topics
// end now, so that what arrives meanwhile is no difference.
func (v *verifier) beyond(ctx context.Context) error {
	v.doing.Store("looking behind the ends")
	type last struct {
		Topic     string `ch:"topic"`
		Partition int32  `ch:"partition"`
		Offset    int64  `ch:"last"`
	}
	var all []last
	var topics []string
	for _, p := range v.snap.sources {
		topics = append(topics, p.topic)
	}
	err := v.cfg.ClickHouse.Select(ctx, &all, fmt.Sprintf(`SELECT topic, partition, max(offset) AS last FROM (
    SELECT topic, partition, offset FROM %s WHERE topic IN ? UNION ALL SELECT topic, partition, offset FROM %s WHERE topic IN ?
) GROUP BY topic, partition`, table.Events.Stored(), table.DeadLetters.Stored()), topics, topics)
	if err != nil {
		return fmt.Errorf("ask for the last rows: %w", err)
	}
	client, err := kgo.NewClient(v.cfg.Engine.Kafka...)
	if err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topics...)
	if err != nil {
		return fmt.Errorf("list the end offsets: %w", err)
	}
	for _, l := range all {
		end, ok := ends.Lookup(l.Topic, l.Partition)
		if ok && end.Err != nil {
			return fmt.Errorf("list the end offsets of %s: %w", l.Topic, end.Err)
		}
		if l.Offset < end.Offset {
			continue
		}
		p := &part{topic: l.Topic, id: l.Partition}
		r := ranges{part: p}
		for from := end.Offset; ; {
			rows, err := v.some(ctx, p, from)
			if err != nil {
				return err
			}
			for _, row := range rows {
				r.found(Stray, row.offset, "", fmt.Sprintf("the topic ends at %d", end.Offset))
				v.report.topic(l.Topic).Stray++
				from = row.offset + 1
			}
			if len(rows) < someRows {
				break
			}
		}
		r.closeAll()
		v.report.Findings = append(v.report.Findings, r.closed...)
	}
	return nil
}

const someRows = 10_000

// some reads the next rows from an offset on.
func (v *verifier) some(ctx context.Context, p *part, from int64) (all []row, err error) {
	rows, err := v.cfg.ClickHouse.Query(ctx, fmt.Sprintf("SELECT DISTINCT offset FROM (\n    %s\n)\nORDER BY offset LIMIT %d", rowsOf, someRows), named(p, from, 1<<62)...)
	if err != nil {
		return nil, fmt.Errorf("read the rows from offset %d on: %w", from, err)
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.offset); err != nil {
			return nil, fmt.Errorf("read the rows from offset %d on: %w", from, err)
		}
		all = append(all, r)
	}
	return all, rows.Err()
}
