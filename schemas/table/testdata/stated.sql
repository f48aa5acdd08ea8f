CREATE TABLE IF NOT EXISTS stated
(
    as_of Date COMMENT 'Day on which it was said, by the server\'s clock, UTC. What was said last on that day counts.',
    aggregate LowCardinality(String) COMMENT 'Aggregate: funnel, delivery, reputation.',
    part LowCardinality(String) COMMENT 'Part of the aggregate within which counts add up: the subject\'s kind of a reputation, else empty.',
    day Date COMMENT 'Day that it was said of, UTC.',
    metric LowCardinality(String) COMMENT 'Column of the aggregate.',
    value Float64 COMMENT 'Its total of the day; the funnel\'s without bots.',
    version DateTime64(6, 'UTC') COMMENT 'When it was said, by the server\'s clock.'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (day, aggregate, part, metric, as_of)
COMMENT 'What the totals of a day that is over were said to be, and on which day: a row when it was another than before. Bookkeeping of the pipeline; read restatements.'
