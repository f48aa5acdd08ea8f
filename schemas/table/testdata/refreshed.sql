CREATE TABLE IF NOT EXISTS refreshed
(
    cell LowCardinality(String) COMMENT 'Aggregate: funnel, delivery, reputation.',
    scope LowCardinality(String) COMMENT 'bucket or month, as in touched.',
    at DateTime64(3, 'UTC') COMMENT 'Start of the bucket or month, UTC.',
    version DateTime64(6, 'UTC') COMMENT 'When reading for it began, by the server\'s clock.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (cell, scope, at)
COMMENT 'Time buckets that were computed, by aggregate, and when last. A cell of an older version is void. Bookkeeping of the pipeline.'
