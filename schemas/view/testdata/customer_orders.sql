CREATE OR REPLACE VIEW customer_orders
(
    customer String COMMENT 'Known person\'s id.',
    order String COMMENT 'Order id.',
    month DateTime64(3, 'UTC') COMMENT 'First of the month of the order, UTC.',
    placed DateTime64(3, 'UTC') COMMENT 'Order placed.',
    kind String COMMENT 'What was ordered: purchase, subscription, rental.',
    renewal Bool COMMENT 'Whether it renews a subscription or rental by itself.',
    n UInt64 COMMENT 'Number of the order among the customer\'s orders, from 1; a renewal\'s among the renewals.',
    previous String COMMENT 'The order before; empty: it is the first.',
    previous_placed Nullable(DateTime64(3, 'UTC')) COMMENT 'When that was placed.',
    days_since Nullable(Float64) COMMENT 'Days since the order before; NULL: it is the first.',
    next_placed Nullable(DateTime64(3, 'UTC')) COMMENT 'When the next order was placed; NULL: there is none yet.',
    channel LowCardinality(String) COMMENT 'Where it was ordered: web, app, store, phone, email.',
    country LowCardinality(String) COMMENT 'Country shipped to.',
    carrier LowCardinality(String) COMMENT 'Carrier.',
    segment LowCardinality(String) COMMENT 'The customer\'s segment, as it was when the journey last changed; unknown: it is not told.',
    generation LowCardinality(String) COMMENT 'The customer\'s generation by year of birth; unknown: it is not told.',
    home_country LowCardinality(String) COMMENT 'Country that the customer lives in; unknown: it is not told.',
    value Nullable(Float64) COMMENT 'What the customer pays, in the reporting currency; NULL: not known.',
    products Array(String) COMMENT 'Products of the order.',
    delivered Nullable(DateTime64(3, 'UTC')) COMMENT 'Parcel delivered; NULL: never.',
    promise String COMMENT 'What became of the promise of arrival, by delivery: none, open, kept, broken.',
    days_off Nullable(Float64) COMMENT 'Days from the promise to the delivery, negative: early; NULL: one of them is not known.',
    stars Float64 COMMENT 'Rating of the latest review of it on a scale from 1 to 5; 0: none.',
    case String COMMENT 'What became of a complaint about it: none (there was none), resolved, answered only, ignored, open.',
    returned Bool COMMENT 'Whether it was returned or refunded.'
)
AS SELECT t.customer AS customer,
    t.order AS order,
    t.month AS month,
    assumeNotNull(t.placed) AS placed,
    toString(t.kind) AS kind,
    toBool(t.renews != '') AS renewal,
    row_number() OVER (PARTITION BY t.customer, t.renews != '' ORDER BY t.placed, cityHash64(t.order)) AS n,
    lagInFrame(t.order) OVER (PARTITION BY t.customer, t.renews != '' ORDER BY t.placed, cityHash64(t.order) ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS previous,
    lagInFrame(t.placed) OVER (PARTITION BY t.customer, t.renews != '' ORDER BY t.placed, cityHash64(t.order) ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS previous_placed,
    dateDiff('millisecond', previous_placed, t.placed) / 86400000 AS days_since,
    leadInFrame(t.placed) OVER (PARTITION BY t.customer, t.renews != '' ORDER BY t.placed, cityHash64(t.order) ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS next_placed,
    t.channel AS channel,
    t.country AS country,
    t.carrier AS carrier,
    t.segment AS segment,
    t.generation AS generation,
    t.home_country AS home_country,
    t.value AS value,
    arrayDistinct(t.`items.product`) AS products,
    t.delivered AS delivered,
    multiIf(t.promise_first IS NULL, 'none', t.delivered IS NULL, 'open', t.delivered <= t.promise_first, 'kept', 'broken') AS promise,
    dateDiff('millisecond', t.promise_first, t.delivered) / 86400000 AS days_off,
    if(t.stars > 0, t.stars, r.stars) AS stars,
    multiIf(coalesce(t.case_opened, r.complained) IS NULL, 'none', coalesce(t.case_resolved, r.resolved) IS NOT NULL, 'resolved', coalesce(t.case_answered, r.answered) IS NOT NULL, 'answered', coalesce(t.case_opened, r.complained) < now64(3, 'UTC') - toIntervalDay(3), 'ignored', 'open') AS case,
    toBool(t.returned IS NOT NULL OR t.refunded IS NOT NULL) AS returned
FROM (
    SELECT * FROM journeys WHERE customer != '' AND placed IS NOT NULL AND cancelled IS NULL
) AS t
LEFT JOIN (
    SELECT order, argMax(stars, assumeNotNull(posted)) AS stars, min(complained) AS complained, min(answered) AS answered, min(resolved) AS resolved
    FROM review_orders WHERE how IN ('matched', 'ambiguous') AND removed IS NULL GROUP BY order
) AS r ON t.order = r.order
SETTINGS join_use_nulls = 0
COMMENT 'Orders of known customers, cancelled ones left out, each with its number and the orders before and after it, and what the customer experienced. Renewals of subscriptions and rentals are numbered by themselves. Opinions that name no order are found by customer and product. Example: SELECT n, count(), avg(days_since) FROM customer_orders WHERE NOT renewal GROUP BY n ORDER BY n LIMIT 10.'
