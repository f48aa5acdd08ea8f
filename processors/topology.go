// Package processors says how the machines stand together: which log each one reads, whom it tells what, and which tables it
// writes. The machines themselves are in the folders below; the engine in ingest runs them.
package processors

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/afterclick/afterclick/schemas/event"
)

// Topology is the whole flow as one value: sources are routed to logs, each log is read by one machine, machines write tables and
// tell the next machine through its log, and cells are computed from tables.
type Topology struct {
	Logs     []Log
	Machines []Machine // in the order of the flow: a machine only tells those after it
	Cells    []Cell
}

// Log is a topic that a machine reads. All records of one key are in one partition, in one committed order.
type Log struct {
	Name    string // of the Kafka topic, after the prefix
	Key     string // what its records are keyed by
	Carries []event.Topic
}

// Machine folds the records of its log, key by key, into rows.
type Machine struct {
	Name   string
	Reads  string        // exactly one log: the state is a function of the prefix of a partition
	Writes []string      // tables; no other machine writes them
	Says   []event.Topic // messages that the log of a later machine carries
}

// Cell is an aggregate that the pipeline computes again, bucket by bucket, when rows of its tables changed.
type Cell struct {
	Name string
	Of   []string // tables
}

// Flow is the topology of Afterclick. Besides what it shows, every record of a source is a row of the table of events.
var Flow = Topology{
	Logs: []Log{
		{Name: "clicks", Key: "visitor", Carries: []event.Topic{event.Clickstream}},
		{Name: "journeys", Key: "order, or review without one", Carries: []event.Topic{event.Orders, event.Deliveries, event.Reviews, event.Touches}},
	},
	Machines: []Machine{
		{Name: "session", Reads: "clicks", Writes: []string{"sessions", "identities"}, Says: []event.Topic{event.Touches}},
		{Name: "journey", Reads: "journeys", Writes: []string{"journeys", "reviews"}},
	},
	Cells: []Cell{
		{Name: "funnel", Of: []string{"sessions"}},
		{Name: "delivery", Of: []string{"journeys"}},
		{Name: "reputation", Of: []string{"reviews"}},
	},
}

// Validate names all rules that t breaks.
func (t Topology) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("topology: "+format, args...)) }

	carried := map[event.Topic]string{} // by which log
	readers := map[string]string{}
	for _, l := range t.Logs {
		if _, twice := readers[l.Name]; twice || l.Name == "" || l.Key == "" {
			wrong("log %q: needs a name of its own and a key", l.Name)
		}
		readers[l.Name] = ""
		for _, topic := range l.Carries {
			if other, twice := carried[topic]; twice {
				wrong("%s are carried by the logs %s and %s: a key's records must be in one order", topic, other, l.Name)
			}
			carried[topic] = l.Name
		}
	}
	for _, topic := range event.SourceTopics {
		if carried[topic] == "" {
			wrong("no log carries %s", topic)
		}
	}
	written := map[string]string{} // by which machine
	said := map[event.Topic]bool{}
	place := map[string]int{} // of a log's reader
	for i, m := range t.Machines {
		if reader, known := readers[m.Reads]; !known || reader != "" {
			wrong("machine %s reads the log %q, which is not there or has another reader", m.Name, m.Reads)
		}
		readers[m.Reads] = m.Name
		place[m.Reads] = i
		if len(m.Writes) == 0 {
			wrong("machine %s writes nothing", m.Name)
		}
		for _, table := range m.Writes {
			if other, twice := written[table]; twice {
				wrong("table %s is written by %s and %s", table, other, m.Name)
			}
			written[table] = m.Name
		}
	}
	for i, m := range t.Machines {
		for _, topic := range m.Says {
			said[topic] = true
			switch to, known := place[carried[topic]]; {
			case slices.Contains(event.SourceTopics, topic):
				wrong("machine %s says %s, which come from outside", m.Name, topic)
			case !known:
				wrong("machine %s says %s, and nobody reads them", m.Name, topic)
			case to <= i:
				wrong("machine %s says %s to %s, which is not after it", m.Name, topic, t.Machines[to].Name)
			}
		}
	}
	for log, reader := range readers {
		if reader == "" {
			wrong("nobody reads the log %s", log)
		}
	}
	for topic, log := range carried {
		if !slices.Contains(event.SourceTopics, topic) && !said[topic] {
			wrong("log %s carries %s, which nobody says", log, topic)
		}
	}
	for _, c := range t.Cells {
		if len(c.Of) == 0 {
			wrong("cell %s is made of nothing", c.Name)
		}
		for _, table := range c.Of {
			if written[table] == "" {
				wrong("cell %s is made of the table %s, which no machine writes", c.Name, table)
			}
		}
	}
	return errors.Join(errs...)
}

// Mermaid draws t for the docs.
func (t Topology) Mermaid() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("flowchart LR")
	log := map[event.Topic]string{}
	for _, l := range t.Logs {
		line("  log_%s[/\"afterclick.%s, keyed by %s\"/]", l.Name, l.Name, l.Key)
		for _, topic := range l.Carries {
			log[topic] = l.Name
			if slices.Contains(event.SourceTopics, topic) {
				line("  %s([%s]) -- ROUTE --> log_%s", topic, topic, l.Name)
			}
		}
	}
	for _, m := range t.Machines {
		line("  log_%s --> %s{{%s}}", m.Reads, m.Name, strings.ToUpper(m.Name))
		for _, table := range m.Writes {
			line("  %s --> table_%s[(%s)]", m.Name, table, table)
		}
		for _, topic := range m.Says {
			line("  %s -- %s --> log_%s", m.Name, topic, log[topic])
		}
	}
	for _, c := range t.Cells {
		for _, table := range c.Of {
			line("  table_%s -.-> cell_%s[%s]", table, c.Name, c.Name)
		}
	}
	return b.String()
}
