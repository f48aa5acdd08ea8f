package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/deploy/local"
	"github.com/afterclick/afterclick/deploy/pipeline"
	"github.com/afterclick/afterclick/ingest/verify"
	"github.com/afterclick/afterclick/schemas/migrate"
)

type verifyCommand struct {
	Since   string        `placeholder:"TIME" help:"Leave out what came to Kafka before: a duration back from now (36h), a day (2026-03-14) or a time (2026-03-14T09:00:00Z), UTC."`
	Data    string        `placeholder:"DIR" help:"Verify the folder of a demo that does not run, instead of the configured servers."`
	Format  string        `short:"f" enum:"table,json" default:"table" help:"table or json."`
	Workers int           `default:"4" help:"Partitions that are read at a time."`
	Settle  time.Duration `default:"3s" help:"How far ClickHouse's replicas may lag behind. It is waited for only where something seems to be missing."`
}

func (verifyCommand) Help() string {
	return `Reads the source topics again, as far as the pipeline has read them, and compares record by record: each one that Kafka delivers must
be in exactly one row, by topic, partition and offset, of events (accepted, duplicate, late) or of dead_letters (refused), with the bytes
that Kafka has. What is on its way between router and machine is told by hop and is no difference, so it can be run at any time.
Holes that transactions and compaction leave are no loss; what Kafka has deleted is told, and cannot be compared.

Examples:
  afterclick verify -c afterclick.yaml
  afterclick verify --since 24h --format json > receipt.json
  afterclick verify --data shop

The exit code is 0 if nothing is missing, doubled, stray or altered, 1 if something is, and 2 if it could not be verified.`
}

func (k *verifyCommand) Run(ctx context.Context, a *app) error {
	r, err := k.verify(ctx, a)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return coded{exitUnknown, err}
	}
	if err := k.print(a.out, r); err != nil {
		return coded{exitUnknown, err}
	}
	if !r.Clean {
		return silent{errors.New("there are differences")}
	}
	return nil
}

func (k *verifyCommand) verify(ctx context.Context, a *app) (r *verify.Report, err error) {
	since, err := k.since(time.Now())
	if err != nil {
		return nil, err
	}
	c, done, err := k.open(ctx, a)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	if c, err = pipeline.Now(ctx, c); err != nil {
		return nil, err
	}
	options, err := c.ClickHouse.Options()
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(&options)
	if err != nil {
		return nil, fmt.Errorf("clickhouse.address: %w", err)
	}
	defer conn.Close()
	status, err := migrate.Read(ctx, conn)
	if err == nil {
		err = status.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("look at the tables: %w", err)
	}
	engine, err := c.Engine()
	if err != nil {
		return nil, err
	}
	progress := newProgress(a.err, "verify", "offsets")
	defer progress.end()
	return verify.Run(ctx, verify.Config{Engine: engine, ClickHouse: conn, Since: since, Workers: k.Workers, Settle: k.Settle,
		Progress: func(p verify.Progress) { progress.show(p.Doing, p.Done, p.Total) }})
}

// open returns the configuration, after starting a demo's servers if that is asked.
func (k *verifyCommand) open(ctx context.Context, a *app) (*config.Config, func() error, error) {
	if k.Data == "" {
		c, err := a.load()
		return c, func() error { return nil }, err
	}
	for _, sub := range []string{"kafka", "clickhouse"} {
		if _, err := os.Stat(filepath.Join(k.Data, sub)); err != nil {
			return nil, nil, fmt.Errorf("%w: name the folder that afterclick demo --data was given", err)
		}
	}
	stack, err := local.Start(ctx, local.Config{Dir: k.Data})
	if errors.Is(err, local.ErrLocked) {
		return nil, nil, fmt.Errorf("%w: it runs, so verify its servers: leave out --data, and set kafka.brokers, clickhouse.address and keyed_by=visitor", err)
	}
	if err != nil {
		return nil, nil, err
	}
	return demoConfig(stack, k.Data), stack.Close, nil
}

func (k *verifyCommand) since(now time.Time) (time.Time, error) {
	if k.Since == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(k.Since); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, time.RFC3339} {
		if t, err := time.Parse(layout, k.Since); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--since %s: must be like 36h, 2026-03-14 or 2026-03-14T09:00:00Z", k.Since)
}

// shownFindings is how many findings of each kind the table's reader gets.
const shownFindings = 20

func (k *verifyCommand) print(w io.Writer, r *verify.Report) error {
	if k.Format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header, t.Style().Format.Footer = text.FormatDefault, text.FormatDefault
	names := []string{"delivered", "accepted", "duplicate", "late", "refused", "under way", "missing", "doubled", "stray", "altered"}
	header, configs := table.Row{"topic"}, []table.ColumnConfig(nil)
	for i, name := range names {
		header = append(header, name)
		configs = append(configs, table.ColumnConfig{Number: i + 2, Align: text.AlignRight, AlignHeader: text.AlignRight, AlignFooter: text.AlignRight})
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(configs)
	totals, waiting := make([]int64, len(names)), int64(0)
	for _, topic := range r.Topics {
		row := table.Row{topic.Topic}
		for i, n := range []int64{topic.Delivered, topic.Accepted, topic.Duplicate, topic.Late, topic.Refused, topic.UnderWay, topic.Missing, topic.Doubled, topic.Stray, topic.Altered} {
			totals[i] += n
			row = append(row, grouped(uint64(n)))
		}
		waiting += topic.Waiting
		t.AppendRow(row)
	}
	footer := table.Row{"all"}
	for _, n := range totals {
		footer = append(footer, grouped(uint64(n)))
	}
	t.AppendFooter(footer)
	if _, err := fmt.Fprintln(w, t.Render()); err != nil {
		return err
	}
	shown := map[verify.Kind]int{}
	for _, f := range r.Findings {
		if shown[f.Kind]++; shown[f.Kind] <= shownFindings {
			fmt.Fprintln(w, f)
		}
	}
	more := r.Omitted
	for _, n := range shown {
		more += int64(max(0, n-shownFindings))
	}
	if more > 0 {
		fmt.Fprintf(w, "… and %d ranges more; --format json has the first thousand of each partition\n", more)
	}
	for _, note := range r.Notes {
		fmt.Fprintln(w, "note:", note)
	}
	rate := float64(totals[0]) / max(r.Seconds, 1e-3)
	switch {
	case !r.Clean:
		_, err := fmt.Fprintf(w, "There are differences: %s (%s, %s records/s)\n", differences(names, totals), took(time.Duration(r.Seconds*float64(time.Second))), grouped(uint64(rate)))
		return err
	case waiting > 0 || totals[5] > 0:
		_, err := fmt.Fprintf(w, "Every record that was read is in one row, as Kafka has it, or under way; %s offsets were still to be read (%s, %s records/s)\n",
			grouped(uint64(waiting)), took(time.Duration(r.Seconds*float64(time.Second))), grouped(uint64(rate)))
		return err
	}
	_, err := fmt.Fprintf(w, "Every record is in one row, as Kafka has it (%s, %s records/s)\n", took(time.Duration(r.Seconds*float64(time.Second))), grouped(uint64(rate)))
	return err
}

func differences(names []string, totals []int64) (s string) {
	for i, name := range names {
		if totals[i] > 0 && slices.Contains([]string{"missing", "doubled", "stray", "altered"}, name) {
			if s != "" {
				s += ", "
			}
			s += grouped(uint64(totals[i])) + " " + name
		}
	}
	return s
}
