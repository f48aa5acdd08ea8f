// Package pipeline puts the parts together by hand: configuration → machines, writer, engine, cells. What runs in production runs
// in the demo, and nothing else.
package pipeline

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/deploy/lookup"
	"github.com/afterclick/afterclick/ingest"
	"github.com/afterclick/afterclick/processors/journey"
	"github.com/afterclick/afterclick/processors/session"
	"github.com/afterclick/afterclick/schemas/cell"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/writer"
)

// PartCells is the refreshing of aggregates, beside the engine's own parts.
const PartCells = "cells"

// Parts are all parts that an instance can run, in the order of the flow.
var Parts = append(slices.Clone(ingest.Parts), PartCells)

// Pipeline is one instance on one generation of the tables: it owns its connections.
type Pipeline struct {
	Engine     *ingest.Engine
	Writer     *writer.Writer
	Lookups    *lookup.Lookups // what the engine's machines ask; nil without an engine
	Generation uint16
	conn       clickhouse.Conn
	cells      *cell.Refresher
	public     clickhouse.Conn // where the generations are noted; nil: not followed
}

// New connects and builds on the current generation of the tables, but runs nothing. parts may be empty for all of them.
func New(ctx context.Context, c *config.Config, parts []string, log *slog.Logger) (p *Pipeline, err error) {
	public, g, err := Generations(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			public.Close()
		}
	}()
	current := g.Current()
	at, err := adopt(ctx, c, public, current, log)
	if err != nil {
		return nil, err
	}
	if p, err = open(ctx, at, parts, log); err != nil {
		return nil, err
	}
	p.public = public
	if err := p.shown(ctx, c); err != nil {
		log.Warn("the views do not read the current generation of the tables; `afterclick migrate` writes them", "error", err)
	}
	return p, nil
}

// open builds on the generation of the configuration.
func open(ctx context.Context, c *config.Config, parts []string, log *slog.Logger) (p *Pipeline, err error) {
	if len(parts) == 0 {
		parts = Parts
	}
	options, err := c.ClickHouse.Options()
	if err != nil {
		return nil, err
	}
	p = &Pipeline{Generation: c.Generation}
	defer func() {
		if err != nil {
			p.Close()
			p = nil
		}
	}()
	if p.conn, err = clickhouse.Open(&options); err != nil {
		return p, fmt.Errorf("clickhouse.address: %w", err)
	}
	if err = ready(ctx, p.conn, c); err != nil {
		return p, err
	}
	if p.Writer, err = writer.Open(writer.Config{Options: options, Logger: log}); err != nil {
		return p, err
	}
	if slices.Contains(parts, PartCells) {
		p.cells = &cell.Refresher{Conn: p.conn, Logger: log}
	}
	own := slices.DeleteFunc(slices.Clone(parts), func(s string) bool { return s == PartCells })
	if len(own) == 0 {
		return p, nil
	}
	asks := *c
	if !slices.Contains(own, ingest.PartSessions) && !slices.Contains(own, ingest.PartJourneys) { // only addresses are looked up
		asks.Enrich.Products, asks.Enrich.Customers = config.Products{}, config.Customers{}
	}
	if p.Lookups, err = Lookups(&asks, log); err != nil {
		return p, err
	}
	p.Engine, err = engine(c, own, p.Writer, p.Lookups, log)
	return p, err
}

// ready says what is missing in ClickHouse, and what to do.
func ready(ctx context.Context, conn clickhouse.Conn, c *config.Config) error {
	status, err := migrate.Read(ctx, conn)
	if err == nil {
		if err = status.Err(); err != nil {
			return fmt.Errorf("the tables are not ready: %w", err)
		}
		return nil
	}
	return explain(ctx, c, err)
}

// explain says what a failure to ask ClickHouse may mean, and what to do.
func explain(ctx context.Context, c *config.Config, err error) error {
	const unknownDatabase = 81
	said, answered := errors.AsType[*clickhouse.Exception](err)
	switch {
	case ctx.Err() != nil:
		return err
	case answered && said.Code == unknownDatabase:
		return fmt.Errorf("ClickHouse has no database %s: run `afterclick migrate`, which creates it, or correct clickhouse.database", c.ClickHouse.Database)
	case answered:
		return fmt.Errorf("ClickHouse at %s refuses: %w; `afterclick check` says what to do", c.ClickHouse.Address, err)
	}
	return fmt.Errorf("cannot reach ClickHouse at %s: %w; is it running, and is clickhouse.address right? `afterclick check` tells more", c.ClickHouse.Address, err)
}

