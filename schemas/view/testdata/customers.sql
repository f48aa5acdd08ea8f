CREATE OR REPLACE VIEW customers
(
    customer String COMMENT 'Known person\'s id.',
    first_order DateTime64(3, 'UTC') COMMENT 'First order placed.',
    cohort Date COMMENT 'Month of the first order, UTC.',
    first_channel LowCardinality(String) COMMENT 'Where the first one was ordered: web, app, store, phone, email.',
    country LowCardinality(String) COMMENT 'Country that the last order was shipped to.',
    orders UInt64 COMMENT 'Orders that were not cancelled, without renewals.',
    purchases UInt64 COMMENT 'Of them purchases.',
    subscriptions UInt64 COMMENT 'Of them subscriptions.',
    rentals UInt64 COMMENT 'Of them rentals.',
    renewals UInt64 COMMENT 'Renewals of subscriptions and rentals.',
    second_order Nullable(DateTime64(3, 'UTC')) COMMENT 'Second order placed; NULL: there is none yet.',
    last_order DateTime64(3, 'UTC') COMMENT 'Last order placed.',
    days_between Nullable(Float64) COMMENT 'Mean days between the orders; NULL: there is but one.',
    channels Array(String) COMMENT 'All that they ordered by: web, app, store, phone, email.',
    spent Nullable(Float64) COMMENT 'What they paid for all orders, in currency; NULL: in several currencies.',
    currency LowCardinality(String) COMMENT 'Currency of spent, ISO 4217.',
    last_promise String COMMENT 'What became of the promise of the last delivered order: none, kept, broken; empty: nothing was delivered.',
    last_stars Float64 COMMENT 'Last rating that they gave on a scale from 1 to 5; 0: none.',
    last_case String COMMENT 'What became of their last complaint: resolved, answered, ignored, open; empty: there was none.',
    returns UInt64 COMMENT 'Orders that they returned or were refunded.'
)
AS SELECT o.customer AS customer,
    min(o.placed) AS first_order,
    toStartOfMonth(first_order) AS cohort,
    argMin(o.channel, o.place) AS first_channel,
    argMax(o.country, o.place) AS country,
    countIf(NOT o.renewal) AS orders,
    countIf(NOT o.renewal AND o.kind = 'purchase') AS purchases,
    countIf(NOT o.renewal AND o.kind = 'subscription') AS subscriptions,
    countIf(NOT o.renewal AND o.kind = 'rental') AS rentals,
    countIf(o.renewal) AS renewals,
    minIf(o.placed, o.n = 2 AND NOT o.renewal) AS second_order,
    max(o.placed) AS last_order,
    avgIf(o.days_since, NOT o.renewal) AS days_between,
    arraySort(groupUniqArrayIf(toString(o.channel), o.channel != '')) AS channels,
    if(uniqExact(o.currency) = 1, sum(o.total), NULL) AS spent,
    if(uniqExact(o.currency) = 1, any(o.currency), '') AS currency,
    argMaxIf(o.promise, o.place, o.delivered IS NOT NULL) AS last_promise,
    argMaxIf(o.stars, o.place, o.stars > 0) AS last_stars,
    argMaxIf(o.case, o.place, o.case != 'none') AS last_case,
    countIf(o.returned) AS returns
FROM (
    SELECT *, row_number() OVER (PARTITION BY customer ORDER BY placed, order) AS place FROM customer_orders
) AS o
GROUP BY o.customer
COMMENT 'Known customers who ordered, with their orders and last experience. Orders are those that were not cancelled; renewals are counted by themselves. Example: SELECT cohort, count(), countIf(orders > 1) / count() AS came_back FROM customers GROUP BY cohort ORDER BY cohort.'
