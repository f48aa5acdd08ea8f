package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/deploy/pipeline"
	"github.com/afterclick/afterclick/schemas/migrate"
)

type checkCommand struct {
	Timeout time.Duration `default:"10s" help:"Give a server up after this long."`
}

func (checkCommand) Help() string {
	return `Looks at the configuration, Kafka (brokers, topics, partitions, rights), ClickHouse (version, database, rights,
clock, disk), the data folder and what enrich names, and says in a line each what is there, what is missing, and what to do.
It changes nothing. The exit code is 1 if something must be done before afterclick can run.`
}

// level says how bad a finding is.
type level string

const (
	fine  level = "ok"
	worth level = "note" // it will work; somebody may want to know
	wrong level = "WRONG"
)

// finding is a line of check's report.
type finding struct {
	level level
	about string // "kafka", "topic orders"
	text  string
}

// report collects findings.
type report []finding

func (r *report) add(l level, about, format string, args ...any) {
	*r = append(*r, finding{l, about, fmt.Sprintf(format, args...)})
}

func (k *checkCommand) Run(ctx context.Context, a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	var all report
	if a.line.File == "" {
		all.add(fine, "configuration", "valid; no file, so defaults, environment and --set only")
	} else {
		all.add(fine, "configuration", "valid, from %s", a.line.File)
	}
	for _, name := range c.Ignored {
		all.add(worth, "configuration", "%s in the environment names no key and is ignored", name)
	}
	c = checkGeneration(ctx, k.Timeout, c, &all)
	for _, look := range []func(context.Context, *config.Config, *report){checkKafka, checkClickHouse, checkData, checkEnrich} {
		looking, cancel := context.WithTimeout(ctx, k.Timeout)
		look(looking, c, &all)
		cancel()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	bad := 0
	for _, f := range all {
		if f.level == wrong {
			bad++
		}
		if _, err := fmt.Fprintf(a.out, "%-5s  %s: %s\n", f.level, f.about, f.text); err != nil {
			return err
		}
	}
	if bad > 0 {
		return silent{fmt.Errorf("%d things are wrong", bad)}
	}
	return nil
}

// checkGeneration returns the configuration of the current generation, as far as it can be found out.
func checkGeneration(ctx context.Context, timeout time.Duration, c *config.Config, r *report) *config.Config {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, all, err := pipeline.Generations(ctx, c)
	if err != nil {
		return c // what is wrong is told with the rest
	}
	defer conn.Close()
	const about = "generation"
	current, last := all.Current(), all.Last()
	at := c.At(current.Number)
	if err := at.Adopt(current.Settings); err != nil {
		r.add(wrong, about, "%d: %v", current.Number, err)
	}
	r.add(fine, about, "%d of the tables, in database %s, topics and groups begin with %s", current.Number, at.ClickHouse.Database, at.Kafka.Prefix)
	for _, d := range c.Differ(current.Settings) {
		r.add(worth, about, "%s, which is used: afterclick rebuild makes tables with the other", d)
	}
	if last.Number > current.Number && (last.State == migrate.Building || last.State == migrate.Switching) {
		r.add(worth, about, "%d is being built, noted %s ago; afterclick rebuild goes on with it", last.Number, last.Age.Round(time.Second))
	}
	return at
}

// checkData tries to write to the data folder, without leaving anything there.
func checkData(_ context.Context, c *config.Config, r *report) {
	const about = "data folder"
	at := c.DataDir
	info, err := os.Stat(at)
	switch {
	case errors.Is(err, os.ErrNotExist):
		r.add(worth, about, "%s is not there; it is made at the first start", at)
		return
	case err != nil:
		r.add(wrong, about, "%v: see data_dir", err)
		return
	case !info.IsDir():
		r.add(wrong, about, "%s is no folder: see data_dir", at)
		return
	}
	f, err := os.CreateTemp(at, ".check-*")
	if err != nil {
		r.add(wrong, about, "%v: let this user write there, or choose another data_dir", err)
		return
	}
	f.Close()
	if err := os.Remove(f.Name()); err != nil {
		r.add(wrong, about, "%v", err)
		return
	}
	r.add(fine, about, "%s can be written", at)
}

// checkEnrich reads what is known besides the events, files and topics, as a start would.
func checkEnrich(ctx context.Context, c *config.Config, r *report) {
	const about = "enrich"
	known, err := pipeline.Lookups(c, slog.New(slog.DiscardHandler))
	if err != nil {
		r.add(wrong, about, "%v", err)
		return
	}
	defer known.Close()
	for _, line := range known.Describe() {
		r.add(fine, about, "%s", line)
	}
	if c.Enrich.Products.Topic == "" && c.Enrich.Customers.Topic == "" {
		return
	}
	switch err := known.Load(ctx); {
	case errors.Is(err, context.DeadlineExceeded):
		r.add(worth, about, "the topics are longer than can be read in this time; a start reads them to their end first")
	case err != nil:
		r.add(wrong, about, "%v", err)
	default:
		for _, n := range known.Counts() {
			if n.Name == "products" && c.Enrich.Products.Topic != "" || n.Name == "customers" && c.Enrich.Customers.Topic != "" {
				r.add(fine, about, "%d %s by the topic", n.Entries, n.Name)
			}
		}
	}
	if n := known.BadRecords.Load(); n > 0 {
		r.add(worth, about, "%d records of the topics are of no use; afterclick run logs why", n)
	}
}
