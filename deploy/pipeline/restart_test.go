package pipeline_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/send"
	"github.com/afterclick/afterclick/deploy/local/kafkatest"
	"github.com/afterclick/afterclick/processors/oracle"
	"github.com/afterclick/afterclick/schemas/event"
)

// How long `afterclick run` takes to go on where it was, with many journeys that are open: its states come from the local store, or
// from the changelog on a real Kafka.

var restartJourneys = flag.Int("journeys", 0, "how many open journeys TestRestart restarts with; 0: not at all")

// What is promised for a million.
const (
	fromLocal     = 5 * time.Second
	fromChangelog = time.Minute
)

// TestKafkaRestart: whatever states come from, and however little memory they may have, what follows makes the oracle's rows of them.
func TestKafkaRestart(t *testing.T) {
	t.Parallel()
	restart(t, restartPlan{journeys: 20_000, further: 500, checkpoint: time.Second, memory: []string{"8MB", "1MB"}})
}

// TestRestart is for make bench-restart.
func TestRestart(t *testing.T) {
	if *restartJourneys == 0 {
		t.Skip("no journeys asked for: make bench-restart")
	}
	n := *restartJourneys
	summary = restart(t, restartPlan{journeys: n, further: n / 100, checkpoint: time.Minute, memory: []string{"256MB", "64MB"}, promised: true})
}

type restartPlan struct {
	journeys   int
	further    int           // events that come while the instance is away
	checkpoint time.Duration // states.checkpoint
	memory     []string      // states.memory
	promised   bool          // hold it to the promises
}

// orders are events of so many journeys: each is placed, and nothing more is known of it.
func placed(n int) func(i int) *event.Event {
	start := event.TimeOf(time.Now().Add(-time.Hour))
	return func(i int) *event.Event {
		at := start + event.Time(i*1000/n*1000)
		o := &event.Order{Header: event.Header{ID: event.ID(fmt.Sprintf("evt-%09d", i)), Type: event.Placed, Time: at, Source: "erp"},
			Order: orderID(i), Customer: event.CustomerID(fmt.Sprintf("c-%d", i*7%n)), Channel: "web", Currency: "EUR", Warehouse: "leipzig", Country: "DE", Region: "BE",
			Items: []event.Item{{Product: event.ProductID(fmt.Sprintf("sku-%d", i%4711)), Category: "kettles", Brand: "Brava", Seller: "shop", Quantity: 1, Price: 39.9}},
			Total: 42.8, Promise: at + 3*24*3_600_000}
		return &event.Event{Topic: event.Orders, Order: o}
	}
}

func orderID(i int) event.OrderID { return event.OrderID(fmt.Sprintf("o-2026-%09d", i)) }

// follow is what becomes of some journeys, drawn by chance: the n-th time something else.
func follow(journeys, further, n int) (all []event.Event) {
	at := event.TimeOf(time.Now().Add(-time.Duration(10-n) * time.Minute))
	for i := range further {
		h := event.Header{ID: event.ID(fmt.Sprintf("evt-%d-%09d", n, i)), Time: at + event.Time(i), Source: "wms"}
		order := orderID(rand.IntN(journeys))
		switch n % 3 {
		case 0:
			h.Type = event.Packed
		case 1:
			h.Type = event.InTransit
		case 2:
			h.Type = event.Delivered
		}
		all = append(all, event.Event{Topic: event.Deliveries, Delivery: &event.Delivery{Header: h, Order: order, Carrier: "nordpost", Country: "DE", Region: "BE"}})
	}
	return all
}

// life is one start of the command, as far as it was measured.
type restartLife struct {
	from     string // where the states came from
	memory   string
	restored time.Duration // from the start of the process until all partitions were restored
	first    time.Duration // ... until a row was there that had not been before
	resumed  time.Duration // ... until a row of everything that came meanwhile was there
	states   int           // restored,
	local    int           // ... of them from the local store,
	records  int           // ... after so many records of the changelog
	cpu      time.Duration // of the process until resumed, user and system: what the machine has to spare does not change it
	peak     int64         // memory, bytes
}

