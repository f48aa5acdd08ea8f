package decode

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/schemas/event"
)

// snowplowColumns are the columns of an enriched event in the order of the tab-separated form, which are also the names of the JSON form:
// https://docs.snowplow.io/docs/fundamentals/canonical-event/understanding-the-enriched-tsv-format/
var snowplowColumns = strings.Fields(`
app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id name_tracker v_tracker v_collector v_etl
user_id user_ipaddress user_fingerprint domain_userid domain_sessionidx network_userid
geo_country geo_region geo_city geo_zipcode geo_latitude geo_longitude geo_region_name ip_isp ip_organization ip_domain ip_netspeed
page_url page_title page_referrer page_urlscheme page_urlhost page_urlport page_urlpath page_urlquery page_urlfragment
refr_urlscheme refr_urlhost refr_urlport refr_urlpath refr_urlquery refr_urlfragment refr_medium refr_source refr_term
mkt_medium mkt_source mkt_term mkt_content mkt_campaign contexts se_category se_action se_label se_property se_value unstruct_event
tr_orderid tr_affiliation tr_total tr_tax tr_shipping tr_city tr_state tr_country ti_orderid ti_sku ti_name ti_category ti_price ti_quantity
pp_xoffset_min pp_xoffset_max pp_yoffset_min pp_yoffset_max useragent br_name br_family br_version br_type br_renderengine br_lang
br_features_pdf br_features_flash br_features_java br_features_director br_features_quicktime br_features_realplayer
br_features_windowsmedia br_features_gears br_features_silverlight br_cookies br_colordepth br_viewwidth br_viewheight
os_name os_family os_manufacturer os_timezone dvce_type dvce_ismobile dvce_screenwidth dvce_screenheight doc_charset doc_width doc_height
tr_currency tr_total_base tr_tax_base tr_shipping_base ti_currency ti_price_base base_currency geo_timezone mkt_clickid mkt_network etl_tags
dvce_sent_tstamp refr_domain_userid refr_dvce_tstamp derived_contexts domain_sessionid derived_tstamp
event_vendor event_name event_format event_version event_fingerprint true_tstamp`)

// snowplowWidth is how many columns there are.
const snowplowWidth = 131

// snowplowColumn is the number of a column.
type snowplowColumn int

func column(name string) snowplowColumn {
	i := slices.Index(snowplowColumns, name)
	if i < 0 {
		panic("decode: Snowplow has no column " + name)
	}
	return snowplowColumn(i)
}

// Columns that are read.
var (
	spApp             = column("app_id")
	spPlatform        = column("platform")
	spCollected       = column("collector_tstamp")
	spCreated         = column("dvce_created_tstamp")
	spSent            = column("dvce_sent_tstamp")
	spDerived         = column("derived_tstamp")
	spTrue            = column("true_tstamp")
	spEvent           = column("event")
	spEventID         = column("event_id")
	spEventVendor     = column("event_vendor")
	spEventName       = column("event_name")
	spEventVersion    = column("event_version")
	spUser            = column("user_id")
	spDomainUser      = column("domain_userid")
	spNetworkUser     = column("network_userid")
	spDomainSession   = column("domain_sessionid")
	spCountry         = column("geo_country")
	spURL             = column("page_url")
	spReferrer        = column("page_referrer")
	spAgent           = column("useragent")
	spContexts        = column("contexts")
	spDerivedContexts = column("derived_contexts")
	spUnstruct        = column("unstruct_event")
	spTrOrder         = column("tr_orderid")
	spTrTotal         = column("tr_total")
	spTrCurrency      = column("tr_currency")
	spTiOrder         = column("ti_orderid")
	spTiSKU           = column("ti_sku")
	spTiPrice         = column("ti_price")
	spTiQuantity      = column("ti_quantity")
	spTiCurrency      = column("ti_currency")
)

