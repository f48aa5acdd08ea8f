-- What did one visitor do, click by click?
-- The longest session that ended in an order on that day.
SELECT time, type, url, product
FROM session_clicks(since = '2026-03-14', until = '2026-03-15')
WHERE session = (
    SELECT id FROM sessions WHERE start >= '2026-03-14' AND start < '2026-03-15' AND order IS NOT NULL ORDER BY events DESC, id LIMIT 1)
ORDER BY time, id
LIMIT 12
