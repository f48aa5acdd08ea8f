-- How many visits have a person behind them?
-- By the login in the session itself, or before or after it on the same device.
SELECT known, count() AS sessions, uniqExactIf(customer, customer != '') AS customers
FROM known_sessions
WHERE start >= '2026-03-01' AND start < '2026-03-31'
GROUP BY known
ORDER BY sessions DESC
