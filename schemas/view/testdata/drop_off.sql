CREATE OR REPLACE VIEW drop_off
(
    day Date COMMENT 'Day of the start of the session, UTC; filter by it.',
    stage LowCardinality(String) COMMENT 'Deepest stage: visit, view, research, cart, checkout, order.',
    exit String COMMENT 'Path of the last page.',
    checkout_step LowCardinality(String) COMMENT 'Last step named while in the checkout; empty: none.',
    device LowCardinality(String) COMMENT 'Kind of device: desktop, mobile, tablet.',
    browser LowCardinality(String) COMMENT 'Browser.',
    channel LowCardinality(String) COMMENT 'Marketing channel that brought the visitor.',
    country LowCardinality(String) COMMENT 'Country, ISO 3166-1 alpha-2.',
    sessions UInt64 COMMENT 'Sessions.'
)
AS SELECT toDate(s.start) AS day, toString(s.stage) AS stage, s.exit AS exit, s.checkout_step AS checkout_step, s.device AS device,
    s.browser AS browser, s.channel AS channel, s.country AS country, count() AS sessions
FROM sessions AS s
WHERE NOT s.bot AND s.end < now64(3, 'UTC') - toIntervalMinute(30)
GROUP BY ALL
COMMENT 'Where sessions ended that are over (quiet for more than 30 minutes): how many by day, deepest stage, last page and last step of the checkout. Those that ordered have stage order; all others dropped off. Sessions of bots are left out.'
