package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/schemas/migrate"
)

// ErrMoved ends a Pipeline when its generation of the tables is no longer the one to write to: open another.
var ErrMoved = errors.New("the tables have a new generation")

const (
	// watchEvery is how often an instance looks for a new generation.
	watchEvery = time.Second
	// alive is how old the note of a rebuild may be for us to believe that it is still at work. It notes itself every noteEvery.
	alive     = 15 * time.Second
	noteEvery = 3 * time.Second
)

// Generations connects to the database of the configuration, and reads the generations of the tables.
func Generations(ctx context.Context, c *config.Config) (clickhouse.Conn, migrate.Generations, error) {
	options, err := c.ClickHouse.Options()
	if err != nil {
		return nil, nil, err
	}
	options.MaxOpenConns = 2
	conn, err := clickhouse.Open(&options)
	if err != nil {
		return nil, nil, fmt.Errorf("clickhouse.address: %w", err)
	}
	g, err := migrate.ReadGenerations(ctx, conn)
	if err != nil {
		conn.Close()
		return nil, nil, explain(ctx, c, err)
	}
	return conn, g, nil
}

// Now is the configuration of the current generation, with its settings.
func Now(ctx context.Context, c *config.Config) (*config.Config, error) {
	conn, g, err := Generations(ctx, c)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	at := c.At(g.Current().Number)
	return at, at.Adopt(g.Current().Settings)
}

// adopt is the configuration of a generation, with the settings that its tables are made with: others would mix rows that are made by
// different rules. The first generation's are those of whoever writes to it first.
func adopt(ctx context.Context, c *config.Config, public clickhouse.Conn, g migrate.Generation, log *slog.Logger) (*config.Config, error) {
	if g.Settings == "" {
		g.Settings = c.Settings()
		if err := migrate.NoteGeneration(ctx, public, g); err != nil {
			return nil, err
		}
	}
	for _, d := range c.Differ(g.Settings) {
		log.Warn("a setting is not the one of the tables, whose is used: `afterclick rebuild` makes tables with the new one", "generation", g.Number, "setting", d)
	}
	at := c.At(g.Number)
	if err := at.Adopt(g.Settings); err != nil {
		return nil, fmt.Errorf("the settings of generation %d of the tables: %w", g.Number, err)
	}
	return at, nil
}

// watch returns ErrMoved when a later generation is current, or will be in a moment: nothing may be added to ours then.
func (p *Pipeline) watch(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		g, err := migrate.ReadGenerations(ctx, p.public)
		if err != nil {
			continue // whoever has rows to write will say that ClickHouse is away
		}
		if _, coming := g.Coming(alive); coming || g.Current().Number != p.Generation {
			return ErrMoved
		}
	}
}

// shown sees to it that the views read the current generation: who switched may have died before it had written them.
func (p *Pipeline) shown(ctx context.Context, c *config.Config) error {
	if p.Generation <= 1 {
		return nil
	}
	ok, err := migrate.Shown(ctx, p.public, c.ClickHouse.Database, p.Generation)
	if ok || err != nil {
		return err
	}
	options, err := c.ClickHouse.Options()
	if err != nil {
		return err
	}
	_, err = migrate.Show(ctx, options, p.Generation)
	return err
}

// Follower is an instance that goes on with the next generation of the tables when there is one.
type Follower struct {
	Config *config.Config
	Parts  []string // empty: all
	Log    *slog.Logger
	// Show is given the Pipeline that is about to run, or why none can. The Pipeline is closed when the next is shown, or Run returns.
	Show func(*Pipeline, error)
}

// Run blocks until ctx ends. An error before anything ran is returned; later ones are shown, and tried again.
func (f *Follower) Run(ctx context.Context) error {
	p, err := New(ctx, f.Config, f.Parts, f.Log)
	if err != nil {
		return err
	}
	for {
		f.Show(p, nil)
		err := p.Run(ctx)
		if !errors.Is(err, ErrMoved) {
			return errors.Join(err, p.Close())
		}
		f.Log.Info("the tables have a new generation: ended the epochs at hand", "generation", p.Generation)
		if p.Engine != nil {
			if err := p.Engine.Leave(ctx); err != nil {
				f.Log.Warn("could not leave the groups of the old generation: they will notice", "error", err)
			}
		}
		next, err := f.next(ctx)
		if closed := p.Close(); next == nil {
			return errors.Join(err, closed)
		}
		p = next
	}
}

// next waits until there is a generation to work on and opens it. nil without an error: ctx has ended.
func (f *Follower) next(ctx context.Context) (*Pipeline, error) {
	told := ""
	for {
		p, err := f.attempt(ctx)
		if p != nil || ctx.Err() != nil {
			return p, nil
		}
		if err != nil && err.Error() != told {
			told = err.Error()
			f.Log.Error("cannot go on with the new generation of the tables, trying again", "error", err)
			f.Show(nil, err)
		}
		wait := 200 * time.Millisecond
		if err != nil {
			wait = 3 * time.Second
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, nil
		}
	}
}

// attempt returns nothing while a rebuild is about to switch. Should that die, the old generation goes on.
func (f *Follower) attempt(ctx context.Context) (*Pipeline, error) {
	conn, g, err := Generations(ctx, f.Config)
	if err != nil {
		return nil, err
	}
	conn.Close()
	if _, coming := g.Coming(alive); coming {
		return nil, nil
	}
	return New(ctx, f.Config, f.Parts, f.Log)
}
