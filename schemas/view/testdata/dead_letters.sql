CREATE OR REPLACE VIEW dead_letters
(
    source_time DateTime64(3, 'UTC') COMMENT 'Timestamp of the Kafka record, or what an importer says instead of it, UTC.',
    topic LowCardinality(String) COMMENT 'Kafka topic that the record was read from.',
    partition Int32 COMMENT 'Kafka partition.',
    offset Int64 COMMENT 'Kafka offset.',
    reason LowCardinality(String) COMMENT 'Why, in a word to group by: bad_json, missing_field, time_ahead.',
    field LowCardinality(String) COMMENT 'Field that broke the rule; empty if it is the whole record.',
    detail String COMMENT 'The rule, and what came instead.',
    key String COMMENT 'The record\'s key.',
    body String COMMENT 'The record\'s value, up to 256 kB; longer ones are left out.',
    size UInt64 COMMENT 'Bytes of the value.',
    hash UInt64 COMMENT 'xxHash64 of the value.'
)
AS SELECT source_time,
    topic,
    partition,
    offset,
    reason,
    field,
    detail,
    key,
    body,
    size,
    hash
FROM stored_dead_letters AS t FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'Every record that was refused, once per place in Kafka: where it came from, why, and its bytes.'
