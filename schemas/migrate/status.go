package migrate

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Status is how a database stands to this binary.
type Status struct {
	Version uint32   // the last migration applied, 0: none
	Latest  uint32   // the last that this binary knows
	Changed []string // applied migrations that are other ones in this binary
	Altered []string // what is not as the migrations leave it, a sentence each; looked at only if Version is Latest
}

// Err is nil if this binary can work with the database, and otherwise wraps ErrNewer, ErrOlder or ErrAltered and says what to do.
func (s Status) Err() error {
	if err := s.refuse(); err != nil {
		return err
	}
	if s.Version < s.Latest {
		return fmt.Errorf("%w (it has version %d, this is %d)", ErrOlder, s.Version, s.Latest)
	}
	if len(s.Altered) > 0 {
		return fmt.Errorf("%w: %s; put it back, or keep your changes in tables of your own", ErrAltered, strings.Join(s.Altered, "; "))
	}
	return nil
}

// refuse tells whether migrating would be wrong, too.
func (s Status) refuse() error {
	if s.Version > s.Latest {
		return fmt.Errorf("%w (it has version %d, this knows %d); upgrade afterclick", ErrNewer, s.Version, s.Latest)
	}
	if len(s.Changed) > 0 {
		return fmt.Errorf("%w: it was migrated by another build, whose %s differed; use that build, or another database",
			ErrAltered, strings.Join(s.Changed, ", "))
	}
	return nil
}

// Read reads the status of the connection's database. It changes nothing.
func Read(ctx context.Context, conn clickhouse.Conn) (Status, error) {
	s := Status{Latest: uint32(len(Migrations))}
	var there uint64
	err := conn.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'migrations'").Scan(&there)
	if err != nil {
		return s, fmt.Errorf("look for migrations: %w", err)
	}
	if there == 0 {
		return s, nil
	}
	var applied []struct {
		Version  uint32 `ch:"version"`
		Name     string `ch:"name"`
		Checksum string `ch:"checksum"`
	}
	if err := conn.Select(ctx, &applied, "SELECT DISTINCT version, name, checksum FROM migrations ORDER BY version"); err != nil {
		return s, fmt.Errorf("read migrations: %w", err)
	}
	for _, a := range applied {
		s.Version = max(s.Version, a.Version)
		if a.Version <= s.Latest && Migrations[a.Version-1].Checksum != a.Checksum {
			s.Changed = append(s.Changed, fmt.Sprintf("migration %04d %s", a.Version, a.Name))
		}
	}
	if s.Version == s.Latest {
		s.Altered, err = altered(ctx, conn)
	}
	return s, err
}

// altered compares the tables with what they should be.
func altered(ctx context.Context, conn clickhouse.Conn) (differences []string, err error) {
	var tables []struct {
		Name   string `ch:"name"`
		Engine string `ch:"engine"`
		Order  string `ch:"sorting_key"`
	}
	if err := conn.Select(ctx, &tables, "SELECT name, engine, sorting_key FROM system.tables WHERE database = currentDatabase()"); err != nil {
		return nil, fmt.Errorf("read tables: %w", err)
	}
	var columns []struct {
		Table   string `ch:"table"`
		Name    string `ch:"name"`
		Type    string `ch:"type"`
		Default string `ch:"default_kind"`
	}
	err = conn.Select(ctx, &columns, "SELECT table, name, type, toString(default_kind) AS default_kind FROM system.columns WHERE database = currentDatabase() ORDER BY table, position")
	if err != nil {
		return nil, fmt.Errorf("read columns: %w", err)
	}
	there := map[string]string{} // table → its sort key
	engines := map[string]string{}
	for _, t := range tables {
		there[t.Name], engines[t.Name] = strings.ReplaceAll(t.Order, "`", ""), t.Engine
	}
	types := map[[2]string]string{}
	for _, c := range columns {
		types[[2]string{c.Table, c.Name}] = c.Type
	}
	for _, s := range Schemas() {
		stored := s.Stored()
		order, ok := there[stored]
		if !ok {
			differences = append(differences, "table "+stored+" is gone")
			continue
		}
		// A cluster's tables are Replicated…, and a Shared… in the cloud.
		if kind, _, _ := strings.Cut(s.Engine, "("); !strings.HasSuffix(engines[stored], kind) {
			differences = append(differences, fmt.Sprintf("table %s has the engine %s instead of %s", stored, engines[stored], kind))
		}
		if order != s.Order {
			differences = append(differences, fmt.Sprintf("table %s is sorted by (%s) instead of (%s)", stored, order, s.Order))
		}
		known := map[string]bool{}
		for _, f := range s.All() {
			known[f.Name] = true
			switch got, ok := types[[2]string{stored, f.Name}]; {
			case !ok:
				differences = append(differences, fmt.Sprintf("table %s has no column %s", stored, f.Name))
			case got != f.Type:
				differences = append(differences, fmt.Sprintf("column %s.%s is %s instead of %s", stored, f.Name, got, f.Type))
			}
		}
		for _, c := range columns {
			// A column that ClickHouse computes by itself does not concern what is inserted.
			if c.Table == stored && !known[c.Name] && c.Default == "" {
				differences = append(differences, fmt.Sprintf("table %s has a column %s that afterclick does not know", stored, c.Name))
			}
		}
	}
	return differences, nil
}
