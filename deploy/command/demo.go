package command

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/afterclick/afterclick/dashboards/queries"
	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/send"
	"github.com/afterclick/afterclick/deploy/feed/shop"
	"github.com/afterclick/afterclick/deploy/local"
	"github.com/afterclick/afterclick/deploy/pipeline"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/migrate"
)

type demoCommand struct {
	source `embed:""`

	Data       string `placeholder:"DIR" help:"Keep everything in this folder, and go on with it next time. Default: a folder that is removed at the end."`
	Once       bool   `help:"End when everything is in the tables, aggregates included."`
	Kafka      string `placeholder:"HOST:PORT" help:"Loopback address for Kafka. Default: a free port."`
	ClickHouse string `name:"clickhouse" placeholder:"HOST:PORT" help:"Loopback address for ClickHouse's HTTP protocol. Default: a free port."`
}

func (demoCommand) Help() string {
	return `Starts Kafka and ClickHouse inside this process, feeds a shop's history, joins it into journeys, and tells what an analyst would see.
Then it stays, with live traffic, until Ctrl-C: any Kafka and ClickHouse client can look at it.

Examples:
  afterclick demo
  afterclick demo --once --days 7 --data shop
  afterclick sql --data shop 'SELECT channel, count() FROM sessions GROUP BY channel'
  afterclick demo --from olist:DIR --once`
}

const demoPartitions = 4

func (d *demoCommand) Run(ctx context.Context, a *app) (err error) {
	say := func(format string, args ...any) { fmt.Fprintf(a.err, format+"\n", args...) }
	begin := time.Now()
	dir := d.Data
	if dir == "" {
		if dir, err = os.MkdirTemp("", "afterclick-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	fed, err := readFed(dir)
	if err != nil {
		return err
	}
	if fed != nil {
		if fed.Source.From != d.From {
			return fmt.Errorf("%s holds %s: name another folder with --data", dir, fed.Source.From)
		}
		d.source = fed.Source // same seed, same start
		say("Going on with what is in %s", dir)
	} else {
		d.fix(begin)
		fed = &fedNote{Source: d.source}
	}
	h, err := d.open(!d.Once && d.From == "simulated")
	if err != nil {
		return err
	}
	say("Starting Kafka and ClickHouse in %s", dir)
	stack, err := local.Start(ctx, local.Config{Dir: dir, KafkaAddress: d.Kafka, ClickHouseAddress: d.ClickHouse})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stack.Close()) }()

	c := demoConfig(stack, dir)
	options, err := c.ClickHouse.Options()
	if err != nil {
		return err
	}
	if _, err := migrate.Up(ctx, options); err != nil {
		return err
	}
	e, err := c.Engine()
	if err != nil {
		return err
	}
	to := send.Options{Kafka: e.Kafka, Topics: e.Canonical}
	if err := send.CreateTopics(ctx, to, demoPartitions, 1); err != nil {
		return err
	}
	if h.shop != nil {
		if err := know(ctx, c, dir, h.shop); err != nil {
			return err
		}
	}
	log := logger(c, a.err)
	ready := make(chan *pipeline.Pipeline, 1)
	follower := pipeline.Follower{Log: log, Config: c, Show: func(p *pipeline.Pipeline, _ error) {
		select {
		case ready <- p: // the first is waited for
		default:
		}
	}}

	// The pipeline is stopped before what it stands on.
	running, stop := context.WithCancel(ctx)
	group, running := errgroup.WithContext(running)
	defer func() {
		stop()
		if e := group.Wait(); e != nil && err == nil {
			err = e
		}
	}()
	group.Go(func() error { return follower.Run(running) })
	var p *pipeline.Pipeline
	select {
	case p = <-ready:
	case <-running.Done():
		return ctx.Err()
	}

	past, rest := split(h.records, event.TimeOf(h.to))
	if fed.Done {
		past, rest = split(h.records, max(event.TimeOf(h.to), event.TimeOf(begin)))
	} else {
		if err := fed.write(dir); err != nil {
			return err
		}
		say("Feeding %s, %s to %s", h.name, h.from.UTC().Format(time.DateOnly), h.to.UTC().Format(time.DateOnly))
		to.Progress = send.NewProgress(a.err, h.total, h.from, h.to)
		if _, err := send.Run(running, to, past); err != nil {
			return err
		}
		to.Progress = nil
		fed.Done = true
		if h.incidents != nil {
			fed.Incidents = h.incidents()
		}
		if err := fed.write(dir); err != nil {
			return err
		}
		past = nil
	}
	if err := d.settle(running, p, say); err != nil {
		return err
	}
	say("All of it is in the tables, %s after the start", took(time.Since(begin)))
	if err := d.tell(ctx, a, options, h.name, fed.Incidents); err != nil {
		return err
	}
	if d.Once {
		return nil
	}
	say("\nIt stays until Ctrl-C. Look around:\n  ClickHouse  curl '%s/?user=reader&database=%s&query=SELECT+channel,+count()+FROM+sessions+GROUP+BY+channel'\n  Kafka       %s",
		stack.ClickHouse.URL(), c.ClickHouse.Database, stack.Kafka.Address)
	if d.From == "simulated" {
		to.Live = &send.Live{From: h.to}
		group.Go(func() error {
			if past != nil { // was sent before: pass over it
				to.Live.From = time.Now()
				for range past {
				}
			}
			_, err := send.Run(running, to, rest)
			if running.Err() != nil {
				return nil
			}
			return err
		})
	}
	<-running.Done()
	if ctx.Err() != nil {
		say("Stopping")
		return nil
	}
	return nil // the group's error says why
}

