-- On which days did more people than usual leave at the payment?
-- Visits that came to the payment and did not order, against the usual share of that browser, and by how many standard deviations.
SELECT day, browser, there, left_there,
    round(there * usual, 1) AS expected,
    round((left_there - there * usual) / sqrt(there * usual * (1 - usual)), 1) AS deviations
FROM (
    SELECT day, browser, sumIf(sessions, stage = 'checkout') AS left_there, sum(sessions) AS there,
        sum(left_there) OVER (PARTITION BY browser) / sum(there) OVER (PARTITION BY browser) AS usual
    FROM drop_off
    WHERE day >= '2026-03-01' AND day < '2026-03-31' AND checkout_step = 'payment'
    GROUP BY day, browser
)
WHERE there >= 5
ORDER BY deviations DESC, day, browser
LIMIT 5
