package view

import (
	"strings"

	"github.com/afterclick/afterclick/schemas/table"
)

// with adds columns to a view that reads its table directly.
func with(v View, columns []Column, exprs ...string) View {
	v.Columns = append(v.Columns, columns...)
	v.Query = strings.Replace(v.Query, "\nFROM ", ",\n    "+strings.Join(exprs, ",\n    ")+"\nFROM ", 1)
	return v
}

// events has the free properties, too.
func events() View {
	return with(latest(&table.Events.Schema), []Column{
		{"properties", "String", "The free properties of the event, as JSON. Example: SELECT JSONExtractString(properties, 'color') FROM events WHERE JSONHas(properties, 'color')."},
	}, "JSONExtractRaw(body, 'properties') AS properties")
}

// sessionClicks finds a click's session: the last one of the visitor that began before, if it lasted that long. It takes the period as
// parameters, because no condition on the clicks' time would keep the join from reading all sessions there ever were. ClickHouse keeps
// no comments for the columns of such a view.
func sessionClicks() View {
	return View{
		Name: "session_clicks",
		Comment: "Clicks that count, each with its session: the columns of events, then session and session_start (NULL if it belongs to none). " +
			"Example: SELECT session, count() FROM session_clicks(since = '2026-03-14', until = '2026-03-15') GROUP BY session.",
		Query: `SELECT e.*, if(s.visitor != '' AND e.time <= s.end, s.id, NULL) AS session,
    if(s.visitor != '' AND e.time <= s.end, s.start, NULL) AS session_start
FROM (
    SELECT * FROM events WHERE kind = 'clickstream' AND status = 'accepted'
        AND time >= toDateTime64({since:String}, 3, 'UTC') AND time < toDateTime64({until:String}, 3, 'UTC')
) AS e
ASOF LEFT JOIN (
    SELECT visitor, start, end, id FROM sessions -- a session is at most 24 hours long
    WHERE start >= toDateTime64({since:String}, 3, 'UTC') - toIntervalDay(1) AND start < toDateTime64({until:String}, 3, 'UTC')
) AS s ON e.visitor = s.visitor AND e.time >= s.start`,
	}
}

// knownSessions stitches anonymous sessions to people: by the next time that the visitor is known, else by the last.
func knownSessions() View {
	return View{
		Name: "known_sessions",
		Comment: "Sessions with the person behind them: who logged in, else who did next on that device, else who did last. " +
			"Join with sessions by id for the rest.",
		Columns: []Column{
			{"id", "UInt64", "Id of the session."},
			{"visitor", "String", "Device or browser id."},
			{"start", "DateTime64(3, 'UTC')", "Start of the session, UTC."},
			{"customer", "String", "Known person's id; empty: nobody ever logged in on that device."},
			{"known", "String", "How it is known: seen (in the session), later, earlier, or no."},
		},
		Query: `SELECT s.id AS id, s.visitor AS visitor, s.start AS start,
    multiIf(s.customer != '', s.customer, n.customer != '', n.customer, l.customer) AS customer,
    multiIf(s.customer != '', 'seen', n.customer != '', 'later', l.customer != '', 'earlier', 'no') AS known
FROM sessions AS s
ASOF LEFT JOIN (SELECT visitor, ` + "`from`, customer" + ` FROM identities) AS n ON s.visitor = n.visitor AND s.start <= n.from
ASOF LEFT JOIN (SELECT visitor, ` + "`to`, customer" + ` FROM identities) AS l ON s.visitor = l.visitor AND s.start >= l.to`,
	}
}

