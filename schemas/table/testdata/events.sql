CREATE TABLE IF NOT EXISTS stored_events
(
    time DateTime64(3, 'UTC') COMMENT 'When it happened, UTC, as the event says. Filter by it: the table is sorted by its day.',
    topic LowCardinality(String) COMMENT 'Kafka topic that the record was read from.',
    partition Int32 COMMENT 'Kafka partition.',
    offset Int64 COMMENT 'Kafka offset. topic, partition and offset name one record.' CODEC(Delta, LZ4),
    part UInt32 COMMENT 'Which event of the record, from 0: a batch has several.',
    source_time DateTime64(3, 'UTC') COMMENT 'Timestamp of the Kafka record, or what an importer says instead of it, UTC.' CODEC(Delta, LZ4),
    status Enum8('' = 0, 'accepted' = 1, 'duplicate' = 2, 'late' = 3) COMMENT 'accepted: counted. duplicate: an event of this id came before. late: too old to change anything.',
    kind Enum8('' = 0, 'clickstream' = 1, 'orders' = 2, 'deliveries' = 3, 'reviews' = 4, 'touches' = 5) COMMENT 'clickstream, orders, deliveries or reviews, whatever the topic is called.',
    type LowCardinality(String) COMMENT 'What happened, such as product, cart_added, placed, delivered, posted.',
    id String COMMENT 'Id of the event. Two records with the same id are the same fact, told twice.',
    source LowCardinality(String) COMMENT 'Who told it: web, app, erp, a carrier, a review site.',
    visitor String COMMENT 'Device or browser id.',
    customer String COMMENT 'Known person\'s id, empty if not logged in.',
    order String COMMENT 'Order that the event names.',
    review String COMMENT 'Review that the event names.',
    product String COMMENT 'Product that the event names.',
    url String COMMENT 'Address of the page.',
    country LowCardinality(String) COMMENT 'Country of a click, ISO 3166-1 alpha-2, as it says itself, else by its address; empty: neither tells.',
    region LowCardinality(String) COMMENT 'Region of a click in that country, as it says itself, else by its address; empty: neither tells.',
    value Float64 COMMENT 'Value of the event, for orders their total, in its currency.',
    body String COMMENT 'The event as canonical JSON: the record\'s value as it came if that is its format, but without members called ip. The view takes the free properties out of it.',
    revision UInt64 COMMENT 'Version of the row: the highest wins.'
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(time)
ORDER BY (toDate(time), topic, partition, offset, part)
COMMENT 'Every event of the source topics\' records that decodes, once per place in Kafka, as canonical JSON. status tells which of them count.'
