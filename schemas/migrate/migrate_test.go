package migrate_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/view"
)

var update = flag.Bool("update", false, "rewrite the first migration, as long as nothing is released")

// TestFirstMigration: as long as nothing is released, the first migration is the tables as they are declared.
func TestFirstMigration(t *testing.T) {
	var b strings.Builder
	for _, s := range migrate.Schemas() {
		if s.Name != "migrations" {
			b.WriteString(s.Create() + ";\n\n")
		}
	}
	const file = "sql/0001_tables.sql"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Skip("rewritten; run the tests again, they embed it")
	}
	if len(migrate.Migrations) > 1 {
		t.Skip("it is history now; TestUp compares what all migrations give with the tables as they are declared")
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != b.String() {
		t.Errorf("%s differs from the tables (go test -update rewrites it): %v", file, err)
	}
}

// TestUp: from nothing, again, and two at a time; every table, view and column there with its comment.
func TestUp(t *testing.T) {
	conn, options := localtest.ClickHouse(t)
	ctx := context.Background()
	if s, err := migrate.Read(ctx, conn); err != nil || !errors.Is(s.Err(), migrate.ErrOlder) {
		t.Fatalf("before: %+v, %v", s, err)
	}
	var group errgroup.Group
	for range 3 {
		group.Go(func() error { _, err := migrate.Up(ctx, options); return err })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	report, err := migrate.Up(ctx, options)
	if err != nil || len(report.Applied) != 0 || report.Created || report.Views != len(view.Views()) {
		t.Fatalf("again: %+v, %v", report, err)
	}
	if s, err := migrate.Read(ctx, conn); err != nil || s.Err() != nil || s.Version != s.Latest || s.Latest == 0 {
		t.Fatalf("after: %+v, %v, %v", s, s.Err(), err)
	}
	for _, query := range []string{
		"SELECT name FROM system.tables WHERE database = currentDatabase() AND comment = ''",
		"SELECT table || '.' || name FROM system.columns WHERE database = currentDatabase() AND comment = ''",
	} {
		var without []struct {
			Name string `ch:"name"`
		}
		if err := conn.Select(ctx, &without, strings.Replace(query, " FROM", " AS name FROM", 1)); err != nil || len(without) > 0 {
			t.Errorf("without a comment: %v, %v", without, err)
		}
	}
	// Every view can be read whole. Those with parameters are read in their own package, as the examples in their comments do.
	for _, v := range view.Views() {
		if v.Parameters {
			continue
		}
		rows, err := conn.Query(ctx, "SELECT * FROM "+v.Name)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		for i, name := range rows.Columns() {
			if i >= len(v.Columns) || v.Columns[i].Name != name {
				t.Errorf("%s: column %d is %s", v.Name, i, name)
			}
		}
		rows.Close()
	}
}

func TestUpCreatesTheDatabase(t *testing.T) {
	conn, options := localtest.ClickHouse(t)
	options.Auth.Database += "-new"
	t.Cleanup(func() { _ = conn.Exec(context.Background(), "DROP DATABASE IF EXISTS `"+options.Auth.Database+"`") })
	report, err := migrate.Up(context.Background(), options)
	if err != nil || !report.Created || len(report.Applied) != len(migrate.Migrations) {
		t.Fatalf("created %v, applied %d, %v", report.Created, len(report.Applied), err)
	}
}

func TestUpRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		want      error
		says      string
	}{
		"newer":   {"INSERT INTO migrations (version, name) VALUES (999, 'future')", migrate.ErrNewer, "upgrade afterclick"},
		"changed": {"INSERT INTO migrations (version, name, checksum) VALUES (1, 'tables', 'other')", migrate.ErrAltered, "0001"},
		"missing": {"ALTER TABLE stored_sessions DROP COLUMN exit", migrate.ErrAltered, "stored_sessions has no column exit"},
		"retyped": {"ALTER TABLE stored_sessions MODIFY COLUMN landing LowCardinality(String)", migrate.ErrAltered, "stored_sessions.landing is LowCardinality(String) instead of String"},
		"added":   {"ALTER TABLE stored_sessions ADD COLUMN mine String", migrate.ErrAltered, "mine"},
		"gone":    {"DROP TABLE stored_funnel", migrate.ErrAltered, "stored_funnel is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, options := localtest.ClickHouse(t)
			ctx := context.Background()
			if _, err := migrate.Up(ctx, options); err != nil {
				t.Fatal(err)
			}
			if err := conn.Exec(ctx, c.statement); err != nil {
				t.Fatal(err)
			}
			_, err := migrate.Up(ctx, options)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if s, err := migrate.Read(ctx, conn); err != nil || !errors.Is(s.Err(), c.want) {
				t.Errorf("status %+v, %v", s, err)
			}
		})
	}
	// What ClickHouse computes by itself is the shop's own business.
	conn, options := localtest.ClickHouse(t)
	ctx := context.Background()
	if _, err := migrate.Up(ctx, options); err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec(ctx, "ALTER TABLE stored_sessions ADD COLUMN mine String ALIAS upper(country)"); err != nil {
		t.Fatal(err)
	}
	if _, err := migrate.Up(ctx, options); err != nil {
		t.Errorf("an alias: %v", err)
	}
}
