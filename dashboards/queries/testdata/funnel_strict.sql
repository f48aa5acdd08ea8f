SELECT value, [countIf(level >= 1), countIf(level >= 2)] AS reached,
    [0., ifNotFinite(quantileIf(0.5)((times[2] - times[1]) / 1000, level >= 2), 0)] AS median,
    [0., ifNotFinite(quantileIf(0.9)((times[2] - times[1]) / 1000, level >= 2), 0)] AS p90, count() OVER () AS groups
FROM (SELECT value, arrayFold((acc, e) -> arrayMap(now -> (now, if(length(now) > length(acc.2), now, acc.2)), [multiIf(
            has(e.2, toUInt8(length(acc.1) + 1)) AND (empty(acc.1) OR e.1 - acc.1[1] <= toInt64(9223372036854775807) AND e.1 - acc.1[-1] <= [toInt64(9223372036854775807), toInt64(9223372036854775807)][length(acc.1) + 1]), arrayPushBack(acc.1, e.1),
            notEmpty(acc.1) AND has(e.2, toUInt8(length(acc.1))), arrayPushBack(arrayPopBack(acc.1), e.1),
            has(e.2, 1), [e.1], emptyArrayInt64())])[1],
        seq, (emptyArrayInt64(), emptyArrayInt64())).2 AS times, length(times) AS level
    FROM (
        SELECT argMin('', c.time) AS value, arraySort(groupArrayArray([(toUnixTimestamp64Milli(c.time), CAST(arrayFilter(n -> n > 0, [if(multiIf(c.type IN ('product'), 'view', c.type IN ('search', 'reviews_read', 'compare'), 'research', c.type IN ('cart_viewed', 'cart_added', 'cart_removed'), 'cart', c.type IN ('checkout_started', 'checkout_step'), 'checkout', c.type IN ('checkout_completed'), 'order', 'visit') IN ({p1:String}), 1, 0), if(JSONExtractString(c.body, 'step') IN ({p2:String}) AND JSONExtractString(c.properties, {p3:String}) LIKE {p4:String}, 2, 0)]), 'Array(UInt8)'))])) AS seq
        FROM session_clicks(since = {p5:String}, until = {p6:String}) AS c
        INNER JOIN (SELECT * FROM sessions WHERE start >= toDateTime64({p7:String}, 3, 'UTC') - toIntervalDay(1) AND start < toDateTime64({p8:String}, 3, 'UTC')) AS s ON s.id = c.session
        WHERE (1 AND NOT s.bot) AND (1)
        GROUP BY c.visitor))
WHERE level >= 1
GROUP BY value
ORDER BY reached[1] DESC, value
LIMIT 20
