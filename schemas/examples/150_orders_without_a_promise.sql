-- Which products do we sell without saying when they come?
-- Orders without any promised arrival, and promises kept by the first attempt and by the delivery.
SELECT product,
    count() AS orders,
    round(100 * countIf(state = 'none') / orders, 1) AS without_pct,
    round(100 * countIf(attempt = 'kept') / countIf(attempt IN ('kept', 'broken')), 1) AS attempted_in_time_pct,
    round(100 * countIf(state = 'kept') / countIf(state IN ('kept', 'broken')), 1) AS delivered_in_time_pct
FROM promises
ARRAY JOIN products AS product
WHERE month = '2026-03-01' AND placed IS NOT NULL
GROUP BY product
ORDER BY orders DESC, product
LIMIT 5
