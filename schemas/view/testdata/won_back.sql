CREATE OR REPLACE VIEW won_back
AS SELECT t.order AS order,
    t.customer AS customer,
    t.placed AS placed,
    t.channel AS channel,
    t.country AS country,
    t.value AS value,
    t.days_since AS days_away,
    t.previous AS previous,
    p.promise AS previous_promise,
    p.stars AS previous_stars,
    p.case AS previous_case
FROM (SELECT * FROM customer_orders WHERE NOT renewal AND days_since > {days:UInt32}) AS t
INNER JOIN (SELECT order, promise, stars, case FROM customer_orders WHERE NOT renewal) AS p ON t.previous = p.order
COMMENT 'Orders of customers who had not ordered for more than so many days: won_back(days = 180). Example: SELECT toStartOfMonth(placed) AS month, previous_promise, count() FROM won_back(days = 180) GROUP BY month, previous_promise ORDER BY month. Columns: order (Order id), customer (Known person\'s id), placed (Order placed), channel (Where it was ordered: web, app, store, phone, email), country (Country shipped to), value (What the customer pays, in the reporting currency; NULL: not known), days_away (Days since the order before), previous (The order before), previous_promise (What became of its promise of arrival: none, open, kept, broken), previous_stars (Its rating on a scale from 1 to 5; 0: none), previous_case (What became of a complaint about it: none, resolved, answered, ignored, open).'
