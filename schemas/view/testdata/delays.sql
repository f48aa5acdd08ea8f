CREATE OR REPLACE VIEW delays
(
    order String COMMENT 'Order id.',
    month DateTime64(3, 'UTC') COMMENT 'First of the month of the order, UTC; filter by it.',
    placed Nullable(DateTime64(3, 'UTC')) COMMENT 'Order placed.',
    carrier LowCardinality(String) COMMENT 'Carrier.',
    warehouse LowCardinality(String) COMMENT 'Warehouse.',
    country LowCardinality(String) COMMENT 'Country shipped to.',
    region LowCardinality(String) COMMENT 'Region shipped to.',
    products Array(String) COMMENT 'Products of the order; ARRAY JOIN it to group by product.',
    promised DateTime64(3, 'UTC') COMMENT 'Arrive by, as first promised.',
    shipped Nullable(DateTime64(3, 'UTC')) COMMENT 'Parcel handed over to the carrier.',
    delivered DateTime64(3, 'UTC') COMMENT 'Parcel delivered.',
    days_off Float64 COMMENT 'Days from the promise to the delivery; negative: early.',
    due Nullable(DateTime64(3, 'UTC')) COMMENT 'When the parcel should have been handed over; NULL: not known.',
    due_by String COMMENT 'How that is known: plan (the shop\'s), usual (the carrier\'s usual time), unknown.',
    warehouse_days Nullable(Float64) COMMENT 'Days that the hand-over came after it was due; negative: before. NULL: not known.',
    carrier_days Nullable(Float64) COMMENT 'The rest of days_off: days that the carrier took beyond the time that it had. NULL: not known.',
    cause String COMMENT 'Whose part of a delay is the greater one: warehouse, carrier, unknown; empty: not late.'
)
AS SELECT t.order AS order,
    t.month AS month,
    t.placed AS placed,
    t.carrier AS carrier,
    t.warehouse AS warehouse,
    t.country AS country,
    t.region AS region,
    arrayDistinct(t.`items.product`) AS products,
    assumeNotNull(t.promise_first) AS promised,
    t.shipped AS shipped,
    assumeNotNull(t.delivered) AS delivered,
    assumeNotNull(dateDiff('millisecond', t.promise_first, t.delivered) / 86400000) AS days_off,
    ifNull(t.ship_by, if(u.milliseconds > 0, t.promise_first - toIntervalMillisecond(u.milliseconds), NULL)) AS due,
    multiIf(t.ship_by IS NOT NULL, 'plan', u.milliseconds > 0, 'usual', 'unknown') AS due_by,
    dateDiff('millisecond', due, t.shipped) / 86400000 AS warehouse_days,
    days_off - warehouse_days AS carrier_days,
    multiIf(days_off <= 0, '', warehouse_days IS NULL, 'unknown', warehouse_days > carrier_days, 'warehouse', 'carrier') AS cause
FROM journeys AS t
LEFT JOIN (
    SELECT carrier, country, quantileExact(0.5)(dateDiff('millisecond', assumeNotNull(shipped), assumeNotNull(delivered))) AS milliseconds FROM journeys
    WHERE shipped IS NOT NULL AND delivered >= shipped GROUP BY carrier, country HAVING count() >= 20
) AS u ON t.carrier = u.carrier AND t.country = u.country
WHERE t.promise_first IS NOT NULL AND t.delivered IS NOT NULL
SETTINGS join_use_nulls = 0
COMMENT 'Delivered orders that had a promise: days late or early, split into the warehouse\'s and the carrier\'s part. The parcel was due for hand-over at ship_by if the shop planned it, else at the promise minus the carrier\'s usual time into that country: the median of all its deliveries there, if there are 20 or more. The warehouse\'s part is how long after that it was handed over, the carrier\'s is the rest: what it took beyond the time it had. A negative part made up for the other. Example: SELECT carrier, country, count(), avg(days_off), avg(warehouse_days), avg(carrier_days) FROM delays WHERE month >= \'2026-01-01\' AND days_off > 0 GROUP BY carrier, country.'
