CREATE OR REPLACE VIEW funnel
(
    bucket DateTime('UTC') COMMENT 'Start of the quarter-hour, UTC.',
    channel LowCardinality(String) COMMENT 'Marketing channel that brought the visitor.',
    device LowCardinality(String) COMMENT 'Kind of device: desktop, mobile, tablet.',
    browser LowCardinality(String) COMMENT 'Browser.',
    country LowCardinality(String) COMMENT 'Country, ISO 3166-1 alpha-2.',
    source LowCardinality(String) COMMENT 'Who told the events: web, app.',
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
AS SELECT * EXCEPT (bot)
FROM funnel_with_bots
WHERE NOT bot
COMMENT 'How far sessions got, by the quarter-hour of their start. reached_* count the sessions that were at a stage, left_at_* those that got no further than it. All counts add up. Sessions of bots are left out; funnel_with_bots has them, too.'
