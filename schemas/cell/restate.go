package cell

import (
	"context"
	"fmt"
	"strings"

	"github.com/afterclick/afterclick/schemas/table"
)

// never is before anything was refreshed.
const never = "1970-01-01 00:00:00"

// over is how long after its end a day's first totals are stated: what comes within that time is not news.
const over = "toIntervalHour(1)"

// state notes the totals of the days that are over and whose cells were refreshed since then, where they are others than were last
// noted. It returns from when on to look the next time.
func (r Refresher) state(ctx context.Context, since string) (next string, err error) {
	now, err := r.now(ctx)
	if err != nil {
		return since, err
	}
	for _, c := range Cells() {
		if err := r.exec(ctx, c.state(since, now)); err != nil {
			return since, fmt.Errorf("note the totals of past days of %s: %w", c.Name, err)
		}
	}
	return now, nil
}

// state is the statement that does it as of now. Sums of fractions are rounded: they depend on the order of the summands.
func (c *Cell) state(since, now string) string {
	var totals []string
	for _, m := range c.measures {
		totals = append(totals, fmt.Sprintf("(%s, round(toFloat64(sum(c.%s)), 6))", table.Quote(m), table.Identifier(m)))
	}
	name, now := table.Quote(c.Name), "toDateTime64("+table.Quote(now)+", 6, 'UTC')"
	// What was refreshed just before since may not have been seen then, see Refresher.
	days := fmt.Sprintf(`(
    SELECT toDate(at) FROM refreshed
    WHERE cell = %s AND scope = 'bucket' AND version >= toDateTime64(%s, 6, 'UTC') - toIntervalMinute(1) AND toDate(at) < toDate(%s - %s))`,
		name, table.Quote(since), now, over)
	return fmt.Sprintf(`INSERT INTO %s (as_of, aggregate, part, day, metric, value, version)
SELECT toDate(%s), %s, part, day, metric, ifNull(n.value, 0) AS value, %s
FROM (
    SELECT day, part, total.1 AS metric, total.2 AS value
    FROM (
        SELECT toDate(c.bucket) AS day, %s AS part, [%s] AS totals
        FROM %s AS c WHERE toDate(c.bucket) IN %s GROUP BY day, part
    ) ARRAY JOIN totals AS total
) AS n
FULL JOIN (
    SELECT day, toString(part) AS part, toString(metric) AS metric, argMax(value, (as_of, version)) AS value
    FROM stated WHERE aggregate = %s AND day IN %s GROUP BY day, part, metric
) AS l USING (day, part, metric)
WHERE l.value IS NULL OR l.value != ifNull(n.value, 0)
SETTINGS join_use_nulls = 1`,
		table.Stated.Stored(), now, name, now, c.part, strings.Join(totals, ", "), c.Name, days, name, days)
}
