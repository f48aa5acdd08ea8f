package table

// Stated is the memory of what was said of days that are over. Statements write it, no buffer. It tells what was known when, so it
// depends on when somebody looked: a replay does not give it again.
var Stated = Schema{
	Name:     "stated",
	Internal: true,
	Comment: "What the totals of a day that is over were said to be, and on which day: a row when it was another than before. " +
		"Bookkeeping of the pipeline; read restatements.",
	Engine:    "ReplacingMergeTree(version)",
	Partition: "toYYYYMM(day)",
	Order:     "day, aggregate, part, metric, as_of",
	Columns: []Field{
		{Name: "as_of", Type: "Date", Comment: "Day on which it was said, by the server's clock, UTC. What was said last on that day counts."},
		{Name: "aggregate", Type: "LowCardinality(String)", Comment: "Aggregate: funnel, delivery, reputation."},
		{Name: "part", Type: "LowCardinality(String)", Comment: "Part of the aggregate within which counts add up: the subject's kind of a reputation, else empty."},
		{Name: "day", Type: "Date", Comment: "Day that it was said of, UTC."},
		{Name: "metric", Type: "LowCardinality(String)", Comment: "Column of the aggregate."},
		{Name: "value", Type: "Float64", Comment: "Its total of the day; the funnel's without bots."},
		{Name: "version", Type: "DateTime64(6, 'UTC')", Comment: "When it was said, by the server's clock."},
	},
}
