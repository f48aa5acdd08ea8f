CREATE OR REPLACE VIEW experience_effect
AS SELECT e.aspect AS aspect,
    e.experience AS experience,
    e.orders AS orders,
    e.again AS again,
    e.again / e.orders AS share,
    greatest(0, (e.again / e.orders + 1.96 * 1.96 / (2 * e.orders) - 1.96 * sqrt(e.again / e.orders * (1 - e.again / e.orders) / e.orders + 1.96 * 1.96 / (4 * e.orders * e.orders))) / (1 + 1.96 * 1.96 / e.orders)) AS low,
    least(1, (e.again / e.orders + 1.96 * 1.96 / (2 * e.orders) + 1.96 * sqrt(e.again / e.orders * (1 - e.again / e.orders) / e.orders + 1.96 * 1.96 / (4 * e.orders * e.orders))) / (1 + 1.96 * 1.96 / e.orders)) AS high
FROM (
    WITH assumeNotNull((SELECT max(placed) FROM journeys)) AS latest
    SELECT a.lived.1 AS aspect, a.lived.2 AS experience, count() AS orders, countIf(n.placed > a.came AND n.placed <= a.came + toIntervalDay({days:UInt32})) AS again
    FROM (
        SELECT customer, assumeNotNull(delivered) AS came, arrayJoin([
            ('promise', promise),
            ('delay', multiIf(days_off IS NULL, 'no promise', days_off <= 0, 'in time', days_off <= 1, 'up to 1 day', days_off <= 3, '1 to 3 days', days_off <= 7, '3 to 7 days', 'over 7 days')),
            ('stars', if(stars = 0, 'none', toString(round(stars)))),
            ('case', case),
            ('return', if(returned, 'yes', 'no'))]) AS lived
        FROM customer_orders
        WHERE NOT renewal AND delivered <= latest - toIntervalDay({days:UInt32})
    ) AS a
    ASOF LEFT JOIN (SELECT customer, assumeNotNull(placed) AS placed FROM journeys WHERE customer != '' AND placed IS NOT NULL AND cancelled IS NULL AND renews = '') AS n ON a.customer = n.customer AND a.came < n.placed
    GROUP BY aspect, experience
    SETTINGS join_use_nulls = 0
) AS e
COMMENT 'How many customers ordered again within so many days after a delivery, by what they experienced: experience_effect(days = 60). Aspects: promise (kept, broken), delay (in days), stars (1 to 5, none), case (none, resolved, answered, ignored, open), return (yes, no). Only deliveries that many days before the latest order of all count, so that everybody had the time. It tells what goes together, not what causes what. Example: SELECT experience, orders, share, low, high FROM experience_effect(days = 60) WHERE aspect = \'promise\'. Columns: aspect (promise, delay, stars, case, return), experience (What it was like), orders (Delivered orders with that experience, without renewals), again (Of them, those after whose delivery the customer ordered again in time), share (Their share, 0 to 1), low (Lower end of its 95 % interval, by Wilson, as if orders were independent), high (Upper end).'
