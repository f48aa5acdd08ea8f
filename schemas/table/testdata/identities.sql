CREATE TABLE IF NOT EXISTS stored_identities
(
    visitor String COMMENT 'Device or browser id.',
    start DateTime64(3, 'UTC') COMMENT 'Start of the session, UTC.',
    from DateTime64(3, 'UTC') COMMENT 'First event, in an unbroken run, that names the customer, UTC.',
    to DateTime64(3, 'UTC') COMMENT 'Last event of that run, UTC.',
    customer String COMMENT 'Known person\'s id.',
    revision UInt64 COMMENT 'Version of the row: the highest wins.',
    is_deleted UInt8 COMMENT '1: it turned out not to be so.'
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
ORDER BY (visitor, start, from, customer)
COMMENT 'A visitor was seen as a customer from-to, within one session. A device that two people share has ranges of both. A new version of a row replaces the one before.'
