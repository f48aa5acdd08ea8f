CREATE OR REPLACE VIEW second_order
AS SELECT d.group AS group,
    d.day AS days,
    d.at_risk AS at_risk,
    d.ordered AS ordered,
    1 - exp(sum(log(1 - d.ordered / d.at_risk)) OVER (PARTITION BY d.group ORDER BY d.day)) AS share
FROM (
    SELECT group, day, sum(again) AS ordered, count() AS gone,
        sum(count()) OVER (PARTITION BY group ORDER BY day ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS at_risk
    FROM (
        WITH assumeNotNull((SELECT max(placed) FROM journeys)) AS latest
        SELECT argMin(multiIf({by:String} = '', 'all', {by:String} = 'cohort', toString(toStartOfMonth(assumeNotNull(placed))), {by:String} = 'channel', toString(channel),
                {by:String} = 'country', toString(country), {by:String} = 'generation', toString(generation), {by:String} = 'segment', toString(segment),
                {by:String} = 'kind', toString(kind), {by:String} = 'promise', multiIf(promise_first IS NULL, 'none', delivered IS NULL, 'open', delivered <= promise_first, 'kept', 'broken'),
                'unknown group'), bitOr(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(assumeNotNull(placed))), 64), toUInt128(cityHash64(order)))) AS group,
            arraySlice(arraySort(groupArray(assumeNotNull(placed))), 1, 2) AS two,
            length(two) = 2 AS again,
            toUInt32(dateDiff('second', two[1], if(again, two[2], latest)) / 86400) AS day
        FROM journeys WHERE customer != '' AND placed IS NOT NULL AND cancelled IS NULL AND renews = '' GROUP BY customer
    )
    GROUP BY group, day
) AS d
WHERE d.ordered > 0
COMMENT 'How many customers have ordered a second time so many days after the first order, those included who may still do so: they count as long as they have been watched, which is until the latest order of all (Kaplan-Meier). In groups by cohort, channel, country, generation, segment, kind or promise (kept, broken ...) of the first order; by = \'\' makes one group. Days on which nobody ordered have no row. Example: SELECT group, max(share) FROM second_order(by = \'promise\') WHERE days <= 60 GROUP BY group. Columns: group (Group of customers), days (Days since the first order), at_risk (Customers who had been watched for so long and not ordered again before), ordered (Of them, those who did on that day), share (Estimated share of customers who have ordered again by then, 0 to 1).'
