-- What experience brings customers back?
-- Share of deliveries after which the customer ordered again within 10 days, with 95 % intervals.
SELECT aspect, experience, orders, round(100 * share, 1) AS again_pct, round(100 * low, 1) AS low_pct, round(100 * high, 1) AS high_pct
FROM experience_effect(days = 10)
WHERE aspect IN ('promise', 'delay', 'stars')
ORDER BY aspect, experience
