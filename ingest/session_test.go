package ingest

import (
	"context"
	"log/slog"
	"testing"
	"time"

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
