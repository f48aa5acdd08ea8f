CREATE OR REPLACE VIEW known_sessions
(
    id UInt64 COMMENT 'Id of the session.',
    visitor String COMMENT 'Device or browser id.',
    start DateTime64(3, 'UTC') COMMENT 'Start of the session, UTC.',
    customer String COMMENT 'Known person\'s id; empty: nobody was ever known on that device.',
    known String COMMENT 'How it is known: seen (in the session), later, earlier, or no.'
)
AS SELECT s.id AS id,
    s.visitor AS visitor,
    s.start AS start,
    multiIf(s.customer != '', s.customer, n.customer != '', n.customer, l.customer) AS customer,
    multiIf(s.customer != '', 'seen', n.customer != '', 'later', l.customer != '', 'earlier', 'no') AS known
FROM sessions AS s
ASOF LEFT JOIN (SELECT visitor, `from`, customer FROM sightings) AS n ON s.visitor = n.visitor AND s.start <= n.from
ASOF LEFT JOIN (SELECT visitor, `to`, customer FROM sightings) AS l ON s.visitor = l.visitor AND s.start >= l.to
COMMENT 'Sessions with the person behind them: who logged in, else who did next on that device, else who did last. Join with sessions by id for the rest. Example: SELECT known, count() FROM known_sessions WHERE start >= \'2026-03-01\' GROUP BY known.'
