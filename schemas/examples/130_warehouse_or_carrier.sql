-- Is it the warehouse or the carrier?
-- Mean hours from order to hand-over, and from hand-over to delivery.
SELECT warehouse, carrier,
    sum(carried) AS parcels,
    round(sum(warehouse_seconds) / sum(shipped) / 3600, 1) AS hours_in_warehouse,
    round(sum(carrier_seconds) / sum(carried) / 3600, 1) AS hours_with_carrier
FROM delivery
WHERE bucket >= '2026-03-01' AND bucket < '2026-04-01' AND carrier != ''
GROUP BY warehouse, carrier
HAVING parcels >= 20
ORDER BY hours_with_carrier DESC
LIMIT 8
