package pipeline_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/processors/oracle"
)

// holders tells which instances hold how many partitions of all groups.
func (s *site) holders(t *testing.T) map[string]int {
	t.Helper()
	client, err := kgo.NewClient(s.kafka...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	groups, err := kadm.NewClient(client).DescribeGroups(t.Context(), "afterclick.routes", "afterclick.sessions", "afterclick.journeys")
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]int{}
	for _, g := range groups {
		for _, m := range g.Members {
			if m.InstanceID == nil {
				continue
			}
			name := strings.TrimPrefix(*m.InstanceID, g.Group+".")
			name = name[:strings.LastIndexByte(name, '-')]
			if a, ok := m.Assigned.AsConsumer(); ok {
				for _, topic := range a.Topics {
					held[name] += len(topic.Partitions)
				}
			}
		}
	}
	return held
}

// name is the stable name of the instance with that folder.
func name(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "instance"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// Two instances share the work, a third joins, one leaves amid it: its partitions go to the others within the session timeout, and
// the tables are those of one pass.
func TestInstancesShareTheWork(t *testing.T) {
	t.Parallel()
	const timeout = 6 * time.Second
	for _, settings := range [][]string{nil, {"keyed_by=visitor", "lanes.session=1"}} {
		t.Run(strings.Join(append([]string{"with"}, settings...), " "), func(t *testing.T) {
			t.Parallel()
			records := simulated(t, 10, 12, 150)
			s := newSite(t, append(settings, "kafka.session_timeout="+timeout.String(), "epoch.records=400", "topics.partitions=6")...)
			dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
			first, second := s.start(t, dirs[0]), s.start(t, dirs[1])
			wait := s.trickle(t, records, 16*time.Second)
			// all is how many partitions there are to hold, when everybody who runs has some.
			all := 0
			shared := func(by ...string) func() bool {
				return func() bool {
					held, sum := s.holders(t), 0
					for _, dir := range by {
						if held[name(t, dir)] == 0 {
							return false
						}
					}
					for _, n := range held {
						sum += n
					}
					all = max(all, sum)
					return len(held) == len(by) && sum == all
				}
			}
			until(t, 3*time.Minute, "two share the partitions", shared(dirs[:2]...))
			third := s.start(t, dirs[2])
			until(t, 3*time.Minute, "three share the partitions", shared(dirs...))
			time.Sleep(time.Second)
			first.stop(t)
			begin := time.Now()
			until(t, timeout+3*time.Second, "the other two hold all partitions", shared(dirs[1:]...))
			t.Logf("partitions were handed over within %s", time.Since(begin))
			wait()
			settle(t, second, third)
			second.stop(t)
			third.stop(t)
			s.expect(t, oracle.Of(oracle.Default, decoded(t, records)))
			s.complete(t, len(records))
			for _, i := range []*instance{first, second, third} {
				m := &i.Engine.Metrics
				t.Logf("%d read, %d epochs, %d aborted, %d lanes began anew", m.Read.Load(), m.Epochs.Load(), m.Aborted.Load(), m.Restarts.Load())
				if m.Epochs.Load() == 0 {
					t.Error("an instance did nothing: the test shows nothing")
				}
				if m.Restarts.Load() != 0 {
					t.Errorf("%d lanes stopped", m.Restarts.Load())
				}
			}
		})
	}
}

// settle waits until everything is in the tables, whoever of the instances put it there.
func settle(t *testing.T, instances ...*instance) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	// What one writes, another may have to read: all must be done at once.
	until(t, 3*time.Minute, "everything is in the tables", func() bool {
		for range 2 {
			for _, i := range instances {
				if ok, err := i.Done(ctx); !ok || err != nil {
					return false
				}
			}
		}
		return true
	})
}