// snowplowKept are the columns without a field of their own that go into the properties, under Snowplow's names. What is left out says
// again what other columns say (parts of URLs, what the user agent tells), is about the pipeline, or is personal and of no use (the IP address).
var snowplowKept = columnsOf(`platform name_tracker domain_sessionidx page_title geo_region geo_region_name geo_city geo_timezone
refr_medium refr_source refr_term mkt_medium mkt_source mkt_term mkt_content mkt_campaign mkt_clickid mkt_network
se_category se_action se_label se_property se_value tr_affiliation tr_tax tr_shipping tr_city tr_state tr_country ti_name ti_category ti_quantity
pp_xoffset_min pp_xoffset_max pp_yoffset_min pp_yoffset_max br_lang br_viewwidth br_viewheight doc_width doc_height`)

func columnsOf(names string) []snowplowColumn {
	var all []snowplowColumn
	for _, n := range strings.Fields(names) {
		all = append(all, column(n))
	}
	return all
}

// snowplowNumbers are the columns whose values are numbers; all others that are read are text.
var snowplowNumbers = func() (is [snowplowWidth]bool) {
	for _, c := range columnsOf(`domain_sessionidx se_value tr_total tr_tax tr_shipping ti_price ti_quantity
		pp_xoffset_min pp_xoffset_max pp_yoffset_min pp_yoffset_max br_viewwidth br_viewheight doc_width doc_height`) {
		is[c] = true
	}
	return is
}()

// snowplowByName finds the columns that are read in the JSON form.
var snowplowByName = func() map[string]snowplowColumn {
	m := map[string]snowplowColumn{}
	for _, c := range append(slices.Clone(snowplowKept), spApp, spCollected, spCreated, spSent, spDerived, spTrue, spEvent, spEventID, spEventVendor, spEventName,
		spEventVersion, spUser, spDomainUser, spNetworkUser, spDomainSession, spCountry, spURL, spReferrer, spAgent, spTrOrder, spTrTotal,
		spTrCurrency, spTiOrder, spTiSKU, spTiPrice, spTiCurrency) {
		m[snowplowColumns[c]] = c
	}
	return m
}()

// snowplowEntity is self-describing JSON: a piece of data and its schema.
type snowplowEntity struct {
	field string // the column or key that it stands in
	index int    // of the list there; -1: in none
	tsv   bool   // with its schema around it
	name  string // vendor/name, or both as the JSON form writes them: com_acme_name
	model string // the first number of the schema's version; empty: not told
	data  node
}

// path is where it stands in the record.
func (e *snowplowEntity) path() string {
	at := ""
	if e.index >= 0 {
		at = "[" + strconv.Itoa(e.index) + "]"
	}
	if e.tsv {
		at = ".data" + at
	}
	return e.field + at
}

// of is where a field of its data stands in the record.
func (e *snowplowEntity) of(key string) string {
	if e.tsv {
		key = "data." + key
	}
	return e.path() + "." + key
}

// snowplowRow is an enriched event, whichever form it came in. Its strings point into the record.
type snowplowRow struct {
	columns  [snowplowWidth]string // as text; empty: not set
	unstruct snowplowEntity        // without data: none
	contexts []snowplowEntity
	refused  *event.Refusal // the first thing that is wrong
}

func (row *snowplowRow) reset() {
	clear(row.contexts)
	*row = snowplowRow{contexts: row.contexts[:0]}
}

func (row *snowplowRow) refuse(reason, field, format string, args ...any) {
	if row.refused == nil {
		row.refused = refusalOf(field, reason, format, args...)
	}
}

func (row *snowplowRow) wrongType(field, want string, raw []byte) {
	if row.refused == nil {
		row.refused = wrongType(field, want, raw)
	}
}

// fromTSV reads the tab-separated form.
func (row *snowplowRow) fromTSV(value []byte) {
	if !utf8.Valid(value) {
		row.refuse(event.BadRecord, "", "not UTF-8 from byte %d on: an enriched event is tab-separated text or JSON", validPrefix(value))
		return
	}
	value = bytes.TrimSuffix(bytes.TrimSuffix(value, []byte{'\n'}), []byte{'\r'})
	if n := bytes.Count(value, []byte{'\t'}) + 1; n != snowplowWidth {
		row.refuse(event.BadRecord, "", "an enriched event has %d columns, separated by tabs, or is a JSON object; this has %d columns", snowplowWidth, n)
		return
	}
	rest := stringOf(value)
	for i := range row.columns {
		row.columns[i], rest, _ = strings.Cut(rest, "\t")
	}
	if data := row.envelope(spUnstruct, "com.snowplowanalytics.snowplow/unstruct_event"); data != nil {
		row.unstruct = row.described(spUnstruct, -1, data)
	}
	for _, c := range [...]snowplowColumn{spContexts, spDerivedContexts} {
		data := row.envelope(c, "com.snowplowanalytics.snowplow/contexts")
		if data != nil && !data.isList() {
			row.wrongType(snowplowColumns[c]+".data", "a list", data)
		}
		data.each(func(i int, one node) { row.contexts = append(row.contexts, row.described(c, i, one)) })
	}
}

