-- How many customers order a second time, and what does a broken promise do to that?
-- Those included who may still do so (Kaplan-Meier), by what became of the promise of the first order.
SELECT group AS first_promise,
    round(100 * maxIf(share, days <= 7), 1) AS within_7_days_pct,
    round(100 * maxIf(share, days <= 14), 1) AS within_14_days_pct,
    round(100 * max(share), 1) AS so_far_pct
FROM second_order(by = 'promise')
GROUP BY group
ORDER BY group