// Lookups reads the files of enrich; the topics are read when the pipeline runs.
func Lookups(c *config.Config, log *slog.Logger) (*lookup.Lookups, error) {
	e, err := c.Engine()
	if err != nil {
		return nil, err
	}
	from := &c.Enrich
	return lookup.Open(lookup.Config{Products: lookup.Source(from.Products), Customers: lookup.Source(from.Customers), RatesFile: from.Rates.File,
		Currency: from.Currency, MMDBFile: from.MMDBFile, MaxEntries: from.MaxEntries, Kafka: e.Kafka, Log: log})
}

func engine(c *config.Config, parts []string, w *writer.Writer, known *lookup.Lookups, log *slog.Logger) (*ingest.Engine, error) {
	e, err := c.Engine()
	if err != nil {
		return nil, err
	}
	if e.Instance, err = instance(c.DataDir); err != nil {
		return nil, err
	}
	visits := session.Default
	visits.Gap, visits.MaxLength, visits.Horizon = time.Duration(c.Session.Gap), time.Duration(c.Session.MaxLength), time.Duration(c.Horizon.Session)
	visits.ByTracker = c.Session.By == config.ByTracker
	orders := journey.Default
	orders.Horizon = time.Duration(c.Horizon.Journey)
	visits.Lookups, orders.Lookups = known, known
	if c.Enrich.MMDBFile != "" {
		e.NewLocator = known.Locator
	}
	if err := errors.Join(visits.Validate(), orders.Validate()); err != nil {
		return nil, err
	}
	e.Parts, e.Log, e.Insert = parts, log, w.Insert
	e.NewSession = func() ingest.Machine { return must(session.New(visits)) }
	e.NewJourney = func() ingest.Machine { return must(journey.New(orders)) }
	return ingest.New(e)
}

// must is for what Validate has accepted.
func must[M any](m M, err error) M {
	if err != nil {
		panic(err)
	}
	return m
}

// instance returns the stable name of this instance, and makes one up where there is none yet.
func instance(dir string) (string, error) {
	path := filepath.Join(dir, "instance")
	b, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(b))) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("data_dir: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("data_dir: %w", err)
	}
	name := strings.ToLower(rand.Text()[:12])
	if err := os.WriteFile(path+".new", []byte(name+"\n"), 0o644); err != nil {
		return "", fmt.Errorf("data_dir: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return "", fmt.Errorf("data_dir: %w", err)
	}
	return name, nil
}

// Run blocks until ctx ends and the epochs at hand are finished. ErrMoved: it ended because the tables have a new generation.
func (p *Pipeline) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	if p.Engine != nil {
		group.Go(func() error {
			if err := p.Lookups.Load(ctx); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
			group.Go(func() error { return p.Lookups.Run(ctx) })
			return p.Engine.Run(ctx)
		})
	}
	if p.public != nil {
		group.Go(func() error { return p.watch(ctx) })
	}
	if p.cells != nil {
		group.Go(func() error {
			if err := p.cells.Run(ctx); ctx.Err() == nil {
				return err
			}
			return nil
		})
	}
	return group.Wait()
}

// Done says whether everything that Kafka has is in the tables, and the cells are computed from it. It computes them if only they
// are missing.
func (p *Pipeline) Done(ctx context.Context) (bool, error) {
	if p.Engine != nil {
		if ok, err := p.Engine.CaughtUp(ctx); !ok || err != nil {
			return false, err
		}
	}
	if p.cells == nil {
		return true, nil
	}
	if _, err := p.cells.Refresh(ctx); err != nil {
		return false, err
	}
	n, err := p.cells.Pending(ctx)
	return n == 0, err
}

// Close ends the connections. Run must have returned.
func (p *Pipeline) Close() error {
	var errs []error
	if p.Lookups != nil {
		p.Lookups.Close()
	}
	if p.Writer != nil {
		errs = append(errs, p.Writer.Close())
	}
	for _, conn := range []clickhouse.Conn{p.conn, p.public} {
		if conn != nil {
			errs = append(errs, conn.Close())
		}
	}
	return errors.Join(errs...)
}
