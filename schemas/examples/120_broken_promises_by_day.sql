-- Since when does it go wrong?
-- Share of broken promises by the day of the order, and the carrier with most of them that day.
SELECT toDate(placed) AS day,
    count() AS delivered,
    round(100 * countIf(state = 'broken') / delivered, 1) AS broken_pct,
    topKIf(1)(toString(carrier), state = 'broken')[1] AS mostly
FROM promises
WHERE month = '2026-03-01' AND state IN ('kept', 'broken')
GROUP BY day
ORDER BY broken_pct DESC, day
LIMIT 7
