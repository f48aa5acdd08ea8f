package admin

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/afterclick/afterclick/deploy/lookup"
	"github.com/afterclick/afterclick/deploy/pipeline"
)

// registry has all metrics of one instance. Names and help are the documentation: /metrics prints them.
func registry(p *pipeline.Pipeline) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counter := func(name, help string, labels prometheus.Labels, value func() float64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "afterclick", Name: name, Help: help, ConstLabels: labels}, value))
	}
	gauge := func(name, help string, value func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "afterclick", Name: name, Help: help}, value))
	}
	count := func(n *atomic.Int64) func() float64 { return func() float64 { return float64(n.Load()) } }
	seconds := func(n *atomic.Int64) func() float64 { return func() float64 { return float64(n.Load()) / 1e9 } }
	gauge("generation", "Generation of the tables that this instance writes to; afterclick rebuild makes the next.", func() float64 { return float64(p.Generation) })
	if p.Engine != nil {
		m := &p.Engine.Metrics
		counter("records_read_total", "Records read from source topics and from our own.", nil, count(&m.Read))
		counter("records_routed_total", "Records written to the machines' topics.", nil, count(&m.Routed))
		for status, n := range map[string]*atomic.Int64{"accepted": &m.Accepted, "duplicate": &m.Duplicate, "late": &m.Late} {
			counter("events_total", "Events that a machine was given, by what became of them. Aborted epochs count again.", prometheus.Labels{"status": status}, count(n))
		}
		counter("dead_letters_total", "Records that were refused; the table dead_letters says why.", nil, count(&m.Refused))
		counter("wrong_keys_total", "Of them, those whose key contradicts keyed_by: visitor.", nil, count(&m.WrongKeys))
		counter("waits_total", "Times that a record could not be read because something else, such as a schema registry, was away.", nil, count(&m.Waits))
		counter("epochs_total", "Epochs that were committed.", nil, count(&m.Epochs))
		counter("epochs_aborted_total", "Epochs that were dropped and replayed.", nil, count(&m.Aborted))
		counter("lane_restarts_total", "Lanes that began anew after an error.", nil, count(&m.Restarts))
		for phase, n := range map[string]*atomic.Int64{"apply": &m.BusyNanos, "insert": &m.InsertNanos, "commit": &m.CommitNanos} {
			counter("epoch_phase_seconds_total", "Time of all lanes in each phase of an epoch.", prometheus.Labels{"phase": phase}, seconds(n))
		}
		counter("states_restored_total", "States that were read back at a start or after a rebalance.", nil, count(&m.Restored))
		gauge("states", "Keyed states of this instance's partitions.", count(&m.States))
		gauge("state_bytes", "Memory that holds them.", count(&m.StateBytes))
		gauge("states_held", "States with changes that no row shows yet.", count(&m.Held))
	}
	if l := p.Lookups; l != nil {
		for i, c := range l.Counts() {
			name := prometheus.Labels{"lookup": c.Name}
			of := func() lookup.Count { return l.Counts()[i] }
			counter("lookups_found_total", "Questions to a lookup that it could answer.", name, func() float64 { return float64(of().Found) })
			counter("lookups_unknown_total", "Questions to a lookup that it could not answer.", name, func() float64 { return float64(of().Unknown) })
			r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "afterclick", Name: "lookup_entries", ConstLabels: name,
				Help: "Entries of a lookup; of places, nodes."}, func() float64 { return float64(of().Entries) }))
			r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "afterclick", Name: "lookup_bytes", ConstLabels: name,
				Help: "Memory of a lookup, about."}, func() float64 { return float64(of().Bytes) }))
		}
		counter("lookup_bad_records_total", "Records of lookups' topics that are of no use; the log says why.", nil, count(&l.BadRecords))
	}
	if p.Writer != nil {
		w := p.Writer
		counter("inserts_total", "Inserts into ClickHouse that succeeded.", nil, func() float64 { return float64(w.Counts().Inserts) })
		counter("insert_rows_total", "Rows in them.", nil, func() float64 { return float64(w.Counts().Rows) })
		counter("insert_bytes_total", "Bytes in them, before compression.", nil, func() float64 { return float64(w.Counts().Bytes) })
		counter("insert_retries_total", "Inserts that failed and were made again.", nil, func() float64 { return float64(w.Counts().Retries) })
	}
	return r
}
