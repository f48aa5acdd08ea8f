package pipeline_test

import (
	"cmp"
	stdcsv "encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/feedtest"
	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/schemas/event"
)

// snowplowRow is a row of the file of events, a table as a warehouse has it.
type snowplowRow map[string]string

// snowplowEvents reads the file of events in the order in which the collector had them.
func snowplowEvents(t *testing.T) []snowplowRow {
	t.Helper()
	f, err := os.Open(feedtest.Data(t, "snowplow-web", "snowplow_web_events.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := stdcsv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []snowplowRow
	for _, l := range lines[1:] {
		r := snowplowRow{}
		for i, name := range lines[0] {
			r[name] = l[i]
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b snowplowRow) int { return cmp.Compare(a["collector_tstamp"], b["collector_tstamp"]) })
	return rows
}

// entities are the columns that hold JSON, with the schemas that they were made from.
var entities = []struct{ column, schema string }{
	{"contexts_com_snowplowanalytics_snowplow_web_page_1_0_0", "iglu:com.snowplowanalytics.snowplow/web_page/jsonschema/1-0-0"},
	{"contexts_com_iab_snowplow_spiders_and_robots_1_0_0", "iglu:com.iab.snowplow/spiders_and_robots/jsonschema/1-0-0"},
	{"contexts_com_snowplowanalytics_snowplow_ua_parser_context_1_0_0", "iglu:com.snowplowanalytics.snowplow/ua_parser_context/jsonschema/1-0-0"},
	{"contexts_nl_basjes_yauaa_context_1_0_0", "iglu:nl.basjes/yauaa_context/jsonschema/1-0-0"},
	{"unstruct_event_com_snowplowanalytics_snowplow_consent_preferences_1_0_0", "iglu:com.snowplowanalytics.snowplow/consent_preferences/jsonschema/1-0-0"},
	{"unstruct_event_com_snowplowanalytics_snowplow_cmp_visible_1_0_0", "iglu:com.snowplowanalytics.snowplow/cmp_visible/jsonschema/1-0-0"},
}

type selfDescribing struct {
	Schema string `json:"schema"`
	Data   any    `json:"data"`
}

// described are the entities of a row whose columns begin with prefix.
func (r snowplowRow) described(t *testing.T, prefix string) (all []selfDescribing) {
	t.Helper()
	for _, e := range entities {
		if !strings.HasPrefix(e.column, prefix) || r[e.column] == "" {
			continue
		}
		var data any
		if err := json.Unmarshal([]byte(r[e.column]), &data); err != nil {
			t.Fatal(e.column, err)
		}
		for list, ok := data.([]any); ok; list, ok = data.([]any) { // some are lists in lists, each of one
			data = list[0]
		}
		all = append(all, selfDescribing{e.schema, data})
	}
	return all
}

// tsv is the row as Snowplow's enrichment wrote it: this file's columns have the order of that form, but for the JSON.
func (r snowplowRow) tsv(t *testing.T, columns []string) []byte {
	t.Helper()
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = strings.ReplaceAll(r[c], "\t", "    ")
		switch c {
		case "contexts":
			values[i] = text(selfDescribing{"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0", r.described(t, "contexts_")})
		case "unstruct_event":
			if u := r.described(t, "unstruct_event_"); len(u) > 0 {
				values[i] = text(selfDescribing{"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0", u[0]})
			}
		}
	}
	return []byte(strings.Join(values, "\t"))
}

// json is the row as Snowplow's analytics SDKs write it.
func (r snowplowRow) json(t *testing.T, columns []string) []byte {
	t.Helper()
	object := map[string]any{}
	for _, c := range columns {
		switch v := r[c]; {
		case v == "":
			object[c] = nil
		case strings.HasSuffix(c, "_tstamp"):
			object[c] = strings.Replace(v, " ", "T", 1) + "Z"
		default:
			object[c] = v
		}
	}
	for _, e := range entities {
		key := strings.TrimSuffix(e.column, "_0_0")
		for _, d := range r.described(t, e.column) {
			object[key] = []any{d.Data}
			if strings.HasPrefix(key, "unstruct_event") {
				object[key] = d.Data
			}
		}
	}
	delete(object, "contexts")
	delete(object, "unstruct_event")
	delete(object, "derived_contexts")
	b, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// snowplowExpected reads what Snowplow's own models derive from the events, by key, and of it what we have, too.
func snowplowExpected(t *testing.T, name string, key func(snowplowRow) string, columns ...string) map[string]snowplowRow {
	t.Helper()
	f, err := os.Open(feedtest.Data(t, "snowplow-web", "snowplow_web_"+name+"_expected.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := stdcsv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]snowplowRow{}
	for _, l := range lines[1:] {
		all := snowplowRow{}
		for i, name := range lines[0] {
			all[name] = l[i]
		}
		r := snowplowRow{}
		for _, c := range columns {
			v, ok := all[c]
			if !ok {
				t.Fatalf("%s has no column %s", name, c)
			}
			r[c] = v
		}
		rows[key(all)] = r
	}
	return rows
}

// rows asks for rows by their first column, the key. Columns are named as Snowplow names them.
func (s *site) rows(t *testing.T, query string) map[string]snowplowRow {
	t.Helper()
	found, err := s.conn.Query(t.Context(), "SELECT * APPLY(toString) FROM ("+query+")")
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer found.Close()
	rows := map[string]snowplowRow{}
	for found.Next() {
		values := make([]string, len(found.Columns()))
		to := make([]any, len(values))
		for i := range values {
			to[i] = &values[i]
		}
		if err := found.Scan(to...); err != nil {
			t.Fatal(err)
		}
		r := snowplowRow{}
		for i, name := range found.Columns()[1:] {
			name = strings.TrimSuffix(strings.TrimPrefix(name, "toString("), ")")
			r[name] = values[i+1]
		}
		if rows[values[0]] != nil {
			t.Fatalf("%s is there twice", values[0])
		}
		rows[values[0]] = r
	}
	if err := found.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return rows
}

// differences are lines that say where two tables differ: rows that only one has (ours with a remark), and values.
func differences(table string, theirs, ours map[string]snowplowRow) (lines []string) {
	keys := map[string][]string{}
	say := func(key, format string, args ...any) {
		what := table + " " + fmt.Sprintf(format, args...)
		keys[what] = append(keys[what], key)
	}
	for key, their := range theirs {
		our := ours[key]
		if our == nil {
			say(key, "only theirs")
			continue
		}
		for c, v := range their {
			if w, ok := our[c]; !ok || v != w {
				say(key, "%s: %s → %s", c, v, w)
			}
		}
	}
	for key := range ours {
		if theirs[key] == nil {
			say(key, "only ours%s", ours[key]["remark"])
		}
	}
	for what, of := range keys {
		slices.Sort(of)
		rows := strings.Join(of, ", ")
		if len(of) > 10 {
			rows = fmt.Sprint(len(of), " rows")
		}
		lines = append(lines, "- "+what+" ("+rows+")")
	}
	slices.Sort(lines)
	return lines
}

// short is enough of an id to know it by.
func short(id string) string {
	return id[:min(6, len(id))] + "…" + id[max(0, len(id)-2):]
}

const shortSQL = "concat(substring(%[1]s, 1, 6), '…', substring(%[1]s, -2))"

// Snowplow's events, in both of their forms, give the sessions, page views and users that Snowplow's own models make of them, but for what
// testdata/snowplow.md lists, with the reason of each.
func TestSnowplowConforms(t *testing.T) {
	rows := snowplowEvents(t)
	t.Parallel()
	columns := decode.SnowplowColumns()
	var records []feed.Record
	for i, r := range rows {
		at, err := time.Parse("2006-01-02 15:04:05.000", r["collector_tstamp"])
		if err != nil {
			t.Fatal(err)
		}
		value := r.tsv(t, columns)
		if i%2 == 1 {
			value = r.json(t, columns)
		}
		records = append(records, feed.Record{Topic: event.Clickstream, Key: []byte(cmp.Or(r["domain_userid"], r["network_userid"])),
			Time: event.TimeOf(at), Arrival: event.TimeOf(at), Value: value})
	}
	// As Snowplow's models are set: sessions are the tracker's and last 72 hours at most. Nothing is late: how far the clock is when a
	// record comes depends on how partitions are read, and two of the events are days older than their arrival.
	s := newSite(t, "sources=[{topic: clickstream, holds: [clickstream, orders], format: snowplow}]", "session.by=tracker", "session.max_length=72h", "horizon.session=9600h")
	s.send(t, records)
	s.finish(t, t.TempDir())
	if got := s.ask(t, "SELECT toString((count(), countIf(status = 'accepted'), countIf(status = 'duplicate'))) FROM events"); got != "(160,157,3)" {
		t.Errorf("events, accepted, duplicates: %s; the file has 160 with 157 ids", got)
	}

	const clicks = `session_clicks(since = '2020-01-01', until = '2022-01-01')`
	const pageView = `JSONExtractString(properties, 'contexts_com_snowplowanalytics_snowplow_web_page_1', 1, 'id')`
	// A page is engaged with for 5 seconds until its first ping, and for 10 more with each further one.
	const engaged = `toInt64(10 * (uniqExact(page_view, intDiv(toUnixTimestamp64Milli(time), 10000)) - uniqExact(page_view)) + 5 * uniqExact(page_view))`
	sessions := s.rows(t, `SELECT concat(`+fmt.Sprintf(shortSQL, "tracker_session")+`, if(nth > 1, concat('#', toString(nth)), '')) AS key,
		if(source = 'snowplow', '', source) AS app_id, toString(start) AS start_tstamp, toString(end) AS end_tstamp, customer AS user_id,
		visitor AS domain_userid, known AS stitched_user_id, page_views, ifNull(engaged_seconds, 0) AS engaged_time_in_s, events AS total_events,
		dateDiff('second', start, end) AS absolute_time_in_s, landing AS first_page_urlpath, exit AS last_page_urlpath, referrer AS refr_urlhost,
		campaign AS mkt_campaign, channel AS default_channel_group, country AS geo_country,
		multiIf(nth > 1, '', page_views = 0, ', without a page view', '') AS remark
	FROM (SELECT *, row_number() OVER (PARTITION BY tracker_session ORDER BY start) AS nth FROM sessions) AS s
		JOIN (SELECT id AS known_id, customer AS known FROM known_sessions) AS k ON k.known_id = s.id
		LEFT JOIN (SELECT assumeNotNull(session) AS pinged, `+engaged+` AS engaged_seconds FROM (SELECT *, `+pageView+` AS page_view FROM `+clicks+`) WHERE type = 'page_ping' GROUP BY session) AS p ON p.pinged = s.id`)
	expected := snowplowExpected(t, "sessions", func(r snowplowRow) string { return short(r["domain_sessionid"]) },
		"app_id", "start_tstamp", "end_tstamp", "user_id", "domain_userid", "stitched_user_id", "page_views", "engaged_time_in_s", "total_events",
		"absolute_time_in_s", "first_page_urlpath", "last_page_urlpath", "refr_urlhost", "mkt_campaign", "default_channel_group", "geo_country")
	lines := differences("sessions", expected, sessions)

	prop := func(name string) string { return "JSONExtractString(properties, '" + name + "') AS " + name }
	number := func(name string) string {
		return "if(JSONHas(properties, '" + name + "'), JSONExtractRaw(properties, '" + name + "'), '') AS " + name
	}
	entity := func(key, field, as string) string {
		return "JSONExtractString(properties, '" + key + "', 1, '" + field + "') AS " + as
	}
	var props []string
	texts := []string{"platform", "page_title", "mkt_medium", "mkt_source", "mkt_term", "mkt_content", "mkt_campaign", "mkt_clickid", "mkt_network",
		"refr_medium", "refr_source", "refr_term", "geo_region", "geo_region_name", "geo_city", "geo_timezone", "br_lang"}
	numbers := []string{"domain_sessionidx", "doc_width", "doc_height", "br_viewwidth", "br_viewheight"}
	for _, p := range texts {
		props = append(props, prop(p))
	}
	for _, p := range numbers {
		props = append(props, number(p))
	}
	const iab, ua, yauaa = "contexts_com_iab_snowplow_spiders_and_robots_1", "contexts_com_snowplowanalytics_snowplow_ua_parser_context_1", "contexts_nl_basjes_yauaa_context_1"
	props = append(props, entity(iab, "category", "category"), entity(iab, "reason", "reason"), entity(ua, "useragentFamily", "useragent_family"),
		entity(ua, "osVersion", "os_version"), entity(yauaa, "deviceClass", "device_class"), entity(yauaa, "agentName", "agent_name"))
	const offsets = `greatest(max(JSONExtractInt(properties, 'pp_xoffset_max')), 0) AS h, greatest(max(JSONExtractInt(properties, 'pp_yoffset_max')), 0) AS v`
	views := s.rows(t, `SELECT `+fmt.Sprintf(shortSQL, "page_view")+` AS key, p.id AS event_id, p.app_id AS app_id, p.customer AS user_id, p.visitor AS domain_userid, p.tracker AS domain_sessionid,
		row_number() OVER (PARTITION BY p.tracker ORDER BY p.time, p.id) AS page_view_in_session_index, count() OVER (PARTITION BY p.tracker) AS page_views_in_session,
		toString(p.time) AS derived_tstamp, derived_tstamp AS start_tstamp, toString(greatest(p.time, ifNull(e.last, p.time))) AS end_tstamp,
		ifNull(e.seconds, 0) AS engaged_time_in_s, dateDiff('second', p.time, greatest(p.time, ifNull(e.last, p.time))) AS absolute_time_in_s,
		ifNull(e.h, 0) AS horizontal_pixels_scrolled, ifNull(e.v, 0) AS vertical_pixels_scrolled,
		p.url AS page_url, protocol(url) AS page_urlscheme, extract(url, '^[a-z]+://([^/:?#]+)') AS page_urlhost, path(url) AS page_urlpath, queryString(url) AS page_urlquery, fragment(url) AS page_urlfragment,
		p.page_referrer AS page_referrer, p.geo_country AS geo_country, p.useragent AS useragent, p.* EXCEPT (id, time, customer, visitor, url, tracker, app_id, page_view, page_referrer, geo_country, useragent)
	FROM (SELECT `+pageView+` AS page_view, id, time, customer, visitor, url, if(source = 'snowplow', '', source) AS app_id,
			JSONExtractString(body, 'session') AS tracker, JSONExtractString(body, 'referrer') AS page_referrer, JSONExtractString(body, 'country') AS geo_country,
			JSONExtractString(body, 'user_agent') AS useragent, `+strings.Join(props, ", ")+`
		FROM `+clicks+` WHERE type = 'page' ORDER BY time, id LIMIT 1 BY page_view) AS p
	LEFT JOIN (SELECT `+pageView+` AS page_view, JSONExtractString(body, 'session') AS tracker, max(time) AS last, `+engaged+` AS seconds, `+offsets+`
		FROM `+clicks+` WHERE type = 'page_ping' GROUP BY page_view, tracker) AS e USING (page_view, tracker)
	SETTINGS join_use_nulls = 1`)
	pageColumns := slices.Concat(texts, numbers, []string{"event_id", "app_id", "user_id", "domain_userid", "domain_sessionid", "page_view_in_session_index",
		"page_views_in_session", "derived_tstamp", "start_tstamp", "end_tstamp", "engaged_time_in_s", "absolute_time_in_s", "horizontal_pixels_scrolled",
		"vertical_pixels_scrolled", "page_url", "page_urlscheme", "page_urlhost", "page_urlpath", "page_urlquery", "page_urlfragment", "page_referrer",
		"geo_country", "useragent", "category", "reason", "useragent_family", "os_version", "device_class", "agent_name"})
	lines = append(lines, differences("page views", snowplowExpected(t, "page_views", func(r snowplowRow) string { return short(r["page_view_id"]) }, pageColumns...), views)...)

	users := s.rows(t, `SELECT `+fmt.Sprintf(shortSQL, "visitor")+` AS key, toString(min(start)) AS start_tstamp, toString(max(end)) AS end_tstamp,
		sum(page_views) AS page_views, count() AS sessions, argMin(landing, start) AS first_page_urlpath, argMax(exit, start) AS last_page_urlpath,
		argMin(country, start) AS first_geo_country, argMax(country, start) AS last_geo_country, argMin(referrer, start) AS refr_urlhost,
		argMin(campaign, start) AS mkt_campaign, argMin(channel, start) AS default_channel_group, argMin(customer, start) AS user_id,
		if(page_views = 0, ', without a page view', '') AS remark
	FROM sessions GROUP BY visitor`)
	lines = append(lines, differences("users", snowplowExpected(t, "users", func(r snowplowRow) string { return short(r["domain_userid"]) },
		"start_tstamp", "end_tstamp", "page_views", "sessions", "first_page_urlpath", "last_page_urlpath", "first_geo_country", "last_geo_country", "refr_urlhost",
		"mkt_campaign", "default_channel_group", "user_id"), users)...)

	doc, err := os.ReadFile("testdata/snowplow.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, l := range strings.Split(string(doc), "\n") {
		if strings.HasPrefix(l, "- ") {
			known[l] = true
		}
	}
	for _, l := range lines {
		if !known[l] {
			t.Errorf("not among the known differences: %s", l)
		}
		delete(known, l)
	}
	for l := range known {
		t.Errorf("no difference any more: %s", l)
	}
}
