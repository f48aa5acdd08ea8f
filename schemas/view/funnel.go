package view

import (
	"fmt"
	"strings"

	"github.com/afterclick/afterclick/schemas/table"
)

// quiet is for how long nothing came from a session that is over, as far as a view knows: the usual gap.
const quiet = "toIntervalMinute(30)"

// dropOff says where sessions ended.
func dropOff() View {
	return View{
		Name: "drop_off",
		Comment: "Where sessions ended that are over (quiet for more than 30 minutes): how many by day, deepest stage, last page and last step of the checkout. " +
			"Those that ordered have stage order; all others dropped off. Sessions of bots are left out.",
		Columns: []Column{
			{"day", "Date", "Day of the start of the session, UTC; filter by it."},
			{"stage", "LowCardinality(String)", "Deepest stage: visit, view, research, cart, checkout, order."},
			{"exit", "String", "Path of the last page."},
			{"checkout_step", "LowCardinality(String)", "Last step named while in the checkout; empty: none."},
			{"device", "LowCardinality(String)", "Kind of device: desktop, mobile, tablet."},
			{"browser", "LowCardinality(String)", "Browser."},
			{"channel", "LowCardinality(String)", "Marketing channel that brought the visitor."},
			{"country", "LowCardinality(String)", "Country, ISO 3166-1 alpha-2."},
			{"sessions", "UInt64", "Sessions."},
		},
		Query: `SELECT toDate(s.start) AS day, toString(s.stage) AS stage, s.exit AS exit, s.checkout_step AS checkout_step, s.device AS device,
    s.browser AS browser, s.channel AS channel, s.country AS country, count() AS sessions
FROM sessions AS s
WHERE NOT s.bot AND s.end < now64(3, 'UTC') - ` + quiet + `
GROUP BY ALL`,
	}
}

// paths says from which stage sessions went on to which.
func paths() View {
	var steps []string
	for i, column := range []string{"start", "view", "research", "cart", "checkout", "order"} {
		steps = append(steps, fmt.Sprintf("(s.%s, %s, %d)", column, table.Quote(table.StageNames[i+1]), i+1))
	}
	return View{
		Name: "paths",
		Comment: "From which stage sessions that are over went on to which, in the order in which they first came to each; the last one is followed by left. " +
			"Level counts the steps of a session from 1, so that the rows of one level are the flows between two columns of a picture. " +
			"Those that ordered end with left from order. Sessions of bots are left out.",
		Columns: []Column{
			{"day", "Date", "Day of the start of the session, UTC; filter by it."},
			{"level", "UInt8", "Which step of the session it is: 1 is the first."},
			{"from_stage", "LowCardinality(String)", "Stage that it came from: visit, view, research, cart, checkout, order."},
			{"to_stage", "LowCardinality(String)", "Stage that it went on to, or left: no further."},
			{"device", "LowCardinality(String)", "Kind of device: desktop, mobile, tablet."},
			{"browser", "LowCardinality(String)", "Browser."},
			{"channel", "LowCardinality(String)", "Marketing channel that brought the visitor."},
			{"sessions", "UInt64", "Sessions that took this step."},
			{"seconds", "Float64", "Seconds from one stage to the other, summed over the sessions; divide by sessions. 0 for left."},
		},
		// Stages of one time are in the order of the stages. Every session begins with a visit.
		Query: `SELECT toDate(s.start) AS day, toUInt8(step.1) AS level, step.2 AS from_stage, step.3 AS to_stage, s.device AS device,
    s.browser AS browser, s.channel AS channel, count() AS sessions, sum(step.4) AS seconds
FROM (
    SELECT start, end, device, browser, channel, bot,
        arraySort(x -> (x.1, x.3), arrayFilter(x -> x.1 IS NOT NULL, [` + strings.Join(steps, ", ") + `])) AS way
    FROM sessions AS s
) AS s
ARRAY JOIN arrayMap(n -> (n, way[n].2, if(n = length(way), 'left', way[n + 1].2),
    if(n = length(way), 0, dateDiff('millisecond', assumeNotNull(way[n].1), assumeNotNull(way[n + 1].1)) / 1000)), arrayEnumerate(way)) AS step
WHERE NOT s.bot AND s.end < now64(3, 'UTC') - ` + quiet + `
GROUP BY ALL`,
	}
}
