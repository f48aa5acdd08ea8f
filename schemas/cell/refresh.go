package cell

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/afterclick/afterclick/schemas/table"
)

// Refresher computes the cells of touched buckets again. Several may run at once, they do the same work twice at worst.
//
// Why nothing is missed: the server stamps a touch (noted) after the rows that it speaks of can be read. A refresh asks the server for
// the time (version) before it reads. So a touch noted before a refresh's version, even one that it could not see yet, is served by it;
// a touch counts as open until a version is later by Margin.
type Refresher struct {
	Conn clickhouse.Conn
	// Margin is what server clocks may disagree by, or jump back, and what a replica may lag behind. Default: a second.
	Margin time.Duration
	// Every is how often the newest buckets (those of the last hour that has any rows) are refreshed, Older how often all. Default: 5 s, 1 min.
	Every, Older time.Duration
	// Restate is how often the totals of days that are over are looked at again. Default: an hour.
	Restate time.Duration
	Logger  *slog.Logger // Default: slog.Default
}

// batch bounds the buckets of one statement, and so its memory.
const batch = 500

// newest is how far behind the last bucket the newest ones reach.
const newest = time.Hour

// touch is a bucket or month whose cells are out of date.
type touch struct {
	cell, scope string
	at          time.Time
}

// Refresh computes all cells that are out of date and returns how many buckets that were.
func (r Refresher) Refresh(ctx context.Context) (refreshed int, err error) {
	return r.refresh(ctx, false)
}

// Pending is how many buckets and months are out of date, or may be for all that clocks tell. It is 0 a Margin after the last insert
// and a Refresh after that.
func (r Refresher) Pending(ctx context.Context) (int, error) {
	open, err := r.open(ctx)
	return len(open), err
}

