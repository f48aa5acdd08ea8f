CREATE OR REPLACE VIEW session_clicks
(
    time DateTime64(3, 'UTC') COMMENT 'When it happened, UTC.',
    visitor String COMMENT 'Device or browser id.',
    session Nullable(UInt64) COMMENT 'Id of the session; NULL if the click belongs to none.',
    start Nullable(DateTime64(3, 'UTC')) COMMENT 'Start of the session, UTC.',
    type LowCardinality(String) COMMENT 'What happened, such as product, cart_added.',
    url String COMMENT 'Address of the page.',
    product String COMMENT 'Product that the click names.',
    order String COMMENT 'Order that the click names.',
    value Float64 COMMENT 'Value of the click, in its currency.',
    customer String COMMENT 'Known person\'s id, empty if not logged in.',
    id String COMMENT 'Id of the event.',
    properties String COMMENT 'The free properties of the event, as JSON.'
)
AS WITH s.visitor != '' AND e.time <= s.end AS inside
SELECT e.time AS time, e.visitor AS visitor, if(inside, s.id, NULL) AS session, if(inside, s.start, NULL) AS start,
    e.type AS type, e.url AS url, e.product AS product, e.order AS order, e.value AS value, e.customer AS customer, e.id AS id,
    e.properties AS properties
FROM (SELECT * FROM events WHERE kind = 'clickstream' AND status = 'accepted') AS e
ASOF LEFT JOIN sessions AS s ON e.visitor = s.visitor AND e.time >= s.start
COMMENT 'Clicks that count, each with its session. Filter by time: a day is quick, a year is not.'
