package send

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/encoding/json"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/deploy/feed/shop"
	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/schemas/event"
)

var start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func newShop(t testing.TB, days int, endless bool) *shop.Shop {
	t.Helper()
	cfg := shop.Demo(5, start)
	cfg.Days, cfg.Visits, cfg.Endless = days, 300, endless
	s, err := shop.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// told is a record as text, to be compared.
func told(topic string, key, value []byte, source string) string {
	return fmt.Sprintf("%s %s %s %s", topic, key, source, value)
}

func TestRun(t *testing.T) {
	ctx := t.Context()
	brokers := kgo.SeedBrokers(localtest.Kafka(t)...)
	o := Options{Kafka: []kgo.Opt{brokers}, Topics: func(t event.Topic) string { return "shop." + t.String() }}
	for range 2 { // the second time they exist
		if err := CreateTopics(ctx, o, 3, 1); err != nil {
			t.Fatal(err)
		}
	}
	want, counts := map[string]int{}, Counts{}
	for r := range newShop(t, 12, false).Records() {
		want[told(o.Topics(r.Topic), r.Key, r.Value, fmt.Sprint(int64(r.Arrival)))]++
		counts[r.Topic]++
	}
	got, err := Run(ctx, o, newShop(t, 12, false).Records())
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(counts) || len(got) != 4 || got.Total() < 10_000 {
		t.Errorf("counted %v, want %v", got, counts)
	}

	var topics []string
	for _, s := range event.SourceTopics {
		topics = append(topics, o.Topics(s))
	}
	reader, err := kgo.NewClient(brokers, kgo.ConsumeTopics(topics...))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	partitionOf, lastOf := map[string]int32{}, map[string]string{}
	for n := int64(0); n < got.Total(); {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			n++
			if len(r.Headers) != 1 || r.Headers[0].Key != "afterclick-time" {
				t.Fatalf("headers %v", r.Headers)
			}
			source := string(r.Headers[0].Value)
			line := told(r.Topic, r.Key, r.Value, source)
			if want[line]--; want[line] < 0 {
				t.Fatalf("unknown or too often: %s", line)
			}
			key := r.Topic + " " + string(r.Key)
			if p, ok := partitionOf[key]; ok && p != r.Partition {
				t.Fatalf("%s is in partitions %d and %d", key, p, r.Partition)
			}
			partitionOf[key] = r.Partition
			part := fmt.Sprint(r.Topic, r.Partition)
			if source < lastOf[part] {
				t.Fatalf("%s: source time %s after %s", part, source, lastOf[part])
			}
			lastOf[part] = source
			if since := time.Since(r.Timestamp); since > time.Hour {
				t.Fatalf("a record of history has the Kafka timestamp %s", r.Timestamp)
			}
		})
	}
	for line, n := range want {
		if n != 0 {
			t.Fatalf("missing: %s", line)
		}
	}
}

func TestCreateTopics(t *testing.T) {
	o := Options{Kafka: []kgo.Opt{kgo.SeedBrokers(localtest.Kafka(t)...)}}
	if err := CreateTopics(t.Context(), o, 7, -1); err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(o.Kafka...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topics, err := kadm.NewClient(client).ListTopics(t.Context(), "clickstream", "orders", "deliveries", "reviews")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range topics {
		if d.Err != nil || len(d.Partitions) != 7 {
			t.Errorf("%s: %v, %d partitions", d.Topic, d.Err, len(d.Partitions))
		}
	}
}

func TestErrorsSurface(t *testing.T) {
	// No topics: the first error ends the stream.
	o := Options{Kafka: []kgo.Opt{kgo.SeedBrokers(localtest.Kafka(t, "clickstream")...), kgo.UnknownTopicRetries(1)}}
	counts, err := Run(t.Context(), o, newShop(t, 12, false).Records())
	if !errors.Is(err, kerr.UnknownTopicOrPartition) || !strings.Contains(err.Error(), "send to topic ") {
		t.Errorf("a missing topic gave %v", err)
	}
	if counts[event.Orders]+counts[event.Deliveries]+counts[event.Reviews] != 0 {
		t.Errorf("%v", counts)
	}
	short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	o = Options{Kafka: []kgo.Opt{kgo.SeedBrokers("127.0.0.1:1"), kgo.RequestRetries(1)}}
	if _, err := Run(short, o, newShop(t, 1, false).Records()); err == nil || !strings.Contains(err.Error(), "reach Kafka") {
		t.Errorf("no broker gave %v", err)
	}
}

// A history that is cut short is an error, and what was taken from it has arrived.
func TestStop(t *testing.T) {
	o := Options{Kafka: []kgo.Opt{kgo.SeedBrokers(localtest.Kafka(t, "clickstream", "orders", "deliveries", "reviews")...)}}
	ctx, cancel := context.WithCancel(t.Context())
	taken := int64(0)
	stopping := func(yield func(feed.Record) bool) {
		for r := range newShop(t, 5, false).Records() {
			if taken == 1000 {
				cancel()
			}
			if !yield(r) {
				return
			}
			taken++
		}
	}
	counts, err := Run(ctx, o, stopping)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, errStopped) || !strings.Contains(err.Error(), "after 1000 records") {
		t.Errorf("stopped with %v", err)
	}
	if counts.Total() != taken || taken != 1000 {
		t.Errorf("%d taken, %d arrived", taken, counts.Total())
	}
}

