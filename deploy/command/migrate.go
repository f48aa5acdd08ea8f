package command

import (
	"context"
	"fmt"
	"slices"

	"github.com/afterclick/afterclick/deploy/pipeline"
	"github.com/afterclick/afterclick/schemas/access"
	"github.com/afterclick/afterclick/schemas/migrate"
)

type migrateCommand struct {
	PrintReaders bool `help:"Only print the statements that make a role for people who read, with limits; an administrator runs them once."`
}

func (migrateCommand) Help() string {
	return `Creates the database, the tables and the views, or brings them to this version. It can be run again, and by several at once.
What somebody altered, or a newer version made, is refused and left as it is.

Examples:
  afterclick migrate
  afterclick migrate --print-readers | clickhouse-client`
}

func (m migrateCommand) Run(ctx context.Context, a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	if m.PrintReaders {
		// The views read the current generation's tables, and will read those that a rebuild makes next.
		public, current := c.ClickHouse.Database, uint16(1)
		next := current + 1
		if conn, all, err := pipeline.Generations(ctx, c); err == nil {
			current, next = all.Current().Number, all.Last().Number+1
			conn.Close()
		}
		databases := slices.Compact([]string{public, migrate.DatabaseOf(public, current), migrate.DatabaseOf(public, next)})
		_, err := fmt.Fprint(a.out, access.Script(databases...))
		return err
	}
	o, err := c.ClickHouse.Options()
	if err != nil {
		return err
	}
	report, err := migrate.Up(ctx, o)
	if err != nil {
		return err
	}
	for _, step := range report.Applied {
		fmt.Fprintf(a.out, "applied %d: %s\n", step.Version, step.Name)
	}
	of := ""
	if report.Generation > 1 {
		of = fmt.Sprintf(" of generation %d of the tables, which are in %s", report.Generation, migrate.DatabaseOf(report.Database, report.Generation))
	}
	fmt.Fprintf(a.out, "database %s is up to date, with %d views%s\n", report.Database, report.Views, of)
	return nil
}
