CREATE TABLE IF NOT EXISTS stored_dead_letters
(
    source_time DateTime64(3, 'UTC') COMMENT 'Timestamp of the Kafka record, or what an importer says instead of it, UTC.',
    topic LowCardinality(String) COMMENT 'Kafka topic that the record was read from.',
    partition Int32 COMMENT 'Kafka partition.',
    offset Int64 COMMENT 'Kafka offset.',
    part UInt32 COMMENT 'Which event of the record, from 0: a batch has several.',
    reason LowCardinality(String) COMMENT 'Why, in a word to group by: bad_json, missing_field, time_ahead, unknown_version.',
    field LowCardinality(String) COMMENT 'Field that broke the rule; empty if it is the whole record.',
    detail String COMMENT 'The rule, and what came instead.',
    key String COMMENT 'The record\'s key.',
    body String COMMENT 'The refused event as it came: the record\'s value or, of a batch, its part. Left out beyond 256 kB in one record.' CODEC(ZSTD(1)),
    size UInt64 COMMENT 'Bytes of the refused event as it came.',
    hash UInt64 COMMENT 'xxHash64 of them.'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(source_time)
ORDER BY (toDate(source_time), topic, partition, offset, part)
COMMENT 'Every record that was refused, or event of a batch, once per place in Kafka: where it came from, why, and its bytes.'
