package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/afterclick/afterclick/deploy/local"
)

type localCommand struct {
	Servers    []string `arg:"" optional:"" enum:"kafka,clickhouse" help:"Which: kafka, clickhouse. Default: both."`
	Data       string   `placeholder:"DIR" help:"Keep everything in this folder, and go on with it next time. Default: a folder that is removed at the end."`
	Kafka      string   `placeholder:"HOST:PORT" default:"127.0.0.1:9092" help:"Loopback address for Kafka; port 0 takes a free one."`
	ClickHouse string   `name:"clickhouse" placeholder:"HOST:PORT" default:"127.0.0.1:8123" help:"Loopback address for ClickHouse's HTTP protocol; port 0 takes a free one."`
}

func (localCommand) Help() string {
	return `Starts an in-process Kafka and the real ClickHouse engine, prints their addresses as keys of the configuration, and stays until Ctrl-C.
They have no passwords, and listen on loopback only.

Examples:
  afterclick local
  afterclick local clickhouse --data tables
In another terminal, with what it printed:
  afterclick migrate -s clickhouse.address=http://127.0.0.1:8123`
}

func (l *localCommand) Run(ctx context.Context, a *app) (err error) {
	wanted := func(server string) bool { return len(l.Servers) == 0 || slices.Contains(l.Servers, server) }
	dir := l.Data
	if dir == "" {
		if dir, err = os.MkdirTemp("", "afterclick-local-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	stack, err := local.Start(ctx, local.Config{Dir: dir, NoKafka: !wanted("kafka"), NoClickHouse: !wanted("clickhouse"),
		KafkaAddress: l.Kafka, ClickHouseAddress: l.ClickHouse})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stack.Close()) }()
	if stack.Kafka != nil {
		fmt.Fprintln(a.out, "kafka.brokers="+stack.Kafka.Address)
	}
	if stack.ClickHouse != nil {
		fmt.Fprintln(a.out, "clickhouse.address="+stack.ClickHouse.URL())
	}
	fmt.Fprintf(a.err, "Data in %s. It stays until Ctrl-C.\n", dir)
	<-ctx.Done()
	return nil
}
