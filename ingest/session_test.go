package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/local/localtest"
)

// A lane that waits to join its group is told to stop: it must not wait until the members that are gone have timed out.
func TestCloseWhileJoining(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Kafka = []kgo.Opt{kgo.SeedBrokers(localtest.Kafka(t, "in")...)}
	cfg.Log = slog.New(slog.DiscardHandler)
	open := func(name string) *session {
		s, err := openSession(t.Context(), &cfg, "g", name, []string{"in"}, cfg.Log)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	poll := func(s *session, d time.Duration) {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		s.poll(ctx, 1)
	}
	first := open("first")
	for len(first.take()) == 0 {
		poll(first, 50*time.Millisecond)
	}
	first.close()
	second := open("second")
	poll(second, time.Second)
	if len(second.take()) > 0 {
		t.Fatal("the group let it in at once: the test shows nothing")
	}
	begin := time.Now()
	second.close()
	if took := time.Since(begin); took > closeGrace+3*time.Second {
		t.Errorf("closing took %s", took)
	}
}

// A lane hears of every partition that it loses, also of those that go one after the other while it has nothing to commit: franz-go's
// session calls back only for the first until its transaction ends.
func TestEveryLossIsHeard(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Kafka = []kgo.Opt{kgo.SeedBrokers(localtest.Kafka(t)...)}
	cfg.Log = slog.New(slog.DiscardHandler)
	client, err := kgo.NewClient(cfg.Kafka...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	const partitions = 12
	if _, err := kadm.NewClient(client).CreateTopics(t.Context(), partitions, 1, nil, "in"); err != nil {
		t.Fatal(err)
	}
	believes := map[int32]bool{}
	var first *session
	for i := range 3 {
		s, err := openSession(t.Context(), &cfg, "g", fmt.Sprint("lane-", i), []string{"in"}, cfg.Log)
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		if first == nil {
			first = s
		}
		share := partitions / (i + 1)
		for end := time.Now().Add(time.Minute); len(believes) != share; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d lanes share %d partitions, the first believes that it has %v and has %v", i+1, partitions, believes, first.client.CommittedOffsets())
			}
			for _, n := range first.take() {
				if believes[n.partition] = true; n.gone {
					delete(believes, n.partition)
				}
			}
		}
	}
}
