CREATE TABLE IF NOT EXISTS stored_reviews
(
    month DateTime64(3, 'UTC') COMMENT 'First of the month, UTC, of posted, or of the earliest event while no posted event is known. Filter by it too: the table is sorted by it.',
    order String COMMENT 'Order that the opinion names; empty for most mentions.',
    review String COMMENT 'Id of the opinion.',
    kind Enum8('' = 0, 'review' = 1, 'mention' = 2) COMMENT 'review, or mention (social media, names no order).',
    customer String COMMENT 'Known person\'s id.',
    source LowCardinality(String) COMMENT 'Where it was posted.',
    author String COMMENT 'Name of the author, as shown.',
    posted DateTime64(3, 'UTC') COMMENT 'Posted.',
    edited DateTime64(3, 'UTC') COMMENT 'Last edited.',
    removed DateTime64(3, 'UTC') COMMENT 'Removed.',
    rating Float64 COMMENT 'Rating as given.',
    rating_max Float64 COMMENT 'Best rating possible; 0: no rating was given.',
    stars Float64 COMMENT 'Rating on a scale from 1 to 5; 0: none.',
    sentiment Enum8('' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3, 'unscored' = 4) COMMENT 'negative (at most 2 stars), neutral, positive (at least 4 stars), or unscored.',
    title String COMMENT 'Title.',
    text String COMMENT 'Text of the latest version.',
    language LowCardinality(String) COMMENT 'Language, ISO 639-1, if known.',
    reach Float64 COMMENT 'People who are likely to see it.',
    `subjects.kind` Array(LowCardinality(String)) COMMENT 'Kinds of what it is about: product, brand, carrier, shop.',
    `subjects.id` Array(String) COMMENT 'Ids of what it is about.',
    answered DateTime64(3, 'UTC') COMMENT 'First answer.',
    contact_promised DateTime64(3, 'UTC') COMMENT 'When contact was promised.',
    contact_due DateTime64(3, 'UTC') COMMENT 'Contact was promised until then.',
    resolved DateTime64(3, 'UTC') COMMENT 'Resolved.',
    resolution LowCardinality(String) COMMENT 'How it was resolved: refund, replacement, answer.',
    promise Enum8('' = 0, 'none' = 1, 'open' = 2, 'kept' = 3, 'broken' = 4) COMMENT 'What became of the promise of arrival of its order: none, open, kept, broken.',
    days_late Float64 COMMENT 'Days between the first promise and the delivery, negative: early; 0 unless both are known.',
    delivered DateTime64(3, 'UTC') COMMENT 'Delivery of its order.',
    carrier LowCardinality(String) COMMENT 'Carrier of its order.',
    warehouse LowCardinality(String) COMMENT 'Warehouse of its order.',
    country LowCardinality(String) COMMENT 'Country that its order was shipped to.',
    region LowCardinality(String) COMMENT 'Region that its order was shipped to.',
    returned Bool COMMENT 'Whether its order was returned or refunded.',
    verified Bool COMMENT 'Whether its order is known to have been placed.',
    revision UInt64 COMMENT 'Version of the row: the highest wins.',
    is_deleted UInt8 COMMENT '1: the opinion belongs to another month or order now.'
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
PARTITION BY toYYYYMM(month)
ORDER BY (month, order, review)
COMMENT 'An opinion, a review or a mention, in its latest version, with the verdict of its journey: late? returned? which carrier? A new version of a row replaces the one before.'
