SELECT value, [countIf(level >= 1), countIf(level >= 2), countIf(level >= 3)] AS reached,
    [0., ifNotFinite(quantileIf(0.5)((times[2] - times[1]) / 1000, level >= 2), 0), ifNotFinite(quantileIf(0.5)((times[3] - times[2]) / 1000, level >= 3), 0)] AS median,
    [0., ifNotFinite(quantileIf(0.9)((times[2] - times[1]) / 1000, level >= 2), 0), ifNotFinite(quantileIf(0.9)((times[3] - times[2]) / 1000, level >= 3), 0)] AS p90, count() OVER () AS groups
FROM (SELECT value, arrayFold((acc, e) -> arrayMap(before -> if(
            e.2 = 1 OR notEmpty(before) AND e.1 - before[1] <= toInt64(3600000) AND e.1 - before[-1] <= [toInt64(9223372036854775807), toInt64(9223372036854775807), toInt64(60000)][e.2],
            (arrayMap((chain, n) -> if(n = e.2, arrayPushBack(before, e.1), chain), acc.1, range(1, 4)),
                if(length(acc.2) < e.2, arrayPushBack(before, e.1), acc.2)),
            acc), [if(e.2 = 1, emptyArrayInt64(), acc.1[toUInt64(e.2 - 1)])])[1],
        seq, (arrayResize([emptyArrayInt64()], 3), emptyArrayInt64())).2 AS times, length(times) AS level
    FROM (
        SELECT argMin(toString(s.browser), c.time) AS value, arraySort(groupArrayArray(arrayMap(n -> (toUnixTimestamp64Milli(c.time), toUInt8(n)), arrayFilter(n -> n > 0, [if(multiIf(c.type IN ('product'), 'view', c.type IN ('search', 'reviews_read', 'compare'), 'research', c.type IN ('cart_viewed', 'cart_added', 'cart_removed'), 'cart', c.type IN ('checkout_started', 'checkout_step'), 'checkout', c.type IN ('checkout_completed'), 'order', 'visit') IN ({p1:String}), 1, 0), if(JSONExtractString(c.body, 'step') IN ({p2:String}) AND JSONExtractString(c.properties, {p3:String}) LIKE {p4:String}, 2, 0), if(multiIf(c.type IN ('product'), 'view', c.type IN ('search', 'reviews_read', 'compare'), 'research', c.type IN ('cart_viewed', 'cart_added', 'cart_removed'), 'cart', c.type IN ('checkout_started', 'checkout_step'), 'checkout', c.type IN ('checkout_completed'), 'order', 'visit') IN ({p5:String}), 3, 0)])))) AS seq
        FROM session_clicks(since = {p8:String}, until = {p9:String}) AS c
        INNER JOIN (SELECT * FROM sessions WHERE start >= toDateTime64({p10:String}, 3, 'UTC') - toIntervalDay(1) AND start < toDateTime64({p11:String}, 3, 'UTC')) AS s ON s.id = c.session
        WHERE (toString(s.country) IN ({p6:String}, {p7:String}) AND NOT s.bot) AND ((multiIf(c.type IN ('product'), 'view', c.type IN ('search', 'reviews_read', 'compare'), 'research', c.type IN ('cart_viewed', 'cart_added', 'cart_removed'), 'cart', c.type IN ('checkout_started', 'checkout_step'), 'checkout', c.type IN ('checkout_completed'), 'order', 'visit') IN ({p1:String})) OR (JSONExtractString(c.body, 'step') IN ({p2:String}) AND JSONExtractString(c.properties, {p3:String}) LIKE {p4:String}) OR (multiIf(c.type IN ('product'), 'view', c.type IN ('search', 'reviews_read', 'compare'), 'research', c.type IN ('cart_viewed', 'cart_added', 'cart_removed'), 'cart', c.type IN ('checkout_started', 'checkout_step'), 'checkout', c.type IN ('checkout_completed'), 'order', 'visit') IN ({p5:String})))
        GROUP BY c.session))
WHERE level >= 1
GROUP BY value
ORDER BY reached[1] DESC, value
LIMIT 20
