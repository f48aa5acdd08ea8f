package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/afterclick/afterclick/deploy/admin"
	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/deploy/pipeline"
)

type runCommand struct {
	Parts []string `arg:"" optional:"" help:"Which parts to run here: routes, sessions, journeys, cells. Default: all."`
	Once  bool     `help:"End when everything that Kafka has is in the tables, aggregates included."`
	profiles
}

func (runCommand) Help() string {
	return `Runs until it is told to stop (SIGTERM, Ctrl-C), and then finishes the epoch at hand. Start it as often as you like: instances share
the work, each with a data_dir of its own. The tables must be there (afterclick migrate); afterclick check says what is missing.
When afterclick rebuild has made a new generation of the tables, it goes on with that, and with the settings that it is made with.`
}

// gcPercent is lower than Go's default: most of our memory is states and columns, which the collector need not look into, so that
// collecting twice as often costs little CPU, and less lies around.
const gcPercent = 50

func (r *runCommand) Run(ctx context.Context, a *app) (err error) {
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
	running, finish := context.WithCancel(ctx)
	defer finish()
	var page *admin.Server
	var now *pipeline.Pipeline
	ended := func() {} // for what watches the last pipeline shown
	f := pipeline.Follower{Config: c, Parts: r.Parts, Log: log, Show: func(p *pipeline.Pipeline, err error) {
		if page != nil {
			page.Show(p, err)
		}
		ended()
		if p == nil {
			return
		}
		var showing context.Context
		showing, ended = context.WithCancel(running)
		log.Info("running", "parts", r.Parts, "kafka", c.Kafka.Brokers, "clickhouse", c.ClickHouse.Database, "generation", p.Generation, "admin", c.Admin.Address)
		if now = p; p.Engine != nil {
			go logProgress(showing, p, log)
		}
		if r.Once {
			go func() {
				if awaitDone(showing, p, log) {
					finish()
				}
			}()
		}
	}}
	stop, err := r.profiles.start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if c.Admin.Address != "" {
		if page, err = admin.Serve(ctx, c.Admin.Address); err != nil {
			return err
		}
	}
	defer func() { ended() }()
	if err := f.Run(running); err != nil {
		return err
	}
	log.Info("stopped", totals(now)...)
	return nil
}

// awaitDone returns when everything is in the tables, or, with false, ctx has ended.
func awaitDone(ctx context.Context, p *pipeline.Pipeline, log *slog.Logger) bool {
	for ctx.Err() == nil {
		done, err := p.Done(ctx)
		switch {
		case done:
			if p.Engine != nil {
				m := &p.Engine.Metrics
				log.Info("everything is in the tables", "states", m.States.Load(), "state_bytes", m.StateBytes.Load())
			}
			return true
		case err != nil && ctx.Err() == nil:
			log.Warn("cannot tell whether everything is in the tables, asking again", "error", err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return false
}

// totals are what an instance did, to be logged when it stops.
func totals(p *pipeline.Pipeline) []any {
	if p == nil || p.Engine == nil {
		return nil
	}
	m, w := &p.Engine.Metrics, p.Writer.Counts()
	seconds := func(n *atomic.Int64) float64 { return time.Duration(n.Load()).Seconds() }
	all := []any{"read", m.Read.Load(), "accepted", m.Accepted.Load(), "duplicate", m.Duplicate.Load(), "late", m.Late.Load(),
		"refused", m.Refused.Load(), "epochs", m.Epochs.Load(), "aborted", m.Aborted.Load(), "restarts", m.Restarts.Load(),
		"rows", w.Rows, "bytes", w.Bytes, "inserts", w.Inserts, "retries", w.Retries,
		"busy_seconds", seconds(&m.BusyNanos), "insert_seconds", seconds(&m.InsertNanos), "commit_seconds", seconds(&m.CommitNanos)}
	if first, last := m.FirstRead.Load(), m.LastRows.Load(); first > 0 && last > 0 {
		all = append(all, "first_read", time.Unix(0, first).UTC(), "last_rows", time.Unix(0, last).UTC())
	}
	return all
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
