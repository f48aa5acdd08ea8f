package main

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/cespare/xxhash/v2"

	"github.com/afterclick/afterclick/deploy/feed"
)

// tally is what was sent, in numbers that the tables can be asked for.
type tally struct {
	events   int64
	bytes    int64  // of the values
	content  uint64 // sum of the hashes of the values: which events, byte by byte
	clicks   uint64 // sum of the hashes of the visitors, once for each click: who clicked how often
	visitors map[uint64]struct{}
}

func newTally() *tally { return &tally{visitors: map[uint64]struct{}{}} }

// count counts what passes. Every visitor of the load has one session: no pause is long, and no visitor comes back.
func (t *tally) count(records feed.Stream) feed.Stream {
	return func(yield func(feed.Record) bool) {
		for r := range records {
			t.add(r)
			if !yield(r) {
				return
			}
		}
	}
}

func (t *tally) add(r feed.Record) {
	visitor := xxhash.Sum64(r.Key)
	t.events++
	t.bytes += int64(len(r.Value))
	t.content += xxhash.Sum64(r.Value)
	t.clicks += visitor
	t.visitors[visitor] = struct{}{}
}

// tables is a connection to where everything must have arrived.
type tables struct{ conn clickhouse.Conn }

func openTables(o clickhouse.Options) (*tables, error) {
	conn, err := clickhouse.Open(&o)
	if err != nil {
		return nil, err
	}
	return &tables{conn}, nil
}

func (t *tables) close() { t.conn.Close() }

// check compares what analysts see with what was sent.
func (t *tables) check(ctx context.Context, sent *tally) error {
	for _, c := range []struct {
		what, query string
		want        uint64
	}{
		{"events", "SELECT count() FROM events WHERE status = 'accepted'", uint64(sent.events)},
		{"bytes of events", "SELECT sum(length(body)) FROM stored_events FINAL", uint64(sent.bytes)},
		{"the content of events (hashes summed up)", "SELECT sum(xxHash64(body)) FROM stored_events FINAL", sent.content},
		{"sessions", "SELECT count() FROM sessions", uint64(len(sent.visitors))},
		{"events of the sessions", "SELECT sum(events) FROM sessions", uint64(sent.events)},
		{"events by visitor (hashes summed up)", "SELECT sum(xxHash64(visitor) * events) FROM sessions", sent.clicks},
		{"sessions of the funnel", "SELECT sum(sessions) FROM funnel_with_bots", uint64(len(sent.visitors))},
		{"dead letters", "SELECT count() FROM dead_letters", 0},
	} {
		var got uint64
		if err := t.conn.QueryRow(ctx, c.query).Scan(&got); err != nil {
			return fmt.Errorf("%s: %w", c.query, err)
		}
		if got != c.want {
			return fmt.Errorf("the tables are wrong: %s: have %d, must be %d", c.what, got, c.want)
		}
	}
	return nil
}

// disk is what the tables take.
func (t *tables) disk(ctx context.Context) (bytes uint64) {
	t.conn.QueryRow(ctx, "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()").Scan(&bytes)
	return bytes
}

func (t *tables) version(ctx context.Context) (v string) {
	t.conn.QueryRow(ctx, "SELECT version()").Scan(&v)
	return v
}