func restart(t *testing.T, plan restartPlan) string {
	t.Helper()
	binary := build(t)
	house := newEngine(t, binary)
	partitions := 12
	s := siteBetween(t, realKafka(t, kafkatest.Start(t, 1)), house.house(), fmt.Sprintf("topics.partitions=%d", partitions), "epoch.interval=1s",
		"log.format=json", "states.checkpoint="+plan.checkpoint.String())
	dir := t.TempDir()
	run := func(memory string) *process {
		return launch(t, binary, "run", append(s.settings, "data_dir="+dir, "states.memory="+memory)...)
	}
	var events []*event.Event
	sendAll := func(n int, of func(i int) *event.Event) {
		stream := func(yield func(feed.Record) bool) {
			for i := range n {
				e := of(i)
				events = append(events, e)
				r, err := feed.Encode(e)
				if err != nil {
					t.Fatal(err)
				}
				if !yield(r) {
					return
				}
			}
		}
		if _, err := send.Run(t.Context(), s.sending(), stream); err != nil {
			t.Fatal(err)
		}
	}
	p := run(plan.memory[0])
	begin := time.Now()
	sendAll(plan.journeys, placed(plan.journeys))
	there := func(n int) func() bool { return func() bool { return s.count(t, "events") >= n } }
	until(t, 20*time.Minute, "all journeys are in the tables", there(len(events)))
	fed := time.Since(begin)
	time.Sleep(plan.checkpoint + plan.checkpoint/4 + 2*time.Second) // a checkpoint, and what is written of it

	round := 0
	var lives []restartLife
	again := func(from, memory string) {
		// What comes after the checkpoint is in the changelog alone.
		following := follow(plan.journeys, plan.further, round)
		sendAll(plan.further, func(i int) *event.Event { return &following[i] })
		until(t, 3*time.Minute, "what came after the checkpoint is in the tables", there(len(events)))
		settled := s.committed(t, s.prefix+".journeys")
		until(t, 3*time.Minute, "it is committed", func() bool {
			before := settled
			settled = s.committed(t, s.prefix+".journeys")
			return before == settled
		})
		p.Process.Signal(syscall.SIGKILL)
		<-p.ended
		if from == "changelog" {
			if err := os.RemoveAll(filepath.Join(dir, "states")); err != nil {
				t.Fatal(err)
			}
		}
		before := len(events)
		more := follow(plan.journeys, plan.further, round+1)
		sendAll(plan.further, func(i int) *event.Event { return &more[i] })
		round++

		l := restartLife{from: from, memory: memory}
		begin := time.Now()
		p = run(memory)
		for end := begin.Add(3 * time.Minute); l.resumed == 0; time.Sleep(20 * time.Millisecond) {
			n := s.count(t, "events")
			if l.first == 0 && n > before {
				l.first = time.Since(begin)
			}
			if n >= len(events) {
				l.resumed, l.cpu = time.Since(begin), cpu(t, p.Process.Pid)
			}
			if time.Now().After(end) {
				t.Fatalf("it does not go on: %d of %d events\n%s", n, len(events), p.output())
			}
		}
		read := map[string]bool{}
		for line := range strings.Lines(p.output()) {
			var said struct {
				Time                   time.Time
				Msg, Topic             string
				Partition              int
				States, Local, Records int
			}
			if json.Unmarshal([]byte(line), &said) != nil || said.Msg != "restored" || !strings.HasSuffix(said.Topic, ".journeys.state") {
				continue
			}
			read[fmt.Sprint(said.Partition)] = true
			l.restored = max(l.restored, said.Time.Sub(begin))
			l.states, l.local, l.records = l.states+said.States, l.local+said.Local, l.records+said.Records
		}
		if len(read) != partitions || l.states != plan.journeys {
			t.Errorf("%s: %d partitions and %d states were restored\n%s", from, len(read), l.states, p.output())
		}
		if (l.local > 0) != (from == "local store") {
			t.Errorf("%s: %d states came from the local store", from, l.local)
		}
		time.Sleep(plan.checkpoint + 2*time.Second) // with a checkpoint
		l.peak = peak(t, p.Process.Pid)
		lives = append(lives, l)
	}
	for _, memory := range plan.memory {
		again("local store", memory)
		again("changelog", memory)
	}
	p.Process.Signal(syscall.SIGTERM)
	if code, _ := p.exit(t, 30*time.Second); code != 0 {
		t.Errorf("exit code %d: %s", code, p.output())
	}
	s.expectOf(t, oracle.Of(oracle.Default, events), "journeys")
	s.expectEvents(t, len(events))

	fmt.Printf("%d open journeys, fed in %.0f s; %d events after the last checkpoint, %d while it was away; %d partitions, one lane of journeys\n", plan.journeys, fed.Seconds(),
		plan.further, plan.further, partitions)
	fmt.Printf("%-12s %14s %12s %11s %13s %8s %10s %12s %10s\n", "states from", "states.memory", "restored s", "first row s", "all rows s", "CPU s", "local", "changelog", "peak MB")
	worst := map[string]time.Duration{}
	for _, l := range lives {
		fmt.Printf("%-12s %14s %12.2f %11.2f %13.2f %8.2f %10d %12d %10.0f\n", l.from, l.memory, l.restored.Seconds(), l.first.Seconds(), l.resumed.Seconds(), l.cpu.Seconds(), l.local, l.records,
			float64(l.peak)/1e6)
		worst[l.from] = max(worst[l.from], l.first)
		if limit := map[string]time.Duration{"local store": fromLocal, "changelog": fromChangelog}[l.from]; plan.promised && l.first > limit {
			t.Errorf("from the %s with %s it goes on after %s, not within %s", l.from, l.memory, l.first, limit)
		}
	}
	most, least := lives[0], lives[len(lives)-1]
	return fmt.Sprintf("journeys=%d local_s=%.2f changelog_s=%.2f peak_mb_%s=%.0f peak_mb_%s=%.0f", plan.journeys, worst["local store"].Seconds(), worst["changelog"].Seconds(),
		most.memory, float64(max(most.peak, lives[1].peak))/1e6, least.memory, float64(max(least.peak, lives[len(lives)-2].peak))/1e6)
}

// peak is the most memory that a process has had, in bytes.
func peak(t *testing.T, pid int) (bytesUsed int64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	if _, err := fmt.Sscan(string(rest), &bytesUsed); err != nil {
		t.Fatal(err)
	}
	return bytesUsed << 10
}

// cpu is the time that a process has used.
func cpu(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// The name in parentheses may have spaces; state is the first field behind it, utime the twelfth. The unit is 10 ms on every Linux.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var user, system time.Duration
	fmt.Sscan(fields[11], &user)
	fmt.Sscan(fields[12], &system)
	return (user + system) * 10 * time.Millisecond
}
