-- How long does an order take, from the first click of the visit?
-- Median and 90th percentile in minutes, by device.
SELECT device,
    count() AS orders,
    round(quantileExact(0.5)(dateDiff('second', start, order)) / 60, 1) AS median_minutes,
    round(quantileExact(0.9)(dateDiff('second', start, order)) / 60, 1) AS p90_minutes
FROM sessions
WHERE start >= '2026-03-01' AND start < '2026-03-31' AND order IS NOT NULL
GROUP BY device
ORDER BY orders DESC
