CREATE OR REPLACE VIEW cohorts
(
    cohort Date COMMENT 'Month of the first order, UTC.',
    months UInt64 COMMENT 'Months since then; 0 is the month itself.',
    channel LowCardinality(String) COMMENT 'Where the first order was placed: web, app, store, phone, email.',
    country LowCardinality(String) COMMENT 'Country that the customers\' last orders were shipped to.',
    generation LowCardinality(String) COMMENT 'Generation by year of birth, as known at the last order; unknown: it is not told.',
    segment LowCardinality(String) COMMENT 'Segment, as known at the last order; unknown: it is not told.',
    customers UInt64 COMMENT 'Customers of the cohort.',
    active UInt64 COMMENT 'Of them, those who ordered in that month.',
    orders UInt64 COMMENT 'Their orders in that month.'
)
AS SELECT c.cohort AS cohort,
    c.month AS months,
    c.channel AS channel,
    c.country AS country,
    c.generation AS generation,
    c.segment AS segment,
    c.customers AS customers,
    c.active.2[indexOf(c.active.1, c.month)] AS active,
    c.orders.2[indexOf(c.orders.1, c.month)] AS orders
FROM (
    WITH assumeNotNull((SELECT max(placed) FROM journeys)) AS latest
    SELECT cohort, channel, country, generation, segment, count() AS customers, sumMap(arrayDistinct(months), arrayMap(x -> toUInt64(1), arrayDistinct(months))) AS active,
        sumMap(months, arrayMap(x -> toUInt64(1), months)) AS orders, arrayJoin(range(toUInt64(dateDiff('month', cohort, latest)) + 1)) AS month
    FROM (
        SELECT toStartOfMonth(min(assumeNotNull(placed))) AS cohort, argMin(channel, bitOr(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(assumeNotNull(placed))), 64), toUInt128(cityHash64(order)))) AS channel, argMax(country, bitOr(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(assumeNotNull(placed))), 64), toUInt128(cityHash64(order)))) AS country,
            argMax(generation, bitOr(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(assumeNotNull(placed))), 64), toUInt128(cityHash64(order)))) AS generation, argMax(segment, bitOr(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(assumeNotNull(placed))), 64), toUInt128(cityHash64(order)))) AS segment,
            arrayMap(p -> toUInt64(dateDiff('month', cohort, assumeNotNull(p))), groupArray(placed)) AS months
        FROM journeys WHERE customer != '' AND placed IS NOT NULL AND cancelled IS NULL AND renews = '' GROUP BY customer
    )
    GROUP BY cohort, channel, country, generation, segment
) AS c
COMMENT 'Customers by the month of their first order, and how many of them ordered so many months later. Counts add up over channels, countries, generations and segments. Cancelled orders and renewals do not count. The last month is that of the latest order of all, and is usually not over. Example: SELECT cohort, months, sum(active) / sum(customers) AS share FROM cohorts GROUP BY cohort, months ORDER BY cohort, months.'