// promises decides what depends on the present.
func promises() View {
	return View{
		Name:    "promises",
		Comment: "Promised arrivals as they stand now: kept, broken, open, overdue (not delivered, and the promise has passed), cancelled.",
		Columns: []Column{
			{"order", "String", "Order id."},
			{"month", "DateTime64(3, 'UTC')", "First of the month of the order, UTC; filter by it."},
			{"placed", "Nullable(DateTime64(3, 'UTC'))", "Order placed."},
			{"customer", "String", "Known person's id."},
			{"carrier", "LowCardinality(String)", "Carrier."},
			{"warehouse", "LowCardinality(String)", "Warehouse."},
			{"country", "LowCardinality(String)", "Country shipped to."},
			{"region", "LowCardinality(String)", "Region shipped to."},
			{"promised", "DateTime64(3, 'UTC')", "Arrive by, as first promised."},
			{"estimated", "Nullable(DateTime64(3, 'UTC'))", "Arrive by, as promised or estimated last."},
			{"delivered", "Nullable(DateTime64(3, 'UTC'))", "Parcel delivered."},
			{"state", "String", "kept, broken, open, overdue, cancelled."},
			{"days_late", "Float64", "Days after the promise, until the delivery or until now; 0: not late."},
		},
		Query: `SELECT t.order AS order, t.month AS month, t.placed AS placed, t.customer AS customer, t.carrier AS carrier,
    t.warehouse AS warehouse, t.country AS country, t.region AS region, assumeNotNull(t.promise_first) AS promised,
    t.promise_last AS estimated, t.delivered AS delivered,
    multiIf(t.delivered <= t.promise_first, 'kept', t.delivered > t.promise_first, 'broken', t.cancelled IS NOT NULL, 'cancelled',
        now64(3, 'UTC') > t.promise_first, 'overdue', 'open') AS state,
    if(state IN ('broken', 'overdue'), dateDiff('millisecond', assumeNotNull(t.promise_first), ifNull(t.delivered, now64(3, 'UTC'))) / 86400000, 0) AS days_late
FROM journeys AS t
WHERE t.promise_first IS NOT NULL`,
	}
}

// cases are negative opinions and what became of them.
func cases() View {
	return View{
		Name: "cases",
		Comment: "Negative opinions that are not removed, and what became of them as it stands now: resolved, answered, promised (contact, still " +
			"in time), broken (contact promised, and the time has passed), ignored (for more than 3 days), or open.",
		Columns: []Column{
			{"review", "String", "Id of the opinion."},
			{"order", "String", "Order that it names; empty for most mentions."},
			{"month", "DateTime64(3, 'UTC')", "First of the month of the opinion, UTC; filter by it."},
			{"customer", "String", "Known person's id."},
			{"source", "LowCardinality(String)", "Where it was posted."},
			{"stars", "Float64", "Rating on a scale from 1 to 5; 0: none."},
			{"opened", "Nullable(DateTime64(3, 'UTC'))", "Posted."},
			{"answered", "Nullable(DateTime64(3, 'UTC'))", "First answer; NULL: never."},
			{"contact_due", "Nullable(DateTime64(3, 'UTC'))", "Contact was promised until then; NULL: never."},
			{"resolved", "Nullable(DateTime64(3, 'UTC'))", "Resolved; NULL: never."},
			{"resolution", "LowCardinality(String)", "How it was resolved: refund, replacement, answer."},
			{"state", "String", "resolved, answered, promised, broken, ignored, open."},
			{"age_days", "Nullable(Float64)", "Days since it was posted, until it was resolved or until now."},
		},
		Query: `SELECT t.review AS review, t.order AS order, t.month AS month, t.customer AS customer, t.source AS source, t.stars AS stars,
    t.posted AS opened, t.answered AS answered, t.contact_due AS contact_due, t.resolved AS resolved, t.resolution AS resolution,
    multiIf(t.resolved IS NOT NULL, 'resolved', t.contact_due < now64(3, 'UTC'), 'broken', t.contact_promised IS NOT NULL, 'promised',
        t.answered IS NOT NULL, 'answered', t.posted < now64(3, 'UTC') - toIntervalDay(3), 'ignored', 'open') AS state,
    dateDiff('millisecond', t.posted, ifNull(t.resolved, now64(3, 'UTC'))) / 86400000 AS age_days
FROM reviews AS t
WHERE t.sentiment = 'negative' AND t.removed IS NULL`,
	}
}
