-- Which carrier keeps what we promise?
-- Of delivered orders with a promise; days late is the mean of those that came late.
SELECT carrier,
    sum(kept) + sum(broken) AS delivered,
    round(100 * sum(broken) / delivered, 1) AS broken_pct,
    round(sum(days_late) / sum(broken), 2) AS mean_days_late
FROM delivery
WHERE bucket >= '2026-03-01' AND bucket < '2026-04-01' AND carrier != ''
GROUP BY carrier
ORDER BY broken_pct DESC
