package view

// ignoredDays is after how many days without an answer a complaint counts as ignored, and how long a promised contact may take that
// names no time.
const ignoredDays = "3"

// caseState says what became of the complaint t as far as it was known at a time. Opened again, it is open until it is resolved again;
// of several times only the last is known.
func caseState(at string) string {
	return "multiIf(" + closedAt(at) + ", 'resolved', t.reopened <= " + at + ", 'reopened', " +
		"t.contact_promised <= " + at + " AND ifNull(t.contacted > " + at + ", true), " +
		"if(ifNull(t.contact_due, t.contact_promised + toIntervalDay(" + ignoredDays + ")) < " + at + ", 'broken', 'promised'), " +
		"t.answered <= " + at + ", 'answered', t.complained < " + at + " - toIntervalDay(" + ignoredDays + "), 'ignored', 'open')"
}

func closedAt(at string) string {
	return "ifNull(t.resolved <= " + at + ", false) AND (ifNull(t.reopened > " + at + ", true) OR ifNull(t.resolved_again <= " + at + ", false))"
}

const (
	caseStates = "resolved, reopened (there was another complaint, and nothing came of it yet), answered, promised (contact, still in time), " +
		"broken (contact was promised, and did not come in time), ignored (no answer for more than " + ignoredDays + " days), or open"
	rightNow = "now64(3, 'UTC')"
)

// cases are complaints and what became of them.
func cases() View {
	return selecting(View{
		Name: "cases",
		Comment: "Complaints: opinions that were negative at some time and are not removed, and what became of them as it stands now: " + caseStates + ". " +
			"Example: SELECT carrier, count(), countIf(state = 'ignored') / count() AS ignored, quantile(0.5)(hours_to_answer) FROM cases WHERE month >= '2026-01-01' GROUP BY carrier.",
	}, "FROM reviews AS t\nWHERE t.complained IS NOT NULL AND t.removed IS NULL",
		part{"review", text, "t.review", "Id of the opinion."},
		part{"order", text, "t.order", "Order that it names; empty for most mentions."},
		part{"month", moment, "t.month", "First of the month of the opinion, UTC; filter by it."},
		part{"customer", text, "t.customer", "Known person's id."},
		part{"source", word, "t.source", "Where it was posted."},
		part{"carrier", word, "t.carrier", "Carrier of its order."},
		part{"warehouse", word, "t.warehouse", "Warehouse of its order."},
		part{"country", word, "t.country", "Country that its order was shipped to."},
		part{"region", word, "t.region", "Region that its order was shipped to."},
		part{"promise", text, "toString(t.promise)", "What became of the promise of arrival of its order: none, open, kept, broken."},
		part{"stars", number, "t.stars", "Rating of the latest version on a scale from 1 to 5; 0: none."},
		part{"opened", when, "t.complained", "First version that was negative."},
		part{"answered", when, "t.answered", "First answer; NULL: never."},
		part{"contact_promised", when, "t.contact_promised", "When contact was promised; NULL: never."},
		part{"contact_due", when, "t.contact_due", "Contact was promised until then; NULL: never, or no time was named."},
		part{"contacted", when, "t.contacted", "First answer or resolution after that promise; NULL: never."},
		part{"resolved", when, "t.resolved", "Resolved for the first time; NULL: never."},
		part{"resolution", word, "t.resolution", "How it was resolved: refund, replacement, answer."},
		part{"reopened", when, "t.reopened", "Complained again after that, the last time; NULL: never."},
		part{"resolved_again", when, "t.resolved_again", "Resolved after that; NULL: never."},
		part{"state", text, caseState(rightNow), "As it stands now: resolved, reopened, answered, promised, broken, ignored, open."},
		part{"contact", text, "multiIf(t.contact_promised IS NULL, 'none', t.contacted <= ifNull(t.contact_due, t.contact_promised + toIntervalDay(" + ignoredDays + ")), 'in time', " +
			"t.contacted IS NOT NULL, 'late', ifNull(t.contact_due, t.contact_promised + toIntervalDay(" + ignoredDays + ")) < " + rightNow + ", 'never', 'waiting')",
			"Whether the promised contact came: none (was promised), in time, late, never (and the time has passed), waiting."},
		part{"hours_to_answer", maybe, "24 * " + days("t.complained", "t.answered"), "Hours from the complaint to the first answer; NULL: never answered."},
		part{"hours_to_contact", maybe, "24 * " + days("t.contact_promised", "t.contacted"), "Hours from the promise of contact until it came; NULL: it never did."},
		part{"hours_to_resolve", maybe, "24 * " + days("t.complained", "t.resolved"), "Hours from the complaint to the first resolution; NULL: never resolved."},
		part{"age_days", maybe, days("t.complained", "if(state = 'resolved', ifNull(t.resolved_again, t.resolved), now64(3, 'UTC'))"),
			"Days since the complaint, until it was resolved (again) or until now."},
	)
}

// backlog is what was open at a moment.
func backlog() View {
	at := "toDateTime64({at:String}, 3, 'UTC')"
	return selecting(View{
		Name: "backlog",
		Comment: "Complaints that were open at a moment, as it stood then: backlog(at = '2026-03-01 09:00:00'), UTC. States: " + caseStates + ". " +
			"A removed opinion was open until it was removed. Of a case that was opened again more than once only the last time is known. " +
			"Example: SELECT age, state, count() FROM backlog(at = '2026-03-01') GROUP BY age, state ORDER BY age.",
		Parameters: true,
	}, "FROM reviews AS t\nWHERE t.complained <= "+at+" AND ifNull(t.removed > "+at+", true) AND NOT ("+closedAt(at)+")",
		part{"review", text, "t.review", "Id of the opinion."},
		part{"order", text, "t.order", "Order that it names; empty for most mentions."},
		part{"month", moment, "t.month", "First of the month of the opinion, UTC."},
		part{"customer", text, "t.customer", "Known person's id."},
		part{"source", word, "t.source", "Where it was posted."},
		part{"carrier", word, "t.carrier", "Carrier of its order."},
		part{"country", word, "t.country", "Country that its order was shipped to."},
		part{"region", word, "t.region", "Region that its order was shipped to."},
		part{"opened", when, "t.complained", "First version that was negative."},
		part{"state", text, caseState(at), "What had become of it: reopened, answered, promised, broken, ignored, open."},
		part{"age_days", number, "assumeNotNull(" + days("t.complained", at) + ")", "Days since the complaint."},
		part{"age", text, "multiIf(age_days < 1, '0 to 1 days', age_days < 3, '1 to 3 days', age_days < 7, '3 to 7 days', age_days < 30, '7 to 30 days', 'over 30 days')",
			"The same in classes: 0 to 1, 1 to 3, 3 to 7, 7 to 30, over 30 days."},
	)
}
