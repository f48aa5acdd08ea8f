CREATE OR REPLACE VIEW paths
(
    day Date COMMENT 'Day of the start of the session, UTC; filter by it.',
    level UInt8 COMMENT 'Which step of the session it is: 1 is the first.',
    from_stage LowCardinality(String) COMMENT 'Stage that it came from: visit, view, research, cart, checkout, order.',
    to_stage LowCardinality(String) COMMENT 'Stage that it went on to, or left: no further.',
    device LowCardinality(String) COMMENT 'Kind of device: desktop, mobile, tablet.',
    browser LowCardinality(String) COMMENT 'Browser.',
    channel LowCardinality(String) COMMENT 'Marketing channel that brought the visitor.',
    sessions UInt64 COMMENT 'Sessions that took this step.',
    seconds Float64 COMMENT 'Seconds from one stage to the other, summed over the sessions; divide by sessions. 0 for left.'
)
AS SELECT toDate(s.start) AS day, toUInt8(step.1) AS level, step.2 AS from_stage, step.3 AS to_stage, s.device AS device,
    s.browser AS browser, s.channel AS channel, count() AS sessions, sum(step.4) AS seconds
FROM (
    SELECT start, end, device, browser, channel, bot,
        arraySort(x -> (x.1, x.3), arrayFilter(x -> x.1 IS NOT NULL, [(s.start, 'visit', 1), (s.view, 'view', 2), (s.research, 'research', 3), (s.cart, 'cart', 4), (s.checkout, 'checkout', 5), (s.order, 'order', 6)])) AS way
    FROM sessions AS s
) AS s
ARRAY JOIN arrayMap(n -> (n, way[n].2, if(n = length(way), 'left', way[n + 1].2),
    if(n = length(way), 0, dateDiff('millisecond', assumeNotNull(way[n].1), assumeNotNull(way[n + 1].1)) / 1000)), arrayEnumerate(way)) AS step
WHERE NOT s.bot AND s.end < now64(3, 'UTC') - toIntervalMinute(30)
GROUP BY ALL
COMMENT 'From which stage sessions that are over went on to which, in the order in which they first came to each; the last one is followed by left. Level counts the steps of a session from 1, so that the rows of one level are the flows between two columns of a picture. Those that ordered end with left from order. Sessions of bots are left out.'
