// Package migrate brings a database to the tables and views of this binary. It may run again and several times at once: every
// statement does nothing when its work is done already, since ClickHouse has no lock to hold.
package migrate

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/afterclick/afterclick/schemas/cell"
	"github.com/afterclick/afterclick/schemas/table"
)

var (
	// ErrNewer means that a newer afterclick has migrated the database: use that one.
	ErrNewer = errors.New("the database is newer than this afterclick")
	// ErrAltered means that a table is not as the migrations leave it: somebody must put that right first.
	ErrAltered = errors.New("a table is not as afterclick left it")
	// ErrOlder means that migrations are missing: run them.
	ErrOlder = errors.New("the database is older than this afterclick; run `afterclick migrate`")
)

// Migration is one step. Once released it must never change: databases have recorded it.
type Migration struct {
	Version    uint32
	Name       string
	Statements []string
	Checksum   string
}

//go:embed sql/*.sql
var files embed.FS

// Migrations are all steps, in order: sql/0001_name.sql and so on, statements ended by a semicolon at a line's end. Each statement must
// do nothing if it was run before (IF NOT EXISTS).
var Migrations = func() []Migration {
	names, err := fs.Glob(files, "sql/*.sql")
	if err != nil {
		panic(err)
	}
	var all []Migration
	for i, file := range names { // sorted by name
		body, err := files.ReadFile(file)
		if err != nil {
			panic(err)
		}
		number, name, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(file, "sql/"), ".sql"), "_")
		version, err := strconv.ParseUint(number, 10, 32)
		if !ok || err != nil || version != uint64(i+1) {
			panic("migrate: " + file + " does not follow the one before")
		}
		sum := sha256.Sum256(body)
		m := Migration{Version: uint32(version), Name: name, Checksum: hex.EncodeToString(sum[:8])}
		for _, s := range strings.Split(string(body), ";\n") {
			if s = strings.TrimSpace(s); s != "" {
				m.Statements = append(m.Statements, s)
			}
		}
		all = append(all, m)
	}
	return all
}()

// recorded is the table of what was applied.
var recorded = table.Schema{
	Name:     "migrations",
	Internal: true,
	Comment:  "Migrations that were applied. Bookkeeping of the pipeline.",
	Engine:   "ReplacingMergeTree",
	Order:    "version",
	Columns: []table.Field{
		{Name: "version", Type: "UInt32", Comment: "Number of the migration."},
		{Name: "name", Type: "String", Comment: "What it does."},
		{Name: "checksum", Type: "String", Comment: "Of its statements: an applied migration never changes."},
	},
	Defaults: []table.Field{{Name: "applied", Type: "DateTime64(3, 'UTC')", Default: "now64(3, 'UTC')", Comment: "When, by the server's clock."}},
}

// Schemas are all tables as the last migration leaves them.
func Schemas() []*table.Schema {
	all := table.Schemas()
	for _, c := range cell.Cells() {
		all = append(all, &c.Schema)
	}
	return append(all, &recorded)
}

// Report is what a migration did.
type Report struct {
	Database   string
	Created    bool        // the database was created
	Generation uint16      // of the tables, the current one
	Applied    []Migration // in order; empty if there was nothing to do
	Views      int         // views that were written; all of them, each time
}

// Up migrates the database that the options name, and creates it if there is none. If a later generation of the tables is current, that
// one's tables are migrated, and the views of this database read them.
func Up(ctx context.Context, options clickhouse.Options) (Report, error) {
	if options.Auth.Database == "" {
		options.Auth.Database = "default"
	}
	report := Report{Database: options.Auth.Database}
	if err := create(ctx, options, options.Auth.Database, &report); err != nil {
		return report, err
	}
	conn, err := clickhouse.Open(&options)
	if err != nil {
		return report, fmt.Errorf("migrate: connect: %w", err)
	}
	defer conn.Close()
	if err := again(ctx, func() error { return conn.Exec(ctx, generations.Create()) }); err != nil {
		return report, fmt.Errorf("migrate: create the table of generations: %w", err)
	}
	all, err := ReadGenerations(ctx, conn)
	if err != nil {
		return report, err
	}
	report.Generation = all.Current().Number
	own := options
	own.Auth.Database = DatabaseOf(options.Auth.Database, report.Generation)
	done, err := tables(ctx, own)
	report.Applied = done.Applied
	if err != nil {
		return report, err
	}
	// Views hold no data: they are not migrated but written.
	if report.Generation > 1 {
		if _, err := show(ctx, own, ""); err != nil {
			return report, err
		}
	}
	report.Views, err = Show(ctx, options, report.Generation)
	return report, err
}

// tables migrates the tables of the database that the options name, and creates it if there is none.
func tables(ctx context.Context, options clickhouse.Options) (Report, error) {
	report := Report{Database: options.Auth.Database}
	if err := create(ctx, options, options.Auth.Database, &report); err != nil {
		return report, err
	}
	conn, err := clickhouse.Open(&options)
	if err != nil {
		return report, fmt.Errorf("migrate: connect: %w", err)
	}
	defer conn.Close()
	if err := conn.Exec(ctx, recorded.Create()); err != nil {
		return report, fmt.Errorf("migrate: create the table of migrations: %w", err)
	}
	status, err := Read(ctx, conn)
	if err != nil {
		return report, err
	}
	if err := status.refuse(); err != nil {
		return report, err
	}
	for _, m := range Migrations[status.Version:] {
		for _, s := range m.Statements {
			if err := again(ctx, func() error { return conn.Exec(ctx, s) }); err != nil {
				first, _, _ := strings.Cut(s, "\n")
				return report, fmt.Errorf("migration %04d %s: %s …: %w", m.Version, m.Name, first, err)
			}
		}
		err := conn.Exec(ctx, "INSERT INTO migrations (version, name, checksum) VALUES (?, ?, ?)", m.Version, m.Name, m.Checksum)
		if err != nil {
			return report, fmt.Errorf("record migration %04d: %w", m.Version, err)
		}
		report.Applied = append(report.Applied, m)
	}
	if status, err = Read(ctx, conn); err != nil {
		return report, err
	}
	return report, status.Err()
}

func create(ctx context.Context, options clickhouse.Options, database string, report *Report) error {
	options.Auth.Database = "default"
	conn, err := clickhouse.Open(&options)
	if err != nil {
		return fmt.Errorf("migrate: connect: %w", err)
	}
	defer conn.Close()
	var there uint64
	if err := conn.QueryRow(ctx, "SELECT count() FROM system.databases WHERE name = ?", database).Scan(&there); err != nil {
		return fmt.Errorf("migrate: look for database %s: %w", database, err)
	}
	if there > 0 {
		return nil
	}
	if err := conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+quoted(database)); err != nil {
		return fmt.Errorf("migrate: create database %s: %w", database, err)
	}
	report.Created = true
	return nil
}

// again repeats a statement that may have met another migration doing the same at the same moment.
func again(ctx context.Context, f func() error) (err error) {
	for attempt := range 5 {
		if err = f(); err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(time.Duration(attempt+1) * 50 * time.Millisecond)
	}
	return err
}