// Run refreshes until ctx ends, and returns its cause. Errors are logged, and what failed is tried again.
func (r Refresher) Run(ctx context.Context) error {
	every, older, restate, logger := r.Every, r.Older, r.Restate, r.Logger
	if restate <= 0 {
		restate = time.Hour
	}
	if every <= 0 {
		every = 5 * time.Second
	}
	if older <= 0 {
		older = time.Minute
	}
	if logger == nil {
		logger = slog.Default()
	}
	var last, told, stated time.Time
	since := never
	for {
		began := time.Now()
		all := began.Sub(last) >= older
		_, err := r.refresh(ctx, !all)
		if err == nil && all && began.Sub(stated) >= restate {
			if since, err = r.state(ctx, since); err == nil {
				stated = began
			}
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && began.Sub(told) >= time.Minute: // an outage is told now and then, not every time
			logger.Warn("refreshing the aggregates failed, trying again", "error", err)
			told = began
		case err == nil && all:
			last = began
		}
		// However much there is to do: leave the server most of its time.
		pause := max(every, 4*time.Since(began))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

func (r Refresher) refresh(ctx context.Context, newestOnly bool) (refreshed int, err error) {
	open, err := r.open(ctx)
	if err != nil {
		return 0, err
	}
	for _, c := range Cells() {
		var buckets, months []time.Time
		for _, t := range open {
			switch {
			case t.cell != c.Name:
			case t.scope == table.ScopeMonth:
				months = append(months, t.at)
			case !newestOnly || len(buckets) == 0 || buckets[0].Sub(t.at) < newest: // the latest comes first
				buckets = append(buckets, t.at)
			}
		}
		n, err := r.compute(ctx, c, buckets)
		refreshed += n
		if err != nil {
			return refreshed, err
		}
		if newestOnly {
			continue
		}
		n, err = r.leave(ctx, c, months)
		refreshed += n
		if err != nil {
			return refreshed, err
		}
	}
	return refreshed, nil
}

func (r Refresher) margin() time.Duration {
	if r.Margin > 0 {
		return r.Margin
	}
	return time.Second
}

// open lists what is out of date, the latest first.
func (r Refresher) open(ctx context.Context) ([]touch, error) {
	rows, err := r.Conn.Query(ctx, `SELECT cell, scope, at
FROM (SELECT cell, scope, at, max(noted) AS noted FROM touched GROUP BY cell, scope, at) AS t
LEFT JOIN (SELECT cell, scope, at, max(version) AS version FROM refreshed GROUP BY cell, scope, at) AS r USING (cell, scope, at)
WHERE noted >= version - toIntervalMicrosecond(?)
ORDER BY at DESC`, r.margin().Microseconds())
	if err != nil {
		return nil, fmt.Errorf("find touched buckets: %w", err)
	}
	defer rows.Close()
	var open []touch
	for rows.Next() {
		var t touch
		if err := rows.Scan(&t.cell, &t.scope, &t.at); err != nil {
			return nil, fmt.Errorf("find touched buckets: %w", err)
		}
		open = append(open, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("find touched buckets: %w", err)
	}
	return open, nil
}

// compute replaces the cells of the buckets.
func (r Refresher) compute(ctx context.Context, c *Cell, buckets []time.Time) (done int, err error) {
	for some := range slices.Chunk(buckets, batch) {
		version, err := r.now(ctx)
		if err != nil {
			return done, err
		}
		if err := r.exec(ctx, c.compute(some, version)); err != nil {
			return done, fmt.Errorf("compute %d buckets of %s: %w", len(some), c.Name, err)
		}
		if err := r.note(ctx, c, table.ScopeBucket, some, version); err != nil {
			return done, err
		}
		done += len(some)
	}
	return done, nil
}

// leave replaces the cells of buckets that rows have left.
func (r Refresher) leave(ctx context.Context, c *Cell, months []time.Time) (done int, err error) {
	for some := range slices.Chunk(months, 12) {
		version, err := r.now(ctx)
		if err != nil {
			return done, err
		}
		var left []struct {
			Bucket time.Time `ch:"bucket"`
		}
		if err := r.Conn.Select(ctx, &left, c.left(some)); err != nil {
			return done, fmt.Errorf("find buckets of %s that rows have left: %w", c.Name, err)
		}
		buckets := make([]time.Time, len(left))
		for i, l := range left {
			buckets[i] = l.Bucket
		}
		n, err := r.compute(ctx, c, buckets)
		done += n
		if err != nil {
			return done, err
		}
		if err := r.note(ctx, c, table.ScopeMonth, some, version); err != nil {
			return done, err
		}
	}
	return done, nil
}

// now is the server's time, before what is read next.
func (r Refresher) now(ctx context.Context) (string, error) {
	var now string
	if err := r.Conn.QueryRow(ctx, "SELECT toString(now64(6, 'UTC'))").Scan(&now); err != nil {
		return "", fmt.Errorf("ask ClickHouse for the time: %w", err)
	}
	return now, nil
}

// note says that the buckets or months are up to date as of version. It comes last: until then they are done again.
func (r Refresher) note(ctx context.Context, c *Cell, scope string, at []time.Time, version string) error {
	list := make([]string, len(at))
	for i, t := range at {
		list[i] = table.Quote(t.Format(time.DateTime))
	}
	err := r.exec(ctx, fmt.Sprintf("INSERT INTO %s (cell, scope, at, version) SELECT %s, %s, toDateTime64(arrayJoin([%s]), 3, 'UTC'), toDateTime64(%s, 6, 'UTC')",
		table.Refreshed.Stored(), table.Quote(c.Name), table.Quote(scope), strings.Join(list, ", "), table.Quote(version)))
	if err != nil {
		return fmt.Errorf("note refreshed buckets of %s: %w", c.Name, err)
	}
	return nil
}

func (r Refresher) exec(ctx context.Context, statement string) error {
	return r.Conn.Exec(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"max_partitions_per_insert_block": 0,
		"max_query_size":                  1 << 20,
	})), statement)
}
