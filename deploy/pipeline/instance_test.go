package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/pipeline"
)

// instance is a pipeline that runs in this process.
type instance struct {
	*pipeline.Pipeline
	cancel  context.CancelFunc
	ended   chan error
	stopped bool
}

// start runs an instance of all parts, or of some, until the test stops it or ends.
func (s *site) start(t *testing.T, dir string, parts ...string) *instance {
	t.Helper()
	p, err := pipeline.New(t.Context(), s.config(t, dir), parts, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	i := &instance{Pipeline: p, cancel: cancel, ended: make(chan error, 1)}
	go func() { i.ended <- p.Run(ctx) }()
	t.Cleanup(func() { i.stop(t) })
	return i
}

// stop ends the instance as SIGTERM does, and tells how long that took.
func (i *instance) stop(t *testing.T) time.Duration {
	t.Helper()
	if i.stopped {
		return 0
	}
	i.stopped = true
	begin := time.Now()
	i.cancel()
	select {
	case err := <-i.ended:
		if err != nil {
			t.Errorf("the instance ended with %v", err)
		}
	case <-time.After(2 * time.Minute):
		stacks := make([]byte, 1<<20)
		t.Errorf("the instance does not stop\n%s", stacks[:runtime.Stack(stacks, true)])
		return time.Since(begin)
	}
	took := time.Since(begin)
	if err := i.Close(); err != nil {
		t.Errorf("close the instance: %v", err)
	}
	return took
}

// settle waits until everything that Kafka has is in the tables. Failing to ask is no failure: the servers may be away.
func (i *instance) settle(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	for {
		ok, err := i.Done(ctx)
		switch {
		case ok:
			return
		case ctx.Err() != nil:
			t.Fatalf("not done in time: %v", err)
		}
		select {
		case err := <-i.ended:
			i.stopped = true
			t.Fatalf("the instance ended by itself: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// until waits for a condition that must come true.
func until(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, within)
		}
	}
}

// committed is the sum of the offsets that a group has committed.
func (s *site) committed(t *testing.T, group string) (sum int64) {
	t.Helper()
	client, err := kgo.NewClient(s.kafka...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	offsets, err := kadm.NewClient(client).FetchOffsets(t.Context(), group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	offsets.Each(func(o kadm.OffsetResponse) { sum += o.At })
	return sum
}

// same fails unless two queries give the same rows, each as often. It returns how many are missing in got, and how many only it has.
func (s *site) same(t *testing.T, what, got, want string) (missing, extra int) {
	t.Helper()
	counted := func(query string) string {
		return "SELECT *, count() AS rows_alike FROM (" + query + ") GROUP BY ALL"
	}
	if s.count(t, "("+want+")") == 0 {
		t.Errorf("%s: there is nothing to compare with", what)
	}
	for _, side := range []struct {
		name, here, there string
		n                 *int
	}{{"are only in the tables", got, want, &extra}, {"are missing in the tables", want, got, &missing}} {
		query := fmt.Sprintf("(%s) EXCEPT (%s)", counted(side.here), counted(side.there))
		if *side.n = s.count(t, "("+query+")"); *side.n != 0 {
			t.Errorf("%s: %d rows %s, for example %s", what, *side.n, side.name, s.ask(t, "SELECT formatRow('JSONEachRow', *) FROM ("+query+") ORDER BY ALL LIMIT 1"))
		}
	}
	return missing, extra
}
