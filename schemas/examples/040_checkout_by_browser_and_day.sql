-- On which day did the checkout break, and for which browser?
-- Orders missing against what the browser's own share of the month would give, and by how many standard deviations.
SELECT toDate(start) AS day, browser,
    count() AS checkouts,
    countIf(order IS NOT NULL) AS orders,
    round(sum(orders) OVER (PARTITION BY browser) / sum(checkouts) OVER (PARTITION BY browser), 3) AS usual,
    round(checkouts * usual - orders, 1) AS missing,
    round(missing / sqrt(checkouts * usual * (1 - usual)), 1) AS deviations
FROM sessions
WHERE start >= '2026-03-01' AND start < '2026-03-31' AND NOT bot AND checkout IS NOT NULL
GROUP BY day, browser
ORDER BY deviations DESC, day, browser
LIMIT 5
