package migrate_test

import (
	"context"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/view"
)

// The views of the public database read the current generation, whoever writes them, and migrations reach its tables.
func TestGenerations(t *testing.T) {
	conn, options := localtest.ClickHouse(t)
	ctx := context.Background()
	public := options.Auth.Database
	second := migrate.DatabaseOf(public, 2)
	t.Cleanup(func() { _ = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+second+" SYNC") })
	shown := func(generation uint16) {
		t.Helper()
		for _, n := range []uint16{1, 2} {
			if ok, err := migrate.Shown(ctx, conn, public, n); err != nil || ok != (n == generation) {
				t.Errorf("the views read generation %d: %v, %v", n, ok, err)
			}
		}
	}
	count := func(from string) (n uint64) {
		t.Helper()
		if err := conn.QueryRow(ctx, "SELECT count() FROM "+from).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if g, err := migrate.ReadGenerations(ctx, conn); err != nil || len(g) != 1 || g.Current().Number != 1 {
		t.Fatalf("before all: %v, %v", g, err)
	}
	if r, err := migrate.Up(ctx, options); err != nil || r.Generation != 1 {
		t.Fatal(r, err)
	}
	shown(1)
	if _, err := migrate.UpGeneration(ctx, options, 2); err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec(ctx, "INSERT INTO "+second+".stored_events (time, topic, offset) VALUES ('2026-03-14', 'orders', 7)"); err != nil {
		t.Fatal(err)
	}
	note := func(s migrate.State) {
		t.Helper()
		if err := migrate.NoteGeneration(ctx, conn, migrate.Generation{Number: 2, State: s, Settings: "session.gap=10m\nkeyed_by=none"}); err != nil {
			t.Fatal(err)
		}
	}
	note(migrate.Building)
	note(migrate.Switching)
	g, err := migrate.ReadGenerations(ctx, conn)
	if err != nil || g.Current().Number != 1 || g.Last().Number != 2 || g.Last().Settings != "session.gap=10m\nkeyed_by=none" {
		t.Fatalf("while it is built: %v, %v", g, err)
	}
	if coming, ok := g.Coming(time.Minute); !ok || coming.Number != 2 {
		t.Errorf("generation 2 does not come: %v", g)
	}
	if _, ok := g.Coming(0); ok {
		t.Error("it comes although nobody builds it any more")
	}
	shown(1)
	note(migrate.Current)
	if g, err = migrate.ReadGenerations(ctx, conn); err != nil || g.Current().Number != 2 {
		t.Fatalf("after the switch: %v, %v", g, err)
	}
	for range 2 {
		if n, err := migrate.Show(ctx, options, 2); err != nil || n != len(view.Views()) {
			t.Fatal(n, err)
		}
	}
	shown(2)
	if n := count("events"); n != 1 {
		t.Errorf("the view has %d rows", n)
	}
	if n := count("session_clicks(since = '2026-03-14', until = '2026-03-15')"); n != 0 {
		t.Errorf("the view with parameters has %d rows", n)
	}
	// Migrating does not go back.
	if r, err := migrate.Up(ctx, options); err != nil || r.Generation != 2 || r.Views != len(view.Views()) {
		t.Fatal(r, err)
	}
	shown(2)
	if err := migrate.Drop(ctx, conn, public, migrate.Generation{Number: 1}); err != nil {
		t.Fatal(err)
	}
	if n := count("system.tables WHERE database = '" + public + "' AND name LIKE 'stored_%'"); n != 0 {
		t.Errorf("%d tables are left", n)
	}
	if n := count("events"); n != 1 {
		t.Errorf("the view has %d rows", n)
	}
	if r, err := migrate.Up(ctx, options); err != nil || r.Generation != 2 {
		t.Fatal(r, err)
	}
	if g, err = migrate.ReadGenerations(ctx, conn); err != nil || g.Current().Number != 2 || g[0].State != migrate.Dropped {
		t.Errorf("after dropping the first: %v, %v", g, err)
	}
}
