package view

// sightings are when a device and a person were seen together.
func sightings() View {
	return selecting(View{
		Name: "sightings",
		Comment: "When a visitor (a device) was seen as a customer: within a session by logging in, or by an order that names both or was completed " +
			"in a session. A device that two people share has sightings of both. Example: SELECT customer, count() FROM sightings WHERE visitor = 'v-1' GROUP BY customer.",
	}, `FROM (
    SELECT visitor, customer, `+"`from`, `to`"+`, 'session' AS seen FROM identities
    UNION ALL
    SELECT visitor, customer, assumeNotNull(placed) AS `+"`from`"+`, assumeNotNull(placed) AS `+"`to`"+`, 'order' AS seen FROM journeys
    WHERE visitor != '' AND customer != '' AND placed IS NOT NULL
) AS s`,
		part{"visitor", text, "s.visitor", "Device or browser id."},
		part{"customer", text, "s.customer", "Known person's id."},
		part{"from", moment, "s.`from`", "First event that names the customer, UTC."},
		part{"to", moment, "s.`to`", "Last event of that run, UTC."},
		part{"seen", text, "s.seen", "Where: session or order."},
	)
}

// knownSessions stitches anonymous sessions to people: by the next time that the visitor is known, else by the last. Two ASOF joins:
// a range dictionary would need a copy of the sightings and its reload, and knows only the range that a time lies in, not the next.
func knownSessions() View {
	return selecting(View{
		Name: "known_sessions",
		Comment: "Sessions with the person behind them: who logged in, else who did next on that device, else who did last. Join with sessions by id " +
			"for the rest. Example: SELECT known, count() FROM known_sessions WHERE start >= '2026-03-01' GROUP BY known.",
	}, `FROM sessions AS s
ASOF LEFT JOIN (SELECT visitor, `+"`from`"+`, customer FROM sightings) AS n ON s.visitor = n.visitor AND s.start <= n.from
ASOF LEFT JOIN (SELECT visitor, `+"`to`"+`, customer FROM sightings) AS l ON s.visitor = l.visitor AND s.start >= l.to`,
		part{"id", "UInt64", "s.id", "Id of the session."},
		part{"visitor", text, "s.visitor", "Device or browser id."},
		part{"start", moment, "s.start", "Start of the session, UTC."},
		part{"customer", text, "multiIf(s.customer != '', s.customer, n.customer != '', n.customer, l.customer)",
			"Known person's id; empty: nobody was ever known on that device."},
		part{"known", text, "multiIf(s.customer != '', 'seen', n.customer != '', 'later', l.customer != '', 'earlier', 'no')",
			"How it is known: seen (in the session), later, earlier, or no."},
	)
}
