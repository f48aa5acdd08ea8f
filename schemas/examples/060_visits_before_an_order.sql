-- How many visits did an order take?
-- Sessions of the visitor before the one that ordered, as far back as is remembered.
SELECT least(arrayMax(touches.sessions_before), 5) AS visits_before,
    count() AS orders,
    round(avg(total), 2) AS mean_value
FROM journeys
WHERE month = '2026-03-01' AND placed IS NOT NULL AND notEmpty(touches.session)
GROUP BY visits_before
ORDER BY visits_before
