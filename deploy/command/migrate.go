package command

import (
	"context"
	"fmt"

	"github.com/afterclick/afterclick/schemas/migrate"
)

type migrateCommand struct{}

func (migrateCommand) Help() string {
	return `Creates the database, the tables and the views, or brings them to this version. It can be run again, and by several at once.
What somebody altered, or a newer version made, is refused and left as it is.`
}

func (migrateCommand) Run(ctx context.Context, a *app) error {
	c, err := a.load()
	if err != nil {
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
	for _, m := range report.Applied {
		fmt.Fprintf(a.out, "applied %d: %s\n", m.Version, m.Name)
	}
	of := ""
	if report.Generation > 1 {
		of = fmt.Sprintf(" of generation %d of the tables, which are in %s", report.Generation, migrate.DatabaseOf(report.Database, report.Generation))
	}
	fmt.Fprintf(a.out, "database %s is up to date, with %d views%s\n", report.Database, report.Views, of)
	return nil
}
