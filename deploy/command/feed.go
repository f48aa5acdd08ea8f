package command

import (
	"context"
	"fmt"
	"time"

	"github.com/afterclick/afterclick/deploy/feed/send"
	"github.com/afterclick/afterclick/schemas/event"
)

type feedCommand struct {
	source `embed:""`

	Print  bool    `help:"Write the records to standard output as JSON lines instead of to Kafka."`
	Rate   float64 `help:"Records per second at most; 0: as fast as it goes."`
	Live   bool    `help:"After its history, the simulated shop goes on at the pace of the clock, until Ctrl-C."`
	Truth  bool    `help:"At the end, print what went wrong in the simulated shop: what boards and alerts should have found."`
	Create bool    `help:"Create the source topics where they are missing."`
}

func (feedCommand) Help() string {
	return `Examples:
  afterclick feed --days 7 --create
  afterclick feed --print --days 1 | head
  afterclick feed --from olist:DIR
Where to send is in the configuration: kafka.brokers and sources: the first
of each kind in format json. Each record carries its own time in the header afterclick-time.`
}

func (f *feedCommand) Run(ctx context.Context, a *app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	h, err := f.open(f.Live)
	if err != nil {
		return err
	}
	e, err := c.Engine()
	if err != nil {
		return err
	}
	o := send.Options{Kafka: e.Kafka, Topics: e.Canonical, Rate: f.Rate, Progress: send.NewProgress(a.err, h.total, h.from, h.to)}
	if f.Live {
		o.Live = &send.Live{From: h.to}
	}
	if f.Create && !f.Print {
		if err := send.CreateTopics(ctx, o, e.Partitions, e.Replication); err != nil {
			return err
		}
	}
	begin := time.Now()
	var counts send.Counts
	if f.Print {
		counts, err = send.Print(ctx, a.out, o, h.records)
	} else {
		counts, err = send.Run(ctx, o, h.records)
	}
	if err != nil {
		return err
	}
	took := time.Since(begin)
	fmt.Fprintf(a.err, "%s: %d records in %s (%.0f/s):", h.name, counts.Total(), took.Round(time.Millisecond), float64(counts.Total())/took.Seconds())
	for _, t := range event.SourceTopics {
		fmt.Fprintf(a.err, " %s %d", t, counts[t])
	}
	fmt.Fprintln(a.err)
	if f.Truth && h.incidents != nil {
		for _, i := range h.incidents() {
			fmt.Fprintln(a.err, i)
		}
	}
	return nil
}
