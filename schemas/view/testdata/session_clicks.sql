CREATE OR REPLACE VIEW session_clicks
AS SELECT e.*, if(s.visitor != '' AND e.time <= s.end, s.id, NULL) AS session,
    if(s.visitor != '' AND e.time <= s.end, s.start, NULL) AS session_start
FROM (
    SELECT * FROM events WHERE kind = 'clickstream' AND status = 'accepted'
        AND time >= toDateTime64({since:String}, 3, 'UTC') AND time < toDateTime64({until:String}, 3, 'UTC')
) AS e
ASOF LEFT JOIN (
    SELECT visitor, start, end, id FROM sessions -- a session is at most 24 hours long
    WHERE start >= toDateTime64({since:String}, 3, 'UTC') - toIntervalDay(1) AND start < toDateTime64({until:String}, 3, 'UTC')
) AS s ON e.visitor = s.visitor AND e.time >= s.start
COMMENT 'Clicks that count, each with its session: the columns of events, then session and session_start (NULL if it belongs to none). Example: SELECT session, count() FROM session_clicks(since = \'2026-03-14\', until = \'2026-03-15\') GROUP BY session.'
