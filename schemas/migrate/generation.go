package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/afterclick/afterclick/schemas/table"
	"github.com/afterclick/afterclick/schemas/view"
)

// A generation is a set of tables that was made from the log in one go. The first is in the database of the configuration, each later one
// in a database of its own. People always read the views of the first database: they show the current generation.

// State is where a generation is on its way.
type State string

const (
	Building  State = "building"  // a rebuild fills its tables
	Switching State = "switching" // it has all that the current one has: whoever writes to that one must stop now
	Current   State = "current"   // the views read it, unless there is a later one that is current: then it is retired
	Abandoned State = "abandoned" // it never became current, and what there is of it can go
	Dropped   State = "dropped"   // its tables are gone
)

// Generation is what is known of a generation.
type Generation struct {
	Number   uint16
	State    State
	Settings string        // of the configuration that its tables depend on, a line each; empty: not known
	At       time.Time     // when that was noted last, by the server's clock
	Age      time.Duration // since then. Who is building or switching notes it every few seconds.
}

// Generations is the history of all generations, by number. It is never empty: where none were noted the first is current.
type Generations []Generation

// Current is the last that was finished.
func (g Generations) Current() Generation {
	for _, one := range slices.Backward(g) {
		if one.State == Current {
			return one
		}
	}
	return Generation{Number: 1, State: Current}
}

// Last is the one with the highest number, whatever became of it.
func (g Generations) Last() Generation { return g[len(g)-1] }

// Coming is the generation that is about to become current, and was noted within alive.
func (g Generations) Coming(alive time.Duration) (Generation, bool) {
	last := g.Last()
	return last, last.State == Switching && last.Age < alive
}

// DatabaseOf is the database with the tables of a generation. public is the one of the configuration.
func DatabaseOf(public string, generation uint16) string {
	if generation <= 1 {
		return public
	}
	return fmt.Sprintf("%s_g%d", public, generation)
}

// generations is in the public database only.
var generations = table.Schema{
	Name:     "generations",
	Internal: true,
	Comment: "Generations of the tables, each made from the log in one go by afterclick rebuild. The first is in this database, each later one in a " +
		"database of its own; the views here read the current one, which is the last that is noted as current. Bookkeeping of the pipeline.",
	Engine: "ReplacingMergeTree(at)",
	Order:  "number, state",
	Columns: []table.Field{
		{Name: "number", Type: "UInt16", Comment: "Number of the generation."},
		{Name: "state", Type: "LowCardinality(String)", Comment: "building, switching (it is about to be shown), current, abandoned, dropped (its tables are gone)."},
		{Name: "settings", Type: "String", Comment: "What its tables depend on in the configuration, a line each; empty: not known."},
	},
	Defaults: []table.Field{{Name: "at", Type: "DateTime64(6, 'UTC')", Default: "now64(6, 'UTC')",
		Comment: "When that was noted, by the server's clock; for one that is being built every few seconds."}},
}

