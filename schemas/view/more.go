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
// parameters, because no condition on the clicks' time would keep the join from reading all sessions there ever were.
func sessionClicks() View {
	return View{
		Name: "session_clicks",
		Comment: "Clicks that count, each with its session: the columns of events, then session and session_start (NULL if it belongs to none). " +
			"Example: SELECT session, count() FROM session_clicks(since = '2026-03-14', until = '2026-03-15') GROUP BY session.",
		Parameters: true,
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