// demoConfig is the configuration of a pipeline that runs on the local stack. The feed keys its clicks by visitor.
func demoConfig(s *local.Stack, dir string) *config.Config {
	c := config.Default()
	c.Kafka.Brokers = s.Kafka.Brokers()
	c.ClickHouse.Address = s.ClickHouse.URL()
	c.DataDir = filepath.Join(dir, "afterclick")
	c.KeyedBy = config.KeyedByVisitor
	c.Topics.Partitions = demoPartitions
	c.Log.Level = "warn"
	return c
}

// settle waits until all is in the tables, and shows how far it is.
func (d *demoCommand) settle(ctx context.Context, p *pipeline.Pipeline, say func(string, ...any)) error {
	told := time.Now()
	for {
		done, err := p.Done(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if done {
			return nil
		}
		if time.Since(told) > 2*time.Second {
			told = time.Now()
			if lag, err := p.Engine.Lag(ctx); err == nil {
				say("Joining: %d records to go, %d sessions and orders known", lag, p.Engine.Metrics.States.Load())
			}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// tell prints the summary, and what really happened in the simulated shop.
func (d *demoCommand) tell(ctx context.Context, a *app, options clickhouse.Options, name string, incidents []shop.Incident) error {
	conn, err := clickhouse.Open(&options)
	if err != nil {
		return err
	}
	defer conn.Close()
	summary, err := queries.Summarize(ctx, conn)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "\n%s\n", strings.ToUpper(name[:1])+name[1:])
	printSummary(a.out, summary)
	if len(incidents) > 0 {
		fmt.Fprintln(a.out, "\nWHAT REALLY WENT WRONG in the simulated shop")
		for _, i := range incidents {
			fmt.Fprintf(a.out, "  %s\n", i)
		}
	}
	return nil
}

// split cuts a stream at a source time. The second part goes on where the first ended, and must be read after it.
func split(records feed.Stream, at event.Time) (before, after feed.Stream) {
	next, stop := iter.Pull(records)
	var first feed.Record
	var more bool
	before = func(yield func(feed.Record) bool) {
		for {
			if first, more = next(); !more || first.Arrival >= at || !yield(first) {
				return
			}
		}
	}
	after = func(yield func(feed.Record) bool) {
		defer stop()
		for more && yield(first) {
			first, more = next()
		}
	}
	return before, after
}
