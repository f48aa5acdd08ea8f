CREATE OR REPLACE VIEW timeline
AS SELECT assumeNotNull(t.e.2) AS at,
    t.channel AS channel,
    t.e.1 AS what,
    t.e.3 AS detail,
    t.order AS order,
    t.review AS review,
    t.visitor AS visitor,
    t.session AS session
FROM (
    SELECT arrayJoin(arrayFilter(x -> x.2 IS NOT NULL, [('session', toNullable(t.start), ifNull(toString(concat(t.device, ', ', t.channel, ', got to ', toString(t.stage), if(t.known = 'seen', '', concat(' (known ', t.known, ')')))), '')),
        ('tracking', toNullable(t.track), ifNull(toString(''), '')),
        ('contact', toNullable(t.contact), ifNull(toString(''), ''))])) AS e, toString(t.source) AS channel, '' AS order, '' AS review, t.visitor AS visitor, t.id AS session
    FROM (
        SELECT s.id AS id, s.visitor AS visitor, s.start AS start, s.source AS source, s.device AS device, s.channel AS channel, s.stage AS stage,
            s.track AS track, s.contact AS contact, multiIf(s.customer != '', 'seen', n.customer != '', 'later', 'earlier') AS known
        FROM (
            SELECT * FROM sessions
            WHERE (toDate(start), toStartOfFifteenMinutes(start), visitor) IN (SELECT toDate(start), toStartOfFifteenMinutes(start), visitor FROM stored_sessions WHERE visitor IN (SELECT visitor FROM stored_identities WHERE customer = {customer:String} UNION DISTINCT SELECT visitor FROM stored_journeys WHERE customer = {customer:String} AND visitor != ''))
        ) AS s
        ASOF LEFT JOIN (SELECT visitor, `from`, customer FROM (SELECT visitor, `from`, `to`, customer FROM identities WHERE visitor IN (SELECT visitor FROM stored_identities WHERE customer = {customer:String} UNION DISTINCT SELECT visitor FROM stored_journeys WHERE customer = {customer:String} AND visitor != '') UNION ALL SELECT visitor, assumeNotNull(placed) AS `from`, assumeNotNull(placed) AS `to`, customer FROM journeys WHERE (month, order) IN (SELECT month, order FROM stored_journeys WHERE visitor IN (SELECT visitor FROM stored_identities WHERE customer = {customer:String} UNION DISTINCT SELECT visitor FROM stored_journeys WHERE customer = {customer:String} AND visitor != '')) AND customer != '' AND placed IS NOT NULL)) AS n ON s.visitor = n.visitor AND s.start <= n.from
        ASOF LEFT JOIN (SELECT visitor, `to`, customer FROM (SELECT visitor, `from`, `to`, customer FROM identities WHERE visitor IN (SELECT visitor FROM stored_identities WHERE customer = {customer:String} UNION DISTINCT SELECT visitor FROM stored_journeys WHERE customer = {customer:String} AND visitor != '') UNION ALL SELECT visitor, assumeNotNull(placed) AS `from`, assumeNotNull(placed) AS `to`, customer FROM journeys WHERE (month, order) IN (SELECT month, order FROM stored_journeys WHERE visitor IN (SELECT visitor FROM stored_identities WHERE customer = {customer:String} UNION DISTINCT SELECT visitor FROM stored_journeys WHERE customer = {customer:String} AND visitor != '')) AND customer != '' AND placed IS NOT NULL)) AS l ON s.visitor = l.visitor AND s.start >= l.to
        WHERE multiIf(s.customer != '', s.customer, n.customer != '', n.customer, l.customer) = {customer:String}
    ) AS t
    UNION ALL
    SELECT arrayJoin(arrayFilter(x -> x.2 IS NOT NULL, [('order', toNullable(t.placed), ifNull(toString(concat(toString(kind), if(renews != '', concat(', renews ', renews), ''), if(total > 0, concat(', ', toString(total), ' ', currency), ''))), '')),
        ('payment', toNullable(t.paid), ifNull(toString(''), '')),
        ('promise', toNullable(t.promised_at), ifNull(toString(concat('arrive by ', toString(promise_first))), '')),
        ('promise changed', toNullable(t.promise_changed), ifNull(toString(concat('arrive by ', toString(promise_last))), '')),
        ('warranty', toNullable(t.warranty), ifNull(toString(''), '')),
        ('packed', toNullable(t.packed), ifNull(toString(warehouse), '')),
        ('handed over', toNullable(t.shipped), ifNull(toString(carrier), '')),
        ('out for delivery', toNullable(t.out_for_delivery), ifNull(toString(carrier), '')),
        ('attempt', toNullable(t.attempted), ifNull(toString(concat('nobody there, ', toString(attempts), ' times')), '')),
        ('delay', toNullable(t.exception_late), ifNull(toString(carrier), '')),
        ('loss', toNullable(t.exception_lost), ifNull(toString(carrier), '')),
        ('damage', toNullable(t.exception_damaged), ifNull(toString(carrier), '')),
        ('refusal', toNullable(t.exception_refused), ifNull(toString(carrier), '')),
        ('delivery', toNullable(t.delivered), ifNull(toString(multiIf(promise_first IS NULL, 'no promise', delivered <= promise_first, 'promise kept', concat(toString(round(dateDiff('millisecond', promise_first, delivered) / 86400000, 1)), ' days late'))), '')),
        ('confirmation', toNullable(t.confirmed), ifNull(toString(''), '')),
        ('cancellation', toNullable(t.cancelled), ifNull(toString(cancel_reason), '')),
        ('return requested', toNullable(t.return_requested), ifNull(toString(return_reason), '')),
        ('return', toNullable(t.returned), ifNull(toString(return_reason), '')),
        ('refund', toNullable(t.refunded), ifNull(toString(concat(toString(refund_amount), ' ', currency)), '')),
        ('replacement', toNullable(t.replaced), ifNull(toString(replace_reason), ''))])) AS e, toString(t.channel) AS channel, t.order AS order, '' AS review, t.visitor AS visitor, toUInt64(0) AS session
    FROM (SELECT * FROM journeys WHERE (month, order) IN (SELECT month, order FROM stored_journeys WHERE customer = {customer:String})) AS t WHERE t.customer = {customer:String}
    UNION ALL
    SELECT arrayJoin(arrayFilter(x -> x.2 IS NOT NULL, [('opinion', toNullable(t.posted), ifNull(toString(concat(if(stars > 0, concat(toString(round(stars, 1)), ' stars now. '), ''), title)), '')),
        ('edit', toNullable(t.edited), ifNull(toString(''), '')),
        ('answer', toNullable(t.answered), ifNull(toString(''), '')),
        ('contact promised', toNullable(t.contact_promised), ifNull(toString(if(contact_due IS NULL, '', concat('until ', toString(contact_due)))), '')),
        ('resolution', toNullable(t.resolved), ifNull(toString(resolution), '')),
        ('complaint again', toNullable(t.reopened), ifNull(toString(''), '')),
        ('resolution again', toNullable(t.resolved_again), ifNull(toString(''), '')),
        ('removal', toNullable(t.removed), ifNull(toString(''), ''))])) AS e, toString(t.source) AS channel, t.order AS order, t.review AS review, '' AS visitor, toUInt64(0) AS session
    FROM (
        SELECT * FROM reviews WHERE (month, order, review) IN (
            SELECT month, order, review FROM stored_reviews WHERE customer = {customer:String} OR order != '' AND order IN (SELECT order FROM (SELECT month, order FROM stored_journeys WHERE customer = {customer:String})))
    ) AS t
    WHERE t.customer IN ('', {customer:String})
) AS t
ORDER BY at
SETTINGS join_use_nulls = 0
COMMENT 'Everything that a customer went through, in order of time, on all devices and channels: timeline(customer = \'c-1\'). One row per thing that happened. Sessions are those of known_sessions: what somebody else did on a shared device is not among them. Example: SELECT at, channel, what, detail FROM timeline(customer = \'c-1\'). Columns: at (When, UTC), channel (Where: web, app, store, phone ... of a session and its contact, and of an opinion, its source; of what happened to an order, where it was ordered), what (What happened: session, tracking (a look at where the parcel is), contact, order, delivery, opinion, answer ..), detail (What there is to say about it), order (Order id; empty: of a session, or of an opinion that names none), review (Id of the opinion; empty: not of one), visitor (Device or browser id; empty: not known), session (Id of the session; 0: not of one).'
