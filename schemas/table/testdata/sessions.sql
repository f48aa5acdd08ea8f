CREATE TABLE IF NOT EXISTS stored_sessions
(
    visitor String COMMENT 'Device or browser id.',
    start DateTime64(3, 'UTC') COMMENT 'Time of the first event, UTC. Filter by it: the table is sorted by its day.',
    id UInt64 COMMENT 'Id of the session: a hash of visitor and start.',
    end DateTime64(3, 'UTC') COMMENT 'Time of the last event so far, UTC.',
    customer String COMMENT 'Known person\'s id, the last one seen in the session; empty if nobody logged in.',
    source LowCardinality(String) COMMENT 'Who told the events: web, app.',
    tracker_session String COMMENT 'The tracker\'s own id of the session.',
    channel LowCardinality(String) COMMENT 'Marketing channel that brought the visitor.',
    referrer LowCardinality(String) COMMENT 'Host of the page before the first.',
    campaign LowCardinality(String) COMMENT 'Campaign that brought the visitor.',
    device LowCardinality(String) COMMENT 'Kind of device: desktop, mobile, tablet.',
    os LowCardinality(String) COMMENT 'Operating system.',
    browser LowCardinality(String) COMMENT 'Browser.',
    bot Bool COMMENT 'Whether the visitor is a machine.',
    country LowCardinality(String) COMMENT 'Country, ISO 3166-1 alpha-2.',
    landing String COMMENT 'Path of the first page.',
    exit String COMMENT 'Path of the last page.',
    stage Enum8('' = 0, 'visit' = 1, 'view' = 2, 'research' = 3, 'cart' = 4, 'checkout' = 5, 'order' = 6, 'promise' = 7, 'ship' = 8, 'track' = 9, 'deliver' = 10, 'confirm' = 11, 'review' = 12) COMMENT 'Deepest stage reached, visit to order. A session that went quiet there dropped off there.',
    view DateTime64(3, 'UTC') COMMENT 'First look at a product.',
    research DateTime64(3, 'UTC') COMMENT 'First search, comparison or reading of reviews.',
    cart DateTime64(3, 'UTC') COMMENT 'First time that something was put into the cart.',
    checkout DateTime64(3, 'UTC') COMMENT 'First start of the checkout.',
    order DateTime64(3, 'UTC') COMMENT 'First order completed.',
    track DateTime64(3, 'UTC') COMMENT 'First look at a tracking page.',
    contact DateTime64(3, 'UTC') COMMENT 'First contact opened.',
    checkout_step LowCardinality(String) COMMENT 'Last step named while in the checkout, such as address or payment.',
    events UInt32 COMMENT 'Events of the session.',
    page_views UInt32 COMMENT 'Pages looked at: events of type page. A look at a product, a list or the cart that a shop tells instead of its page is not among them.',
    product_views UInt32 COMMENT 'Looks at products.',
    cart_adds UInt32 COMMENT 'Times that something was put into the cart.',
    orders Array(String) COMMENT 'Orders completed in the session, in order of time.',
    revision UInt64 COMMENT 'Version of the row: the highest wins.',
    is_deleted UInt8 COMMENT '1: the session was absorbed by another, or starts at another time now.'
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
PARTITION BY toYYYYMM(start)
ORDER BY (toDate(start), toStartOfFifteenMinutes(start), visitor, toUnixTimestamp64Milli(start))
COMMENT 'A visitor\'s activity without a gap of more than 30 minutes (unless configured otherwise), at most 24 hours. A new version of a row replaces the one before.'
