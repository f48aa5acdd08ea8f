CREATE OR REPLACE VIEW promises
(
    order String COMMENT 'Order id.',
    month DateTime64(3, 'UTC') COMMENT 'First of the month of the order, UTC; filter by it.',
    placed Nullable(DateTime64(3, 'UTC')) COMMENT 'Order placed.',
    customer String COMMENT 'Known person\'s id.',
    carrier LowCardinality(String) COMMENT 'Carrier.',
    warehouse LowCardinality(String) COMMENT 'Warehouse.',
    country LowCardinality(String) COMMENT 'Country shipped to.',
    region LowCardinality(String) COMMENT 'Region shipped to.',
    promised DateTime64(3, 'UTC') COMMENT 'Arrive by, as first promised.',
    estimated Nullable(DateTime64(3, 'UTC')) COMMENT 'Arrive by, as promised or estimated last.',
    delivered Nullable(DateTime64(3, 'UTC')) COMMENT 'Parcel delivered.',
    state String COMMENT 'kept, broken, open, overdue, cancelled.',
    days_late Float64 COMMENT 'Days after the promise, until the delivery or until now; 0: not late.'
)
AS SELECT t.order AS order, t.month AS month, t.placed AS placed, t.customer AS customer, t.carrier AS carrier,
    t.warehouse AS warehouse, t.country AS country, t.region AS region, assumeNotNull(t.promise_first) AS promised,
    t.promise_last AS estimated, t.delivered AS delivered,
    multiIf(t.delivered <= t.promise_first, 'kept', t.delivered > t.promise_first, 'broken', t.cancelled IS NOT NULL, 'cancelled',
        now64(3, 'UTC') > t.promise_first, 'overdue', 'open') AS state,
    if(state IN ('broken', 'overdue'), dateDiff('millisecond', assumeNotNull(t.promise_first), ifNull(t.delivered, now64(3, 'UTC'))) / 86400000, 0) AS days_late
FROM journeys AS t
WHERE t.promise_first IS NOT NULL
COMMENT 'Promised arrivals as they stand now: kept, broken, open, overdue (not delivered, and the promise has passed), cancelled.'
