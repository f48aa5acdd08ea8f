-- How many people ask where their order is?
-- Looks at the tracking page and contacts per order, by what became of the promise.
SELECT multiIf(promise_first IS NULL, 'no promise', delivered IS NULL, 'open', delivered <= promise_first, 'kept', 'broken') AS promise,
    count() AS orders,
    round(sum(tracks) / orders, 2) AS looks_per_order,
    round(1000 * sum(contacts) / orders, 1) AS contacts_per_1000
FROM journeys
WHERE month = '2026-03-01' AND placed IS NOT NULL
GROUP BY promise
ORDER BY contacts_per_1000 DESC
