CREATE OR REPLACE VIEW ledger
(
    topic LowCardinality(String) COMMENT 'Kafka topic of the shop.',
    partition Int32 COMMENT 'Kafka partition.',
    block Int64 COMMENT 'Number of the block: its first offset divided by 65536.',
    first Int64 COMMENT 'Lowest offset in the block that has a row.',
    last Int64 COMMENT 'Highest offset in the block that has a row.',
    records UInt64 COMMENT 'Records that have a row for their first event.',
    events UInt64 COMMENT 'Rows: events of these records, refused ones among them.',
    accepted UInt64 COMMENT 'Events that count.',
    duplicate UInt64 COMMENT 'Events whose id came before.',
    late UInt64 COMMENT 'Events that were too old to change anything.',
    refused UInt64 COMMENT 'Dead letters.',
    holes Int64 COMMENT 'Offsets from first to last without a record: transaction markers, records under way, or something lost. Below 0: more records than offsets. Where to look first.'
)
AS SELECT topic, partition, toInt64(intDiv(offset, 65536)) AS block,
    min(offset) AS first,
    max(offset) AS last,
    countIf(part = 0) AS records,
    count() AS events,
    countIf(verdict = 1) AS accepted,
    countIf(verdict = 2) AS duplicate,
    countIf(verdict = 3) AS late,
    countIf(verdict = 4) AS refused,
    last - first + 1 - toInt64(records) AS holes
FROM (
    SELECT topic, partition, offset, part, toUInt8(status) AS verdict FROM stored_events FINAL
    UNION ALL
    SELECT topic, partition, offset, part, toUInt8(4) AS verdict FROM stored_dead_letters FINAL
)
GROUP BY topic, partition, block
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'What became of the records of the source topics, by blocks of 65536 offsets of a partition: events = accepted + duplicate + late + refused. It counts rows of events and dead_letters; a record has one or, if it is a batch, several. Whether they are all that Kafka delivered, and as it did, afterclick verify tells.'
