SELECT value, [countIf(level >= 1), countIf(level >= 2), countIf(level >= 3)] AS reached,
    [0., ifNotFinite(quantileIf(0.5)((times[2] - times[1]) / 1000, level >= 2), 0), ifNotFinite(quantileIf(0.5)((times[3] - times[2]) / 1000, level >= 3), 0)] AS median,
    [0., ifNotFinite(quantileIf(0.9)((times[2] - times[1]) / 1000, level >= 2), 0), ifNotFinite(quantileIf(0.9)((times[3] - times[2]) / 1000, level >= 3), 0)] AS p90, count() OVER () AS groups
FROM (SELECT value, arrayFold((acc, e) -> arrayMap(before -> if(
            e.2 = 1 OR notEmpty(before) AND e.1 - before[1] <= toInt64(9223372036854775807) AND e.1 - before[-1] <= [toInt64(9223372036854775807), toInt64(9223372036854775807), toInt64(9223372036854775807)][e.2],
            (arrayMap((chain, n) -> if(n = e.2, arrayPushBack(before, e.1), chain), acc.1, range(1, 4)),
                if(length(acc.2) < e.2, arrayPushBack(before, e.1), acc.2)),
            acc), [if(e.2 = 1, emptyArrayInt64(), acc.1[toUInt64(e.2 - 1)])])[1],
        seq, (arrayResize([emptyArrayInt64()], 3), emptyArrayInt64())).2 AS times, length(times) AS level
    FROM (
        SELECT toString(s.device) AS value, arraySort(arrayFilter(x -> x.1 > 0, [(toUnixTimestamp64Milli(ifNull(j.delivered, toDateTime64(0, 3, 'UTC'))), toUInt8(3)), (toUnixTimestamp64Milli(ifNull(s.order, toDateTime64(0, 3, 'UTC'))), toUInt8(2)), (toUnixTimestamp64Milli(ifNull(s.start, toDateTime64(0, 3, 'UTC'))), toUInt8(1))])) AS seq
        FROM (SELECT * FROM sessions WHERE start >= toDateTime64({p1:String}, 3, 'UTC') AND start < toDateTime64({p2:String}, 3, 'UTC')) AS s
        LEFT JOIN (SELECT * FROM journeys WHERE month >= toStartOfMonth(toDateTime64({p3:String}, 3, 'UTC') - toIntervalDay(1))) AS j ON j.order = s.orders[1]
        WHERE 1 AND NOT s.bot))
WHERE level >= 1
GROUP BY value
ORDER BY reached[1] DESC, value
LIMIT 20
