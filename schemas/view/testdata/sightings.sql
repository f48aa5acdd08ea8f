CREATE OR REPLACE VIEW sightings
(
    visitor String COMMENT 'Device or browser id.',
    customer String COMMENT 'Known person\'s id.',
    from DateTime64(3, 'UTC') COMMENT 'First event that names the customer, UTC.',
    to DateTime64(3, 'UTC') COMMENT 'Last event of that run, UTC.',
    seen String COMMENT 'Where: session or order.'
)
AS SELECT s.visitor AS visitor,
    s.customer AS customer,
    s.`from` AS from,
    s.`to` AS to,
    s.seen AS seen
FROM (
    SELECT visitor, customer, `from`, `to`, 'session' AS seen FROM identities
    UNION ALL
    SELECT visitor, customer, assumeNotNull(placed) AS `from`, assumeNotNull(placed) AS `to`, 'order' AS seen FROM journeys
    WHERE visitor != '' AND customer != '' AND placed IS NOT NULL
) AS s
COMMENT 'When a visitor (a device) was seen as a customer: within a session by logging in, or by an order that names both or was completed in a session. A device that two people share has sightings of both. Example: SELECT customer, count() FROM sightings WHERE visitor = \'v-1\' GROUP BY customer.'
