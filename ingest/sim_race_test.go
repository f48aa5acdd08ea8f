//go:build race

package ingest

// The race detector makes everything ten times slower, and a simulation is one goroutine at a time.
func init() { simDefault = 50 }
