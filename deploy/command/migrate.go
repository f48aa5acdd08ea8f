package command

import (
	"context"
	"fmt"

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
		_, err := fmt.Fprint(a.out, access.Script(c.ClickHouse.Database))
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
	fmt.Fprintf(a.out, "database %s is up to date, with %d views\n", report.Database, report.Views)
	return nil
}
