package view

import "strings"

// timeline is everything that one customer went through. The keys of the rows are looked up first, in few columns and without FINAL;
// only those rows are read.
func timeline() View {
	orders := [][3]string{ // what, when, and what there is to say about it
		{"order", "placed", "concat(toString(kind), if(renews != '', concat(', renews ', renews), ''), if(total > 0, concat(', ', toString(total), ' ', currency), ''))"},
		{"payment", "paid", "''"},
		{"promise", "promised_at", "concat('arrive by ', toString(promise_first))"},
		{"promise changed", "promise_changed", "concat('arrive by ', toString(promise_last))"},
		{"warranty", "warranty", "''"},
		{"packed", "packed", "warehouse"},
		{"handed over", "shipped", "carrier"},
		{"out for delivery", "out_for_delivery", "carrier"},
		{"attempt", "attempted", "concat('nobody there, ', toString(attempts), ' times')"},
		{"delay", "exception_late", "carrier"},
		{"loss", "exception_lost", "carrier"},
		{"damage", "exception_damaged", "carrier"},
		{"refusal", "exception_refused", "carrier"},
		{"delivery", "delivered", "multiIf(promise_first IS NULL, 'no promise', delivered <= promise_first, 'promise kept', concat(toString(round(dateDiff('millisecond', promise_first, delivered) / 86400000, 1)), ' days late'))"},
		{"confirmation", "confirmed", "''"},
		{"cancellation", "cancelled", "cancel_reason"},
		{"return requested", "return_requested", "return_reason"},
		{"return", "returned", "return_reason"},
		{"refund", "refunded", "concat(toString(refund_amount), ' ', currency)"},
		{"replacement", "replaced", "replace_reason"},
	}
	reviews := [][3]string{
		{"opinion", "posted", "concat(if(stars > 0, concat(toString(round(stars, 1)), ' stars now. '), ''), title)"},
		{"edit", "edited", "''"},
		{"answer", "answered", "''"},
		{"contact promised", "contact_promised", "if(contact_due IS NULL, '', concat('until ', toString(contact_due)))"},
		{"resolution", "resolved", "resolution"},
		{"complaint again", "reopened", "''"},
		{"resolution again", "resolved_again", "''"},
		{"removal", "removed", "''"},
	}
	sessions := [][3]string{
		{"session", "start", "concat(t.device, ', ', t.channel, ', got to ', toString(t.stage), if(t.known = 'seen', '', concat(' (known ', t.known, ')')))"},
		{"tracking", "track", "''"},
		{"contact", "contact", "''"},
	}
	list := func(of [][3]string) string {
		var all []string
		for _, e := range of {
			all = append(all, "('"+e[0]+"', toNullable(t."+e[1]+"), ifNull(toString("+e[2]+"), ''))")
		}
		return "arrayJoin(arrayFilter(x -> x.2 IS NOT NULL, [" + strings.Join(all, ",\n        ") + "]))"
	}
	const (
		theirs  = "SELECT month, order FROM stored_journeys WHERE customer = {customer:String}"
		devices = "SELECT visitor FROM stored_identities WHERE customer = {customer:String} UNION DISTINCT " +
			"SELECT visitor FROM stored_journeys WHERE customer = {customer:String} AND visitor != ''"
		seen = "SELECT visitor, `from`, `to`, customer FROM identities WHERE visitor IN (" + devices + ") UNION ALL " +
			"SELECT visitor, assumeNotNull(placed) AS `from`, assumeNotNull(placed) AS `to`, customer FROM journeys WHERE (month, order) IN " +
			"(SELECT month, order FROM stored_journeys WHERE visitor IN (" + devices + ")) AND customer != '' AND placed IS NOT NULL"
	)
	return selecting(View{
		Name: "timeline",
		Comment: "Everything that a customer went through, in order of time, on all devices and channels: timeline(customer = 'c-1'). One row per thing that happened. " +
			"Sessions are those of known_sessions: what somebody else did on a shared device is not among them. " +
			"Example: SELECT at, channel, what, detail FROM timeline(customer = 'c-1').",
		Parameters: true,
	}, `FROM (
    SELECT `+list(sessions)+` AS e, toString(t.source) AS channel, '' AS order, '' AS review, t.visitor AS visitor, t.id AS session
    FROM (
        SELECT s.id AS id, s.visitor AS visitor, s.start AS start, s.source AS source, s.device AS device, s.channel AS channel, s.stage AS stage,
            s.track AS track, s.contact AS contact, multiIf(s.customer != '', 'seen', n.customer != '', 'later', 'earlier') AS known
        FROM (
            SELECT * FROM sessions
            WHERE (toDate(start), toStartOfFifteenMinutes(start), visitor) IN (SELECT toDate(start), toStartOfFifteenMinutes(start), visitor FROM stored_sessions WHERE visitor IN (`+devices+`))
        ) AS s
        ASOF LEFT JOIN (SELECT visitor, `+"`from`"+`, customer FROM (`+seen+`)) AS n ON s.visitor = n.visitor AND s.start <= n.from
        ASOF LEFT JOIN (SELECT visitor, `+"`to`"+`, customer FROM (`+seen+`)) AS l ON s.visitor = l.visitor AND s.start >= l.to
        WHERE multiIf(s.customer != '', s.customer, n.customer != '', n.customer, l.customer) = {customer:String}
    ) AS t
    UNION ALL
    SELECT `+list(orders)+` AS e, toString(t.channel) AS channel, t.order AS order, '' AS review, t.visitor AS visitor, toUInt64(0) AS session
    FROM (SELECT * FROM journeys WHERE (month, order) IN (`+theirs+`)) AS t WHERE t.customer = {customer:String}
    UNION ALL
    SELECT `+list(reviews)+` AS e, toString(t.source) AS channel, t.order AS order, t.review AS review, '' AS visitor, toUInt64(0) AS session
    FROM (
        SELECT * FROM reviews WHERE (month, order, review) IN (
            SELECT month, order, review FROM stored_reviews WHERE customer = {customer:String} OR order != '' AND order IN (SELECT order FROM (`+theirs+`)))
    ) AS t
    WHERE t.customer IN ('', {customer:String})
) AS t
ORDER BY at
SETTINGS join_use_nulls = 0`,
		part{"at", moment, "assumeNotNull(t.e.2)", "When, UTC."},
		part{"channel", text, "t.channel", "Where: web, app, store, phone ... of a session and its contact, and of an opinion, its source; of what happened to an order, where it was ordered."},
		part{"what", text, "t.e.1", "What happened: session, tracking (a look at where the parcel is), contact, order, delivery, opinion, answer ..."},
		part{"detail", text, "t.e.3", "What there is to say about it."},
		part{"order", text, "t.order", "Order id; empty: of a session, or of an opinion that names none."},
		part{"review", text, "t.review", "Id of the opinion; empty: not of one."},
		part{"visitor", text, "t.visitor", "Device or browser id; empty: not known."},
		part{"session", "UInt64", "t.session", "Id of the session; 0: not of one."},
	)
}
