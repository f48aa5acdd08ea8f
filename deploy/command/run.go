package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/afterclick/afterclick/deploy/admin"
	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/deploy/pipeline"
)

type runCommand struct {
	Parts []string `arg:"" optional:"" help:"Which parts to run here: routes, sessions, journeys, cells. Default: all."`
}

func (runCommand) Help() string {
	return `Runs until it is told to stop (SIGTERM, Ctrl-C), and then finishes the epoch at hand. Start it as often as you like: instances share
the work, each with a data_dir of its own. The tables must be there (afterclick migrate); afterclick check says what is missing.`
}

func (r *runCommand) Run(ctx context.Context, a *app) error {
	for _, part := range r.Parts {
		if !slices.Contains(pipeline.Parts, part) {
			return fmt.Errorf("there is no part %q, only %s", part, strings.Join(pipeline.Parts, ", "))
		}
	}
	c, err := a.load()
	if err != nil {
		return err
	}
	log := logger(c, a.err)
	p, err := pipeline.New(ctx, c, r.Parts, log)
	if err != nil {
		return err
	}
	defer p.Close()
	if c.Admin.Address != "" {
		if _, err := admin.Serve(ctx, c.Admin.Address, p); err != nil {
			return err
		}
	}
	log.Info("running", "parts", r.Parts, "kafka", c.Kafka.Brokers, "clickhouse", c.ClickHouse.Database, "admin", c.Admin.Address)
	if p.Engine != nil {
		go logProgress(ctx, p, log)
	}
	if err := p.Run(ctx); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// logProgress logs once a minute what was done, if anything was.
func logProgress(ctx context.Context, p *pipeline.Pipeline, log *slog.Logger) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	m, before := &p.Engine.Metrics, int64(0)
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if n := m.Read.Load(); n != before {
			log.Info("progress", "read_per_second", (n-before)/60, "accepted", m.Accepted.Load(), "duplicate", m.Duplicate.Load(), "late", m.Late.Load(),
				"refused", m.Refused.Load(), "rows", m.Rows.Load(), "states", m.States.Load(), "epochs", m.Epochs.Load(), "aborted", m.Aborted.Load())
			before = n
		}
	}
}

// logger writes what the configuration wants to see.
func logger(c *config.Config, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		level = slog.LevelInfo // Validate has checked it
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
