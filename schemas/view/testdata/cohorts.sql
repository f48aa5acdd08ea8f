CREATE OR REPLACE VIEW cohorts
(
    cohort Date COMMENT 'Month of the first order, UTC.',
    months UInt64 COMMENT 'Months since then; 0 is the month itself.',
    channel LowCardinality(String) COMMENT 'Where the first order was placed: web, app, store, phone, email.',
    country LowCardinality(String) COMMENT 'Country that the customers\' last orders were shipped to.',
    customers UInt64 COMMENT 'Customers of the cohort.',
    active UInt64 COMMENT 'Of them, those who ordered in that month; renewals do not count.',
    orders UInt64 COMMENT 'Their orders in that month.'
)
AS SELECT c.cohort AS cohort,
    c.months AS months,
    c.first_channel AS channel,
    c.country AS country,
    c.size AS customers,
    a.active AS active,
    a.orders AS orders
FROM (
    WITH (SELECT toStartOfMonth(max(placed)) FROM journeys) AS latest
    SELECT cohort, first_channel, country, count() AS size, arrayJoin(range(toUInt64(dateDiff('month', cohort, assumeNotNull(latest)) + 1))) AS months
    FROM customers GROUP BY cohort, first_channel, country
) AS c
LEFT JOIN (
    SELECT c.cohort AS cohort, c.first_channel AS first_channel, c.country AS country, toUInt64(dateDiff('month', c.cohort, o.placed)) AS months,
        uniqExact(o.customer) AS active, count() AS orders
    FROM (SELECT customer, placed FROM customer_orders WHERE NOT renewal) AS o INNER JOIN customers AS c ON o.customer = c.customer
    GROUP BY cohort, first_channel, country, months
) AS a ON c.cohort = a.cohort AND c.first_channel = a.first_channel AND c.country = a.country AND c.months = a.months
SETTINGS join_use_nulls = 0
COMMENT 'Customers by the month of their first order, and how many of them ordered again so many months later. Counts add up over channels and countries. The last month is that of the latest order of all, and is usually not over. Example: SELECT cohort, months, sum(active) / sum(customers) AS share FROM cohorts GROUP BY cohort, months ORDER BY cohort, months.'
