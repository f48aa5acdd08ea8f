package ingest

import "sync/atomic"

// Metrics count what the engine did since it started. They are safe to read at any time.
type Metrics struct {
	Read          atomic.Int64 // records polled
	Routed        atomic.Int64 // records written to a machine's topic
	Accepted      atomic.Int64 // events that a machine applied
	Duplicate     atomic.Int64
	Late          atomic.Int64
	Refused       atomic.Int64 // dead letters
	Rows          atomic.Int64 // inserted, all tables
	Epochs        atomic.Int64 // committed
	Aborted       atomic.Int64 // epochs that were dropped and are replayed
	Restarts      atomic.Int64 // lanes that had to begin anew after an error
	Restored      atomic.Int64 // states read back from changelogs
	RestoredLocal atomic.Int64 // states of those that came from the local store
	States        atomic.Int64 // keys, in memory or on disk
	StatesAway    atomic.Int64 // keys whose states are only on disk
	StateBytes    atomic.Int64 // bytes of memory for them
	Held          atomic.Int64 // keys with changes that no row shows yet
	Waits         atomic.Int64 // times that a record could not be read because something else, such as a schema registry, was away
	WrongKeys     atomic.Int64 // records whose key contradicts keyed_by; any makes health red
	InsertNanos   atomic.Int64 // spent waiting for inserts
	CommitNanos   atomic.Int64 // spent in transactions
	BusyNanos     atomic.Int64 // spent decoding and applying
	// FirstRead is when the poll that gave the first records began, LastRows when the last rows were committed; nanoseconds
	// since 1970, 0 before.
	FirstRead, LastRows atomic.Int64
}

// gauges are what one task adds to the engine's totals.
type gauges struct{ states, away, bytes, held int64 }

// report replaces what the task reported before.
func (g *gauges) report(now gauges, m *Metrics) {
	m.States.Add(now.states - g.states)
	m.StatesAway.Add(now.away - g.away)
	m.StateBytes.Add(now.bytes - g.bytes)
	m.Held.Add(now.held - g.held)
	*g = now
}
