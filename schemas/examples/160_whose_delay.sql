-- Of the days that parcels are late, which are the warehouse's and which the carrier's?
-- Days after the hand-over was due, and days beyond the time that the carrier had then; they add up to the days after the promise.
SELECT warehouse, carrier,
    count() AS late_parcels,
    round(avg(days_off), 2) AS days_late,
    round(avg(warehouse_days), 2) AS by_warehouse,
    round(avg(carrier_days), 2) AS by_carrier
FROM delays
WHERE month = '2026-03-01' AND days_off > 0 AND due_by != 'unknown'
GROUP BY warehouse, carrier
HAVING late_parcels >= 5
ORDER BY days_late DESC
LIMIT 6
