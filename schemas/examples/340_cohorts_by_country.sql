-- Who stays with us?
-- Customers by the month of their first order, so many months later, by country: how many ordered then, and how often. The demo is one month long.
SELECT cohort, months, country,
    sum(customers) AS people,
    round(100 * sum(active) / people, 1) AS active_pct,
    round(sum(orders) / sum(active), 2) AS orders_each
FROM cohorts
GROUP BY cohort, months, country
ORDER BY cohort, months, people DESC, country
LIMIT 5
