-- Why do things come back, and how long do people wait for their money?
-- Orders of the month that were returned, paid back or replaced; money in the reporting currency.
SELECT reason,
    count() AS orders,
    countIf(state = 'replaced') AS replaced,
    round(avg(days_to_return), 1) AS days_to_return,
    round(avg(days_to_refund), 1) AS days_to_refund,
    round(sum(refund_value)) AS paid_back
FROM returns
WHERE month = '2026-03-01'
GROUP BY reason
ORDER BY orders DESC, reason
LIMIT 6
