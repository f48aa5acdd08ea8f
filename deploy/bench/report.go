package main

import (
	"bufio"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// report is everything that was measured.
type report struct {
	bench          *bench
	binary, engine string // versions
	machine        string
	sent           tally
	sessions       int
	run, end       map[string]any // what run logged when it stopped, and when everything was in the tables

	span                     span
	broker, clickhouse, ours used
	settled                  time.Duration // from the end of the span until run ended, aggregates complete
	disk                     uint64
	lag                      int64
	latency                  *latency
}

// number reads a number of a log line.
func number(line map[string]any, key string) float64 {
	n, _ := line[key].(float64)
	return n
}

const mega = 1e6

func (r *report) print(w io.Writer) error {
	b, seconds := r.bench, r.span.length().Seconds()
	events := float64(r.sent.events)
	perEvent := func(u used) float64 { return u.cpu.Seconds() * 1e6 / events }
	cores := float64(runtime.NumCPU())
	total := perEvent(r.broker) + perEvent(r.clickhouse) + perEvent(r.ours)

	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetTitle("Click path: Kafka → decode → validate → enrich → SESSION → ClickHouse, exactly once, aggregates on")
	t.Style().Title.Align = text.AlignLeft
	t.Style().Options.SeparateRows = false
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 2, Align: text.AlignRight}, {Number: 3, WidthMax: 90}})
	row := func(what, value, about string) { t.AppendRow(table.Row{what, value, about}) }
	row("events", fmt.Sprintf("%d", r.sent.events), fmt.Sprintf("%d sessions, %.0f bytes an event; all fed before", r.sessions, float64(r.sent.bytes)/events))
	row("span", fmt.Sprintf("%.2f s", seconds), "from the first read until the last row is committed; ends with 2 s of waiting for more")
	row("speed", fmt.Sprintf("%.0f/s", events/seconds), "events a second over the whole span")
	t.AppendSeparator()
	row("CPU, afterclick run", fmt.Sprintf("%.2f µs", perEvent(r.ours)), "an event, user and system, in the span; each line is a process of its own")
	row("CPU, Kafka", fmt.Sprintf("%.2f µs", perEvent(r.broker)), "kfake")
	row("CPU, ClickHouse", fmt.Sprintf("%.2f µs", perEvent(r.clickhouse)), "libchdb behind HTTP; inserts, merges and aggregates")
	row("CPU, all", fmt.Sprintf("%.2f µs", total), fmt.Sprintf("%.0f%% of %d cores; all of them would do %.0f/s", total*events/1e4/seconds/cores, runtime.NumCPU(), cores*1e6/total))
	t.AppendSeparator()
	row("peak memory of run", fmt.Sprintf("%.0f MB", float64(r.ours.peak)/mega), fmt.Sprintf("%.0f states in %.0f MB; Kafka %.0f MB, ClickHouse %.0f MB",
		number(r.end, "states"), number(r.end, "state_bytes")/mega, float64(r.broker.peak)/mega, float64(r.clickhouse.peak)/mega))
	row("rows written", fmt.Sprintf("%.0f", number(r.run, "rows")), fmt.Sprintf("%.0f MB in %.0f inserts; %.0f MB on disk", number(r.run, "bytes")/mega, number(r.run, "inserts"), float64(r.disk)/mega))
	row("epochs", fmt.Sprintf("%.0f", number(r.run, "epochs")), fmt.Sprintf("%.0f aborted, of all lanes; each by %.0f records", number(r.run, "aborted"), events/max(1, number(r.run, "epochs"))))
	row("lanes' time", fmt.Sprintf("%.1f s", number(r.run, "busy_seconds")+number(r.run, "insert_seconds")+number(r.run, "commit_seconds")),
		fmt.Sprintf("decoding and applying %.1f, inserting %.1f, committing %.1f, summed up over all lanes", number(r.run, "busy_seconds"), number(r.run, "insert_seconds"), number(r.run, "commit_seconds")))
	row("lag at the end", fmt.Sprint(r.lag), fmt.Sprintf("aggregates complete and stopped %.1f s after the span", r.settled.Seconds()))
	if l := r.latency; l != nil {
		row("latency p50", fmt.Sprintf("%.0f ms", ms(l.p50)), fmt.Sprintf("from producing to a visible row, at %.0f clicks/s for %s; within %s", b.Pace, b.Paced, seenEvery))
		row("latency p99", fmt.Sprintf("%.0f ms", ms(l.p99)), fmt.Sprintf("of %d clicks; the slowest took %.0f ms", l.clicks, ms(l.max)))
	}
	row("tables", "right", "every event byte by byte, every session with its clicks, the funnel's sum, no dead letter")
	t.Render()

	fmt.Fprintf(w, "Workload: seed %d, %d visits live, a visitor clicks every %.0f s of event time, 10 clicks a visit, keyed by visitor, %d partitions, %s\n",
		b.Seed, b.Live, float64(b.Live)/b.Rate, b.Partitions, settings(b.Set))
	fmt.Fprintf(w, "Machine:  %s\nVersions: %s; ClickHouse %s; %s\n", r.machine, r.binary, r.engine, modules(b.Binary, "github.com/twmb/franz-go", "github.com/twmb/franz-go/pkg/kfake"))
	fmt.Fprintf(w, "events_per_s=%.0f cpu_us_per_event=%.3f broker_cpu_us_per_event=%.3f engine_cpu_us_per_event=%.3f peak_rss_mb=%.0f events=%d sessions=%d seconds=%.3f rows=%.0f bytes_written=%.0f epochs=%.0f aborted=%.0f lag=%d cores_used=%.2f",
		events/seconds, perEvent(r.ours), perEvent(r.broker), perEvent(r.clickhouse), float64(r.ours.peak)/mega, r.sent.events, r.sessions, seconds,
		number(r.run, "rows"), number(r.run, "bytes"), number(r.run, "epochs"), number(r.run, "aborted"), r.lag, total*events/1e6/seconds)
	if l := r.latency; l != nil {
		fmt.Fprintf(w, " latency_p50_ms=%.0f latency_p99_ms=%.0f", ms(l.p50), ms(l.p99))
	}
	_, err := fmt.Fprintln(w)
	return err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func settings(set []string) string {
	if len(set) == 0 {
		return "default configuration"
	}
	return strings.Join(set, " ")
}

// machine says what it ran on, and how busy that was with other things: to be asked before the work begins.
func machine() string {
	model, memory := "unknown processor", ""
	eachLine("/proc/cpuinfo", func(key, value string) {
		if key == "model name" {
			model = value
		}
	})
	eachLine("/proc/meminfo", func(key, value string) {
		if key == "MemTotal" {
			memory = value
		}
	})
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("%d × %s, %s, Linux %s, %s; load %s", runtime.NumCPU(), model, memory, strings.TrimSpace(string(kernel)), runtime.GOARCH,
		strings.Join(strings.Fields(string(load))[:3], " "))
}

// eachLine reads a file of lines "key: value".
func eachLine(file string, fn func(key, value string)) {
	f, err := os.Open(file)
	if err != nil {
		return
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if key, value, ok := strings.Cut(s.Text(), ":"); ok {
			fn(strings.TrimSpace(key), strings.TrimSpace(value))
		}
	}
}

// modules names the versions of modules that a binary was built with.
func modules(binary string, names ...string) string {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, name := range names {
		for _, m := range info.Deps {
			if m.Path == name {
				all = append(all, strings.TrimPrefix(name, "github.com/twmb/")+" "+m.Version)
			}
		}
	}
	return strings.Join(all, ", ")
}