// envelope reads a column of self-describing JSON that holds other such JSON, and returns what it holds.
func (row *snowplowRow) envelope(c snowplowColumn, want string) node {
	field, raw := snowplowColumns[c], bytesOf(row.columns[c])
	if len(raw) == 0 || row.refused != nil {
		return nil
	}
	n, wrong := parse(raw)
	if wrong != nil {
		wrong.Field, wrong.Detail = field, strings.TrimPrefix(wrong.Detail, "the record ")
		row.refused = wrong
		return nil
	}
	schema, data := addressed(n)
	name, model, ok := iglu(schema)
	switch {
	case !ok || name != want:
		row.refuse(event.BadValue, field+".schema", "must be of iglu:%s, came as %.100q", want, schema)
	case model != "1":
		row.refuse(event.UnknownVersion, field+".schema", unknownModel, name, model)
	case data.absent():
		row.refuse(event.MissingField, field+".data", "is required with a schema")
	default:
		return data
	}
	return nil
}

// described reads self-describing JSON: the address of a schema, and data. It is what a column holds, or its element i.
func (row *snowplowRow) described(c snowplowColumn, i int, n node) snowplowEntity {
	schema, data := addressed(n)
	e := snowplowEntity{field: snowplowColumns[c], index: i, tsv: true, data: data}
	var ok bool
	if e.name, e.model, ok = iglu(schema); !ok {
		row.refuse(event.BadValue, e.path()+".schema", "must be the address of a schema, like iglu:com.acme/basket/jsonschema/1-0-0, came as %.64q", schema)
	} else if !e.data.isObject() && !e.data.isList() {
		row.wrongType(e.path()+".data", "an object", e.data)
	}
	return e
}

func addressed(n node) (schema string, data node) {
	n.members(func(key string, value node) {
		switch key {
		case "schema":
			schema, _ = value.text()
		case "data":
			data = value
		}
	})
	return schema, data
}