// After the history the shop goes on at the pace of the clock, until it is stopped.
func TestLive(t *testing.T) {
	s := newShop(t, 3, true)
	history := int64(0)
	for range newShop(t, 3, false).Records() {
		history++
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	began := time.Now()
	var last event.Time
	seen := func(yield func(feed.Record) bool) {
		for r := range s.Records() {
			if !yield(r) {
				return
			}
			last = r.Arrival
		}
	}
	const speed = 7200 // two hours a second
	counts, err := Print(ctx, io.Discard, Options{Live: &Live{From: s.End(), Speed: speed}}, seen)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 1900*time.Millisecond || took > 4*time.Second {
		t.Errorf("took %s, want 2 s", took)
	}
	came := last.Sub(event.TimeOf(s.End()))
	if came < 3*time.Hour || came > 5*time.Hour {
		t.Errorf("%s of live traffic came in two seconds, want about 4 h", came)
	}
	if counts.Total() <= history {
		t.Errorf("%d records, the history has %d", counts.Total(), history)
	}
}

func TestRate(t *testing.T) {
	began := time.Now()
	counts, err := Print(t.Context(), io.Discard, Options{Rate: 2000}, func(yield func(feed.Record) bool) {
		for range 1000 {
			if !yield(feed.Record{Topic: event.Orders, Key: []byte("o"), Value: []byte("{}")}) {
				return
			}
		}
	})
	if took := time.Since(began); err != nil || counts.Total() != 1000 || took < 450*time.Millisecond || took > 3*time.Second {
		t.Errorf("%d records took %s, want half a second: %v", counts.Total(), took, err)
	}
}

func TestPrint(t *testing.T) {
	var out bytes.Buffer
	counts, err := Print(t.Context(), &out, Options{}, newShop(t, 2, false).Records())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if int64(len(lines)) != counts.Total() {
		t.Errorf("%d lines, counted %v", len(lines), counts)
	}
	i := 0
	for r := range newShop(t, 2, false).Records() {
		var line struct {
			Topic, Key string
			Time       event.Time
			Value      json.RawMessage
		}
		if err := json.Unmarshal([]byte(lines[i]), &line); err != nil {
			t.Fatalf("%v: %s", err, lines[i])
		}
		if line.Topic != r.Topic.String() || line.Key != string(r.Key) || line.Time != r.Arrival || string(line.Value) != string(r.Value) {
			t.Fatalf("line %d: %s", i+1, lines[i])
		}
		i++
	}
	full := errors.New("disk full")
	if _, err := Print(t.Context(), broken{full}, Options{}, newShop(t, 2, false).Records()); !errors.Is(err, full) {
		t.Errorf("a broken pipe gave %v", err)
	}
}

type broken struct{ error }

func (b broken) Write([]byte) (int, error) { return 0, b.error }

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	s := newShop(t, 2, false)
	p := newProgress(&out, 0, start, s.End())
	p.every = time.Millisecond
	if _, err := Print(t.Context(), io.Discard, Options{Progress: p, Rate: 50_000}, s.Records()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) < 3 || !strings.Contains(lines[len(lines)/2], " left") {
		t.Fatalf("progress reads\n%s", out.String())
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, " events, ") || strings.Contains(last, "left") {
		t.Errorf("the last line reads %q", last)
	}
	p = newProgress(&out, 4, time.Time{}, time.Time{})
	p.n = 1
	if p.share() != 0.25 {
		t.Errorf("one of four is %v", p.share())
	}
	if s := Thousands(1234567) + Thousands(12) + Thousands(100000); s != "1,234,56712100,000" {
		t.Errorf("thousands: %s", s)
	}
}

func BenchmarkRun(b *testing.B) {
	o := Options{Kafka: []kgo.Opt{kgo.SeedBrokers(localtest.Kafka(b, "clickstream")...)}}
	l, err := shop.NewLoad(shop.LoadConfig{Seed: 1, Start: start, Rate: 20_000, Live: 200_000, Events: int64(b.N)})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(540)
	b.ResetTimer()
	if _, err := Run(b.Context(), o, l.Records()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
