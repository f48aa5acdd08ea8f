package view

// restatements compares what was said of a day with what had been said before.
func restatements() View {
	return View{
		Name: "restatements",
		Comment: "Which days that were over moved afterwards, by how much, and why. A day's totals are first noted when it has been over for an hour, " +
			"and looked at again every hour. It tells what was known when, so, other than all else here, it would not be the same if everything were computed again.",
		Columns: []Column{
			{"as_of", "Date", "Day on which it was noticed, by the server's clock, UTC."},
			{"aggregate", "LowCardinality(String)", "Aggregate that moved: funnel (without bots), delivery, reputation."},
			{"part", "LowCardinality(String)", "Kind of subject of a reputation: product, brand, carrier, shop; else empty."},
			{"day", "Date", "Day that moved, UTC."},
			{"metric", "LowCardinality(String)", "Column of the aggregate."},
			{"before", "Float64", "Total of the day, as it was known at the end of the last day on which it was noted."},
			{"after", "Float64", "Total of the day, as it was known at the end of as_of, or is now."},
			{"change", "Float64", "After minus before."},
			{"why", "String", "What moved it."},
		},
		Query: `SELECT as_of, aggregate, part, day, metric, assumeNotNull(known) AS before, value AS after, after - before AS change,
    multiIf(
        aggregate = 'funnel' AND moved > 0, concat(toString(moved), if(moved = 1, ' click', ' clicks'), ' came late'),
        aggregate = 'funnel' AND moved < 0, concat(toString(-moved), if(moved = -1, ' click', ' clicks'), ' went to another day, or turned out to be of bots'),
        aggregate = 'funnel', 'sessions were joined or cut anew',
        aggregate = 'delivery' AND moved > 0, concat(toString(moved), if(moved = 1, ' order', ' orders'), ' came late', if(metric IN ('orders', 'promised'), '', ', or others went on')),
        aggregate = 'delivery', 'orders went on: shipped, delivered, cancelled, returned',
        moved > 0, concat(toString(moved), if(moved = 1, ' opinion', ' opinions'), ' came late'),
        moved < 0, concat(toString(-moved), if(moved = -1, ' opinion was', ' opinions were'), ' removed'),
        'opinions were edited, answered or resolved') AS why
FROM (
    SELECT *, toInt64(sumIf(value - assumeNotNull(known), known IS NOT NULL AND metric IN ('events', 'orders', 'opinions'))
        OVER (PARTITION BY aggregate, part, day, as_of)) AS moved
    FROM (
        -- What had no row on a day of which others were noted was 0.
        SELECT *, ifNull(lagInFrame(toNullable(value)) OVER w, if(min(as_of) OVER (PARTITION BY day) < as_of, 0, NULL)) AS known
        FROM stated AS s FINAL
        WINDOW w AS (PARTITION BY aggregate, part, day, metric ORDER BY as_of ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
)
WHERE known IS NOT NULL AND before != after`,
	}
}
