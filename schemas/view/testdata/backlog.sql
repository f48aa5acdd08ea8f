CREATE OR REPLACE VIEW backlog
AS SELECT t.review AS review,
    t.order AS order,
    t.month AS month,
    t.customer AS customer,
    t.source AS source,
    t.carrier AS carrier,
    t.country AS country,
    t.region AS region,
    t.complained AS opened,
    multiIf(ifNull(t.resolved <= toDateTime64({at:String}, 3, 'UTC'), false) AND (ifNull(t.reopened > toDateTime64({at:String}, 3, 'UTC'), true) OR ifNull(t.resolved_again <= toDateTime64({at:String}, 3, 'UTC'), false)), 'resolved', t.reopened <= toDateTime64({at:String}, 3, 'UTC'), 'reopened', t.contact_promised <= toDateTime64({at:String}, 3, 'UTC') AND ifNull(t.contacted > toDateTime64({at:String}, 3, 'UTC'), true), if(ifNull(t.contact_due, t.contact_promised + toIntervalDay(3)) < toDateTime64({at:String}, 3, 'UTC'), 'broken', 'promised'), t.answered <= toDateTime64({at:String}, 3, 'UTC'), 'answered', t.complained < toDateTime64({at:String}, 3, 'UTC') - toIntervalDay(3), 'ignored', 'open') AS state,
    assumeNotNull(dateDiff('millisecond', t.complained, toDateTime64({at:String}, 3, 'UTC')) / 86400000) AS age_days,
    multiIf(age_days < 1, '0 to 1 days', age_days < 3, '1 to 3 days', age_days < 7, '3 to 7 days', age_days < 30, '7 to 30 days', 'over 30 days') AS age
FROM reviews AS t
WHERE t.complained <= toDateTime64({at:String}, 3, 'UTC') AND ifNull(t.removed > toDateTime64({at:String}, 3, 'UTC'), true) AND NOT (ifNull(t.resolved <= toDateTime64({at:String}, 3, 'UTC'), false) AND (ifNull(t.reopened > toDateTime64({at:String}, 3, 'UTC'), true) OR ifNull(t.resolved_again <= toDateTime64({at:String}, 3, 'UTC'), false)))
COMMENT 'Complaints that were open at a moment, as it stood then: backlog(at = \'2026-03-01 09:00:00\'), UTC. States: resolved, reopened (there was another complaint, and nothing came of it yet), answered, promised (contact, still in time), broken (contact was promised, and did not come in time), ignored (no answer for more than 3 days), or open. A removed opinion was open until it was removed. Of a case that was opened again more than once only the last time is known. Example: SELECT age, state, count() FROM backlog(at = \'2026-03-01\') GROUP BY age, state ORDER BY age. Columns: review (Id of the opinion), order (Order that it names; empty for most mentions), month (First of the month of the opinion, UTC), customer (Known person\'s id), source (Where it was posted), carrier (Carrier of its order), country (Country that its order was shipped to), region (Region that its order was shipped to), opened (First version that was negative), state (What had become of it: reopened, answered, promised, broken, ignored, open), age_days (Days since the complaint), age (The same in classes: 0 to 1, 1 to 3, 3 to 7, 7 to 30, over 30 days).'
