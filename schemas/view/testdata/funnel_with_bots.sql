CREATE OR REPLACE VIEW funnel_with_bots
(
    bucket DateTime('UTC') COMMENT 'Start of the quarter-hour, UTC.',
    channel LowCardinality(String) COMMENT 'Marketing channel that brought the visitor.',
    device LowCardinality(String) COMMENT 'Kind of device: desktop, mobile, tablet.',
    browser LowCardinality(String) COMMENT 'Browser.',
    country LowCardinality(String) COMMENT 'Country, ISO 3166-1 alpha-2.',
    source LowCardinality(String) COMMENT 'Who told the events: web, app.',
    bot Bool COMMENT 'Whether the visitor is a machine.',
    sessions UInt64 COMMENT 'Sessions.',
    reached_view UInt64 COMMENT 'Sessions that looked at a product.',
    reached_research UInt64 COMMENT 'Sessions that searched, compared or read reviews.',
    reached_cart UInt64 COMMENT 'Sessions that put something into the cart.',
    reached_checkout UInt64 COMMENT 'Sessions that started the checkout.',
    reached_order UInt64 COMMENT 'Sessions that ordered.',
    left_at_visit UInt64 COMMENT 'Sessions that did nothing more than visit.',
    left_at_view UInt64 COMMENT 'Sessions whose deepest stage is view.',
    left_at_research UInt64 COMMENT 'Sessions whose deepest stage is research.',
    left_at_cart UInt64 COMMENT 'Sessions whose deepest stage is cart.',
    left_at_checkout UInt64 COMMENT 'Sessions whose deepest stage is checkout.',
    events UInt64 COMMENT 'Events of the sessions.',
    order_seconds Float64 COMMENT 'Seconds from the start of the session to its first order, summed; divide by reached_order.'
)
AS SELECT c.bucket AS bucket, c.channel AS channel, c.device AS device, c.browser AS browser, c.country AS country, c.source AS source, c.bot AS bot, c.sessions AS sessions, c.reached_view AS reached_view, c.reached_research AS reached_research, c.reached_cart AS reached_cart, c.reached_checkout AS reached_checkout, c.reached_order AS reached_order, c.left_at_visit AS left_at_visit, c.left_at_view AS left_at_view, c.left_at_research AS left_at_research, c.left_at_cart AS left_at_cart, c.left_at_checkout AS left_at_checkout, c.events AS events, c.order_seconds AS order_seconds
FROM stored_funnel AS c FINAL
INNER JOIN (
    SELECT toDateTime(at, 'UTC') AS bucket, max(version) AS refreshed FROM refreshed
    WHERE cell = 'funnel' AND scope = 'bucket' GROUP BY at
) AS r ON c.bucket = r.bucket
WHERE c.version >= r.refreshed
COMMENT 'How far sessions got, by the quarter-hour of their start. reached_* count the sessions that were at a stage, left_at_* those that got no further than it. All counts add up. Bots are among them, by the column bot; the view funnel is without them.'
