SELECT value, count() OVER () AS groups, sum(n) AS entered, sum(n_done) AS done, sum(n_cancelled) AS cancelled,
    groupArray(took) AS took, groupArray(n_got) AS got, groupArray(n - n_got) AS left
FROM (
    SELECT value, took, count() AS n, countIf(is_done) AS n_done, countIf(is_cancelled) AS n_cancelled, countIf(is_done AND NOT beyond) AS n_got
    FROM (
        SELECT toString(j.carrier) AS value, ifNull(j.delivered <= (SELECT ifNull(least(max(last_event), now64(3, 'UTC')), now64(3, 'UTC')) FROM journeys WHERE month >= toStartOfMonth(toDateTime64({p1:String}, 3, 'UTC'))), 0) AS is_done, NOT is_done AND ifNull(j.cancelled <= (SELECT ifNull(least(max(last_event), now64(3, 'UTC')), now64(3, 'UTC')) FROM journeys WHERE month >= toStartOfMonth(toDateTime64({p1:String}, 3, 'UTC'))), 0) AS is_cancelled,
            greatest(dateDiff('millisecond', assumeNotNull(j.shipped), if(is_done, assumeNotNull(j.delivered), (SELECT ifNull(least(max(last_event), now64(3, 'UTC')), now64(3, 'UTC')) FROM journeys WHERE month >= toStartOfMonth(toDateTime64({p1:String}, 3, 'UTC'))))), 0) AS lasted,
            if(is_done, intDiv(lasted + 3600000 - 1, 3600000), intDiv(lasted, 3600000)) AS whole,
            whole > 72 AS beyond, toUInt64(least(whole, 72 + 1)) AS took
        FROM journeys AS j
        WHERE j.month >= toStartOfMonth(toDateTime64({p1:String}, 3, 'UTC') - toIntervalDay(400)) AND j.shipped >= toDateTime64({p1:String}, 3, 'UTC') AND j.shipped < toDateTime64({p2:String}, 3, 'UTC') AND j.shipped <= (SELECT ifNull(least(max(last_event), now64(3, 'UTC')), now64(3, 'UTC')) FROM journeys WHERE month >= toStartOfMonth(toDateTime64({p1:String}, 3, 'UTC'))) AND (1)
    )
    GROUP BY value, took
)
GROUP BY value
ORDER BY entered DESC, value
LIMIT 50
