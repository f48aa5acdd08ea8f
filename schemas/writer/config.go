package writer

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Config says where to write and how patiently. Only Options is needed.
type Config struct {
	// Options has the address, protocol, database, user and TLS. Its settings win over the writer's own.
	Options clickhouse.Options
	// Parallel is how many inserts of one batch are under way at once. Default: 3.
	Parallel int
	// Timeout is how long one attempt of one insert may take. Default: a minute.
	Timeout time.Duration
	// BackoffMin and BackoffMax bound the pause between attempts, which doubles and is jittered. Default: 100 ms and 10 s.
	BackoffMin, BackoffMax time.Duration
	// LogEvery is how often a lasting failure is logged again. Default: 30 s.
	LogEvery time.Duration
	// Logger gets failures and recoveries. Default: slog.Default.
	Logger *slog.Logger
}

// Options reads an address: clickhouse://user:password@host:9000/database for the native protocol, http:// or https:// for HTTP.
// An error never contains the password.
func Options(address string) (clickhouse.Options, error) {
	if !strings.Contains(address, "://") {
		address = "clickhouse://" + address
	}
	o, err := clickhouse.ParseDSN(address)
	if err != nil {
		return clickhouse.Options{}, fmt.Errorf("ClickHouse address: %w (expected clickhouse://user:password@host:9000/database, or http://…:8123/database)", err)
	}
	return *o, nil
}

func (c *Config) complete() error {
	if len(c.Options.Addr) == 0 {
		return errors.New("writer: no ClickHouse address")
	}
	settings := clickhouse.Settings{
		// The caller commits when Insert returns: the rows must be there then. Epochs are batches already.
		"async_insert": 0,
		// Collapsing versions inside of a batch is the merges' work: it would cost five times the insert.
		"optimize_on_insert": 0,
		// Imported history touches a partition per month.
		"max_partitions_per_insert_block": 0,
	}
	maps.Copy(settings, c.Options.Settings)
	c.Options.Settings = settings
	if c.Options.Protocol == clickhouse.Native && c.Options.Compression == nil {
		c.Options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	if c.Parallel <= 0 {
		c.Parallel = 3
	}
	if c.Options.MaxOpenConns == 0 {
		c.Options.MaxOpenConns = 32 // lanes of an instance, each with Parallel inserts
		c.Options.MaxIdleConns = 8
	}
	for _, d := range []struct {
		set *time.Duration
		def time.Duration
	}{
		{&c.Timeout, time.Minute}, {&c.BackoffMin, 100 * time.Millisecond}, {&c.BackoffMax, 10 * time.Second},
		{&c.LogEvery, 30 * time.Second}, {&c.Options.DialTimeout, 10 * time.Second},
	} {
		if *d.set <= 0 {
			*d.set = d.def
		}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return nil
}
