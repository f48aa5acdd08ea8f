-- Which channels bring buyers?
-- Visits and orders by the channel that brought the visitor in that very session.
SELECT channel,
    count() AS visits,
    countIf(order IS NOT NULL) AS with_order,
    round(100 * with_order / visits, 2) AS order_pct
FROM sessions
WHERE start >= '2026-03-01' AND start < '2026-03-31' AND NOT bot
GROUP BY channel
ORDER BY with_order DESC, channel