// iglu takes a schema's address apart: iglu:vendor/name/format/model-revision-addition.
func iglu(uri string) (name, model string, ok bool) {
	rest, ok := strings.CutPrefix(uri, "iglu:")
	vendor := strings.IndexByte(rest, '/')
	format := strings.LastIndexByte(rest, '/')
	if !ok || vendor <= 0 || format == len(rest)-1 {
		return "", "", false
	}
	end := strings.LastIndexByte(rest[:format], '/') // of the name
	model, _, ok = strings.Cut(rest[format+1:], "-")
	if !ok || !isDigits(model) || end <= vendor+1 || end == format-1 || strings.IndexByte(rest[vendor+1:end], '/') >= 0 {
		return "", "", false
	}
	return rest[:end], model, true
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// unknownModel is what is wrong with an entity of another model. Within a model, Snowplow's rules of versions allow nothing that would change
// the meaning of what is read.
const unknownModel = "schema %.100s is known in its model 1 only (1-0-0, 1-0-1, ...), and came in model %.20q"

// known refuses an entity of a schema that is interpreted in another model.
func (row *snowplowRow) known(e *snowplowEntity) {
	if e.model != "1" {
		row.refuse(event.UnknownVersion, e.path(), unknownModel, e.name, e.model)
	}
}

// fromJSON reads the form that Snowplow's analytics SDKs make.
func (row *snowplowRow) fromJSON(value []byte) {
	object, wrong := parse(value)
	if wrong != nil {
		row.refused = wrong
		return
	}
	schema := ""
	object.members(func(key string, value node) {
		if value.absent() {
			return
		}
		if c, ok := snowplowByName[key]; ok {
			row.set(c, value)
			return
		}
		switch {
		case key == "schema":
			schema, _ = value.text()
		case key == "contexts" || key == "derived_contexts" || key == "unstruct_event":
			row.refuse(event.BadRecord, key, "each entity has a key of its own in the JSON form, like contexts_com_acme_user_1, as Snowplow's analytics SDKs write it")
		case strings.HasPrefix(key, "contexts_"):
			e := entityOf(key, key[len("contexts_"):])
			if !value.isList() {
				row.wrongType(key, "a list", value)
			}
			value.each(func(i int, one node) {
				e.index, e.data = i, one
				row.contexts = append(row.contexts, e)
			})
		case strings.HasPrefix(key, "unstruct_event_"):
			row.unstruct = entityOf(key, key[len("unstruct_event_"):])
			if row.unstruct.data = value; !value.isObject() {
				row.wrongType(key, "an object", value)
			}
		}
	})
	if row.columns[spEventID] == "" && schema != "" {
		row.refused = refusalOf("schema", event.BadRecord, "not an enriched event, but %.100s: the topic must be that of the good, enriched events", schema)
	}
}

// entityOf splits com_acme_user_1 into name and model.
func entityOf(field, key string) snowplowEntity {
	e := snowplowEntity{field: field, index: -1, name: key}
	if i := strings.LastIndexByte(key, '_'); i > 0 && isDigits(key[i+1:]) {
		e.name, e.model = key[:i], key[i+1:]
	}
	return e
}

// set takes the value of a column in JSON.
func (row *snowplowRow) set(c snowplowColumn, value node) {
	isNumber := value[0] == '-' || '0' <= value[0] && value[0] <= '9'
	switch {
	case value.isString(), isNumber && snowplowNumbers[c]:
		row.columns[c], _ = value.text()
	case snowplowNumbers[c]:
		row.wrongType(snowplowColumns[c], "a number", value)
	default:
		row.wrongType(snowplowColumns[c], "a string", value)
	}
}

// number reads a column of numbers; 0 if it is not set.
func (row *snowplowRow) number(c snowplowColumn) float64 {
	s := row.columns[c]
	if s == "" {
		return 0
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		row.wrongType(snowplowColumns[c], "a number", []byte(s))
	}
	return v
}

// time reads a column of time; 0 if it is not set. The tab-separated form writes 2026-01-31 17:05:00.123, in UTC; the other is RFC 3339.
func (row *snowplowRow) time(c snowplowColumn) event.Time {
	s := row.columns[c]
	if s == "" {
		return 0
	}
	var buf [40]byte
	b := append(buf[:0], '"')
	if len(s) <= len("2026-01-31T17:05:00.123456789+00:00") {
		b = append(b, s...)
	}
	if len(b) > 11 && b[11] == ' ' {
		b[11] = 'T'
		b = append(b, 'Z')
	}
	var t event.Time
	if len(b) < 2 || t.UnmarshalJSON(append(b, '"')) != nil {
		row.wrongType(snowplowColumns[c], "a time in UTC, like 2026-01-31 17:05:00.123", []byte(s))
	}
	return t
}

// text reads a field of an entity; nothing if it is not there.
func (row *snowplowRow) text(e *snowplowEntity, key string) string {
	n := e.data.get(key)
	s, ok := n.text()
	if !ok {
		row.wrongType(e.of(key), "a string", n)
	}
	return s
}

// amount reads a number in an entity, or a string that holds one; 0 if it is not there.
func (row *snowplowRow) amount(e *snowplowEntity, key string) float64 {
	n := e.data.get(key)
	v, ok := n.number()
	if !ok {
		row.wrongType(e.of(key), "a number", n)
	}
	return v
}

// appendColumn appends a column as JSON.
func (row *snowplowRow) appendColumn(b []byte, c snowplowColumn) []byte {
	s := row.columns[c]
	if snowplowNumbers[c] && (s[0] == '-' || s[0] <= '9') && json.Valid(bytesOf(s)) {
		return append(b, s...)
	}
	return json.AppendEscape(b, s, 0)
}

// bytesOf is s without a copy; the result must not be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// SnowplowColumns are the columns of an enriched event, in the order of the tab-separated form.
func SnowplowColumns() []string { return slices.Clone(snowplowColumns) }
