// Bench measures the click path on one machine: Kafka → decode → validate → enrich → SESSION → ClickHouse, exactly once, aggregates
// on. Kafka, ClickHouse and `afterclick run` are three processes of the same binary, so that the CPU of each is its own.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/feed/send"
	"github.com/afterclick/afterclick/deploy/feed/shop"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/writer"
)

// bench is what can be chosen. In the defaults every visitor clicks every 5 seconds of event time, and a lane's epoch rarely sees
// one twice.
type bench struct {
	Binary     string        `default:"bin/afterclick" help:"The afterclick to measure."`
	Events     int64         `default:"2000000" help:"Clicks."`
	Live       int           `default:"200000" help:"Visits that go on at any time, ten clicks each."`
	Rate       float64       `default:"40000" help:"Clicks per second of event time; live/rate is the time between two clicks of a visitor, at least 5 s."`
	Seed       uint64        `default:"1" help:"The same seed gives the same clicks."`
	Partitions int32         `default:"4" help:"Of the clickstream."`
	Set        []string      `short:"s" sep:"none" placeholder:"KEY=VALUE" help:"Set a key of run's configuration."`
	Pace       float64       `default:"10000" help:"Clicks per second while the latency is measured; 0: do not measure it."`
	Paced      time.Duration `default:"20s" help:"How long."`
	CPUProfile string        `name:"cpu-profile" placeholder:"FILE" help:"CPU profile of run, for go tool pprof."`
	MemProfile string        `name:"mem-profile" placeholder:"FILE" help:"Heap profile of run at its end."`
	Dir        string        `placeholder:"DIR" help:"Where the data is meanwhile. Default: a temporary folder. Removed at the end."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var b bench
	kong.Parse(&b, kong.Name("bench"), kong.Description("Measures Afterclick's click path on this machine."))
	err := b.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }

func (b *bench) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp(b.Dir, "afterclick-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	busy := machine()
	say("starting Kafka and ClickHouse")
	broker, err := b.server(ctx, "kafka", filepath.Join(dir, "kafka"))
	if err != nil {
		return err
	}
	defer broker.stop()
	engine, err := b.server(ctx, "clickhouse", filepath.Join(dir, "clickhouse"))
	if err != nil {
		return err
	}
	defer engine.stop()
	options, err := writer.Options(engine.address)
	if err != nil {
		return err
	}
	options.Auth.Database = "afterclick"
	if _, err := migrate.Up(ctx, options); err != nil {
		return err
	}
	to := send.Options{Kafka: []kgo.Opt{kgo.SeedBrokers(broker.address)}}
	if err := send.CreateTopics(ctx, to, b.Partitions, 1); err != nil {
		return err
	}
	tables, err := openTables(options)
	if err != nil {
		return err
	}
	defer tables.close()
	r := &report{bench: b, machine: busy, binary: version(ctx, b.Binary), engine: tables.version(ctx)}

	// The event time ends a while ago, so that the latency's clicks come after it.
	length := time.Duration(float64(b.Events) / b.Rate * float64(time.Second))
	load, err := shop.NewLoad(shop.LoadConfig{Seed: b.Seed, Start: time.Now().Add(-length - time.Minute), Rate: b.Rate, Live: b.Live, Events: b.Events})
	if err != nil {
		return err
	}
	sent := newTally()
	to.Progress = send.NewProgress(os.Stderr, b.Events, time.Time{}, time.Time{})
	if _, err := send.Run(ctx, to, sent.count(load.Records())); err != nil {
		return err
	}
	r.sent, r.sessions = *sent, len(sent.visitors)

	say("measuring")
	if err := b.throughput(ctx, dir, broker, engine, r); err != nil {
		return err
	}
	say("checking the tables")
	if r.lag, err = lag(ctx, to.Kafka); err != nil {
		return err
	}
	if err := tables.check(ctx, sent); err != nil {
		return err
	}
	r.disk = tables.disk(ctx)
	if b.Pace > 0 {
		say("measuring latency at %.0f clicks/s for %s", b.Pace, b.Paced)
		if r.latency, err = b.measureLatency(ctx, dir, broker, engine, tables, sent); err != nil {
			return err
		}
		if err := tables.check(ctx, sent); err != nil {
			return fmt.Errorf("after measuring latency: %w", err)
		}
	}
	return r.print(os.Stdout)
}

// throughput lets run work off what was fed.
func (b *bench) throughput(ctx context.Context, dir string, broker, engine *process, r *report) error {
	args := []string{"--once"}
	if b.CPUProfile != "" {
		args = append(args, "--cpu-profile", b.CPUProfile)
	}
	if b.MemProfile != "" {
		args = append(args, "--mem-profile", b.MemProfile)
	}
	ours, err := b.start(ctx, b.runArgs(dir, broker, engine, args...))
	if err != nil {
		return err
	}
	watched := watch(broker, engine, ours)
	err = ours.wait()
	watched.stop()
	if err != nil {
		return fmt.Errorf("afterclick run: %w", err)
	}
	r.run, r.end = ours.logged["stopped"], ours.logged["everything is in the tables"]
	if r.span, err = spanOf(r.run); err != nil {
		return err
	}
	r.broker, r.clickhouse, r.ours = watched.used(broker, r.span), watched.used(engine, r.span), watched.used(ours, r.span)
	r.settled = watched.last.Sub(r.span.to)
	return nil
}

// lag is how many records our groups have not committed.
func lag(ctx context.Context, kafka []kgo.Opt) (total int64, err error) {
	client, err := kgo.NewClient(kafka...)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	groups, err := kadm.NewClient(client).Lag(ctx, "afterclick.sessions", "afterclick.journeys")
	if err != nil {
		return 0, fmt.Errorf("ask for the lag: %w", err)
	}
	for _, g := range groups {
		if err := g.Error(); err != nil {
			return 0, fmt.Errorf("ask for the lag of %s: %w", g.Group, err)
		}
		total += g.Lag.Total()
	}
	if total != 0 {
		return total, fmt.Errorf("run has ended, but %d records are not committed", total)
	}
	return total, nil
}

// runArgs is the command line of the pipeline.
func (b *bench) runArgs(dir string, broker, engine *process, more ...string) []string {
	args := []string{"run"}
	for _, set := range append([]string{"kafka.brokers=" + broker.address, "clickhouse.address=" + engine.address, "keyed_by=visitor",
		"data_dir=" + filepath.Join(dir, "run"), "log.format=json", fmt.Sprintf("topics.partitions=%d", b.Partitions)}, b.Set...) {
		args = append(args, "-s", set)
	}
	return append(args, more...)
}
