-- Where do people leave who had something in the cart?
-- The kind of their last page, for sessions that reached the cart and never ordered. The shop's paths are /language/kind/….
SELECT splitByChar('/', exit)[3] AS exit_page,
    count() AS sessions,
    round(100 * sessions / sum(sessions) OVER (), 1) AS pct
FROM sessions
WHERE start >= '2026-03-01' AND start < '2026-03-31' AND NOT bot AND cart IS NOT NULL AND order IS NULL
GROUP BY exit_page
ORDER BY sessions DESC, exit_page
LIMIT 10
