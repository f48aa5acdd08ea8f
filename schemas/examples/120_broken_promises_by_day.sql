-- Since when does it go wrong, and where?
-- Broken promises by the day of the order and the warehouse, the worst days first.
SELECT toDate(placed) AS day, warehouse,
    count() AS delivered,
    countIf(state = 'broken') AS broken,
    round(100 * broken / delivered, 1) AS broken_pct
FROM promises
WHERE month = '2026-03-01' AND state IN ('kept', 'broken')
GROUP BY day, warehouse
HAVING delivered >= 10
ORDER BY broken DESC, day, warehouse
LIMIT 7