// ReadGenerations reads what is noted in the connection's database, which must be the public one.
func ReadGenerations(ctx context.Context, conn clickhouse.Conn) (Generations, error) {
	all := Generations{{Number: 1, State: Current}} // nobody had to note it
	// Each state has a row, so that a note that comes late undoes nothing that is final.
	rows, err := conn.Query(ctx, `SELECT number, multiIf(has(states, 'dropped'), 'dropped', has(states, 'current'), 'current', has(states, 'abandoned'), 'abandoned', last) AS state,
    set, noted, dateDiff('millisecond', noted, now64(6, 'UTC'))
FROM (
    SELECT number, groupArray(state) AS states, argMax(state, at) AS last, argMax(settings, at) AS set, max(at) AS noted
    FROM generations GROUP BY number
) ORDER BY number`)
	const unknownTable = 60
	if said, ok := errors.AsType[*clickhouse.Exception](err); ok && said.Code == unknownTable {
		return all, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the generations of the tables: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var g Generation
		var age int64
		if err := rows.Scan(&g.Number, (*string)(&g.State), &g.Settings, &g.At, &age); err != nil {
			return nil, fmt.Errorf("read the generations of the tables: %w", err)
		}
		g.Age = time.Duration(age) * time.Millisecond
		if g.Number <= 1 {
			all[0] = g
		} else {
			all = append(all, g)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the generations of the tables: %w", err)
	}
	return all, nil
}

// NoteGeneration notes the state of a generation in the connection's database, which must be the public one. That a generation is noted as
// current is the switch to it: one row, so it has happened or not.
func NoteGeneration(ctx context.Context, conn clickhouse.Conn, g Generation) error {
	if err := again(ctx, func() error { return conn.Exec(ctx, generations.Create()) }); err != nil {
		return fmt.Errorf("create the table of generations: %w", err)
	}
	if err := conn.Exec(ctx, "INSERT INTO generations (number, state, settings) VALUES (?, ?, ?)", g.Number, string(g.State), g.Settings); err != nil {
		return fmt.Errorf("note generation %d as %s: %w", g.Number, g.State, err)
	}
	return nil
}

// UpGeneration migrates the tables of one generation. The options name the public database. The first one's are migrated by Up alone.
func UpGeneration(ctx context.Context, options clickhouse.Options, generation uint16) (Report, error) {
	options.Auth.Database = DatabaseOf(options.Auth.Database, generation)
	report, err := tables(ctx, options)
	if err != nil {
		return report, err
	}
	report.Views, err = show(ctx, options, "")
	return report, err
}

// Show makes the views of the public database, which the options name, read a generation. Each view changes at once.
func Show(ctx context.Context, options clickhouse.Options, generation uint16) (views int, err error) {
	public := options.Auth.Database
	if generation <= 1 {
		return show(ctx, options, "")
	}
	// ClickHouse resolves the names in a view's query when it is made, in the database of whoever makes it.
	options.Auth.Database = DatabaseOf(public, generation)
	return show(ctx, options, quoted(public)+".")
}

// Shown says whether all views of the connection's database, which is the public one, read a generation.
func Shown(ctx context.Context, conn clickhouse.Conn, public string, generation uint16) (bool, error) {
	var right uint64
	database := DatabaseOf(public, generation)
	err := conn.QueryRow(ctx, `SELECT count() FROM system.tables WHERE database = currentDatabase() AND engine = 'View' AND name IN (?)
    AND (position(as_select, ?) > 0 OR position(as_select, ?) > 0)`, names(), "FROM "+database+".", "FROM "+quoted(database)+".").Scan(&right)
	if err != nil {
		return false, fmt.Errorf("look what the views read: %w", err)
	}
	return int(right) == len(view.Views()), nil
}

func names() (all []string) {
	for _, v := range view.Views() {
		all = append(all, v.Name)
	}
	return all
}

// show writes the views. prefix begins their names.
func show(ctx context.Context, options clickhouse.Options, prefix string) (n int, err error) {
	conn, err := clickhouse.Open(&options)
	if err != nil {
		return 0, fmt.Errorf("migrate: connect: %w", err)
	}
	defer conn.Close()
	for _, v := range view.Views() {
		v.Name = prefix + v.Name
		if err := again(ctx, func() error { return conn.Exec(ctx, v.Create()) }); err != nil {
			return n, fmt.Errorf("create view %s: %w", v.Name, err)
		}
		n++
	}
	return n, nil
}

// Drop removes the tables of a generation that is neither current nor being built, and notes it. The options name the public database.
func Drop(ctx context.Context, conn clickhouse.Conn, public string, g Generation) error {
	statements := []string{"DROP DATABASE IF EXISTS " + quoted(DatabaseOf(public, g.Number)) + " SYNC"}
	if g.Number <= 1 { // its database holds the views, too
		statements = nil
		for _, s := range Schemas() {
			statements = append(statements, "DROP TABLE IF EXISTS "+quoted(public)+"."+s.Stored()+" SYNC")
		}
	}
	for _, s := range statements {
		if err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("drop generation %d: %s: %w", g.Number, strings.TrimSuffix(s, " SYNC"), err)
		}
	}
	g.State = Dropped
	return NoteGeneration(ctx, conn, g)
}

// quoted is a database's name as it must be written.
func quoted(database string) string { return "`" + strings.ReplaceAll(database, "`", "``") + "`" }
