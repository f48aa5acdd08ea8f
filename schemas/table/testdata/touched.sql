CREATE TABLE IF NOT EXISTS touched
(
    cell LowCardinality(String) COMMENT 'Aggregate: funnel, delivery, reputation.',
    scope LowCardinality(String) COMMENT 'bucket: a quarter-hour. month: a month that rows may have left a bucket of.',
    at DateTime64(3, 'UTC') COMMENT 'Start of the bucket or month, UTC.',
    noted DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When it was written last, by the server\'s clock.'
)
ENGINE = ReplacingMergeTree(noted)
ORDER BY (cell, scope, at)
COMMENT 'Time buckets whose rows were written, by aggregate, and when last. Bookkeeping of the pipeline.'
