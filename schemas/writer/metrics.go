package writer

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

type counters struct {
	inserts, rows, bytes, retries, refusals atomic.Uint64
}

// Counts is what a writer has done since it was opened.
type Counts struct {
	Inserts  uint64 // that succeeded
	Rows     uint64 // in them
	Bytes    uint64 // in them, before compression
	Retries  uint64 // attempts that failed and were made again
	Refusals uint64 // inserts given up: trying again cannot help
	// FailingSince is when the ongoing outage began; zero while all is well.
	FailingSince time.Time
}

// Counts may be called at any time.
func (w *Writer) Counts() Counts {
	return Counts{
		Inserts: w.inserts.Load(), Rows: w.rows.Load(), Bytes: w.bytes.Load(), Retries: w.retries.Load(), Refusals: w.refusals.Load(),
		FailingSince: w.outage.start(),
	}
}

// outage keeps a lasting failure from filling the log: it is told once, then rarely, then when it is over.
type outage struct {
	mu     sync.Mutex
	since  time.Time
	logged time.Time
}

func (o *outage) start() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.since
}

func (o *outage) seen(c Config, what string, attempt int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if o.since.IsZero() {
		o.since = now
	}
	if now.Sub(o.logged) < c.LogEvery {
		return
	}
	o.logged = now
	c.Logger.Warn("ClickHouse does not take rows, trying again; nothing is lost, reading pauses",
		"doing", what, "attempt", attempt, "since", o.since, "error", err)
}

func (o *outage) over(l *slog.Logger) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		return
	}
	l.Info("ClickHouse takes rows again", "after", time.Since(o.since).Round(time.Millisecond))
	o.since, o.logged = time.Time{}, time.Time{}
}
