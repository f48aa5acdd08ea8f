// Package access says what people who look around may do: read the tables of one database, within limits. The embedded engine has no
// users and holds its reader to the same limits by itself (deploy/local).
package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/afterclick/afterclick/schemas/table"
)

// Reader names the role, the profile and the quota.
const Reader = "afterclick_reader"

// Limits are settings that bound one statement of a reader, so that nobody who looks around takes the pipeline's memory or time. A
// reader may ask for less, never for more.
var Limits = map[string]string{
	"max_execution_time":                 "60",          // seconds
	"max_memory_usage":                   "4000000000",  // bytes
	"max_rows_to_read":                   "20000000000", // rows
	"max_result_rows":                    "5000000",     // rows
	"max_result_bytes":                   "1000000000",  // bytes
	"max_bytes_before_external_group_by": "2000000000",  // bytes; beyond it the disk helps
	"max_bytes_before_external_sort":     "2000000000",
	"max_temporary_columns":              "1000",
}

// Concurrent is how many statements of readers run at once.
const Concurrent = 16

// Advice says what to do about a limit that a statement has hit, by ClickHouse's error code; empty for other errors.
func Advice(code int32) string {
	switch code {
	case 159: // TIMEOUT_EXCEEDED
		return "ask for a shorter period: filter by start, time or month, which the tables are sorted by"
	case 158, 307: // TOO_MANY_ROWS, TOO_MANY_BYTES
		return "it would read too much: filter by start, time or month, which the tables are sorted by"
	case 396: // TOO_MANY_ROWS_OR_BYTES
		return "the answer is too large: group it, or add LIMIT"
	case 241: // MEMORY_LIMIT_EXCEEDED
		return "it needs too much memory: group by fewer values, or ask for a shorter period"
	case 202: // TOO_MANY_SIMULTANEOUS_QUERIES
		return "others are asking too: try again in a moment"
	case 201: // QUOTA_EXCEEDED
		return "this hour's quota is used up"
	}
	return ""
}

// Statements create, on a real server, a role that may read the databases (the public one, and those of the tables' generations that its
// views read or will), with the limits as a profile and a quota by the hour. They
// may run again. Users are the operator's: CREATE USER … DEFAULT ROLE afterclick_reader.
func Statements(databases ...string) []string {
	// Not readonly = 1: clients such as Grafana's set harmless settings of their own. What counts is held by MIN and MAX.
	settings := []string{"readonly = 2 READONLY", fmt.Sprintf("max_concurrent_queries_for_user = %d READONLY", Concurrent)}
	for _, name := range slices.Sorted(maps.Keys(Limits)) {
		settings = append(settings, fmt.Sprintf("%s = %s MIN 1 MAX %s", name, Limits[name], Limits[name]))
	}
	all := []string{
		fmt.Sprintf("CREATE SETTINGS PROFILE OR REPLACE %s SETTINGS\n    %s", Reader, strings.Join(settings, ",\n    ")),
		fmt.Sprintf("CREATE ROLE IF NOT EXISTS %s", Reader),
		fmt.Sprintf("ALTER ROLE %s SETTINGS PROFILE '%s'", Reader, Reader),
		fmt.Sprintf("CREATE QUOTA OR REPLACE %s KEYED BY user_name FOR INTERVAL 1 hour MAX queries = 20000, execution_time = 7200 TO %s", Reader, Reader),
	}
	for _, d := range databases {
		all = append(all, fmt.Sprintf("GRANT SELECT, SHOW ON %s.* TO %s", "`"+strings.ReplaceAll(d, "`", "``")+"`", Reader))
	}
	return all
}

// Script is Statements for a person to read and to run.
func Script(databases ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- Lets people read database %s, and nothing else. Run it as a user who may grant; it can be run again.\n\n", table.Quote(databases[0]))
	for _, s := range Statements(databases...) {
		b.WriteString(s + ";\n\n")
	}
	fmt.Fprintf(&b, "-- Then, for each person or tool:\n-- CREATE USER analyst IDENTIFIED WITH sha256_password BY '…' DEFAULT ROLE %s;\n", Reader)
	return b.String()
}
