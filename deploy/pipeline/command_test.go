package pipeline_test

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/processors/oracle"
	"github.com/afterclick/afterclick/schemas/migrate"
)

// build makes the command as it is shipped.
func build(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "afterclick")
	cmd := exec.Command("go", "build", "-o", binary, "../..")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v\n%s", err, out)
	}
	return binary
}

// process is the command running as a process of its own.
type process struct {
	*exec.Cmd
	mu    sync.Mutex
	said  bytes.Buffer
	ended chan error
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

func launch(t *testing.T, binary, command string, settings ...string) *process {
	t.Helper()
	args := []string{command, "-s", "admin.address="} // several run at once
	for _, s := range settings {
		args = append(args, "-s", s)
	}
	p := &process{Cmd: exec.Command(binary, args...), ended: make(chan error, 1)}
	p.Stdout, p.Stderr = p, p
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.Wait() }()
	t.Cleanup(func() { p.Process.Kill() })
	return p
}

// exit waits for the end of the process and returns its exit code.
func (p *process) exit(t *testing.T, within time.Duration) (code int, took time.Duration) {
	t.Helper()
	begin := time.Now()
	select {
	case err := <-p.ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return p.ProcessState.ExitCode(), time.Since(begin)
	case <-time.After(within):
		p.Process.Signal(syscall.SIGQUIT) // shows where it stands
		time.Sleep(time.Second)
		t.Fatalf("the process does not end within %s; it said\n%s", within, p.output())
	}
	return 0, 0
}

// SIGTERM ends `afterclick run` in time, with its epochs finished; while ClickHouse is away in time, too; and whoever comes next goes on.
func TestTerminate(t *testing.T) {
	t.Parallel()
	binary := build(t)
	records := simulated(t, 8, 12, 150)
	p := newProxy(t)
	s := newSite(t, "keyed_by=visitor", "clickhouse.address=http://"+p.address, "epoch.interval=1s")
	dir := t.TempDir()
	settings := append(s.settings, "data_dir="+dir)
	wait := s.trickle(t, records, 45*time.Second) // until after the last of its lives has begun
	terminate := func(while fault) {
		t.Helper()
		c := launch(t, binary, "run", settings...)
		before := s.committed(t, "afterclick.sessions")
		until(t, 3*time.Minute, "the command works", func() bool { return s.committed(t, "afterclick.sessions") > before })
		p.set(t, while)
		time.Sleep(1500 * time.Millisecond) // into an epoch
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		code, took := c.exit(t, 20*time.Second)
		if code != 0 || took > grace {
			t.Errorf("%s: exit code %d after %s\n%s", while, code, took, c.output())
		}
		if !strings.Contains(c.output(), "stopped") {
			t.Errorf("%s: it does not say that it stopped:\n%s", while, c.output())
		}
		t.Logf("%s: stopped in %s", while, took)
		p.set(t, well)
		// An epoch that was not finished would have left rows that no commit covers.
		if while == well {
			stored := s.ask(t, "SELECT toString(count()) FROM events WHERE topic = 'clickstream'")
			if committed := fmt.Sprint(s.committed(t, "afterclick.sessions")); stored != committed {
				t.Errorf("%s clicks are stored, %s are committed", stored, committed)
			}
		}
	}
	terminate(well)
	terminate(silent)
	terminate(refused)
	terminate(well)
	wait()
	s.finish(t, dir)
	s.expect(t, oracle.Of(oracle.Default, decoded(t, records)))
	s.complete(t, len(records))
}

// What is missing at the start is told at once, with what to do.
func TestStartSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	binary := build(t)
	s := newSite(t)
	_, empty := localtest.ClickHouse(t)
	conn, altered := localtest.ClickHouse(t)
	if _, err := migrate.Up(t.Context(), altered); err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec(t.Context(), "ALTER TABLE stored_sessions DROP COLUMN exit"); err != nil {
		t.Fatal(err)
	}
	some := localtest.Kafka(t, "clickstream", "reviews")
	odd := localtest.Kafka(t, "clickstream", "orders", "deliveries", "reviews", "afterclick.clicks:3", "afterclick.sessions.state:2")
	small := localtest.Kafka(t, "clickstream", "orders", "deliveries", "reviews", "afterclick.journeys:3")
	client, err := kgo.NewClient(kgo.SeedBrokers(small...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	tight := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: kadm.StringPtr("100000")}}
	if _, err := kadm.NewClient(client).AlterTopicConfigs(t.Context(), tight, "afterclick.journeys"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		settings []string
		says     []string
	}{
		"no ClickHouse":     {[]string{"clickhouse.address=http://127.0.0.1:1"}, []string{"cannot reach ClickHouse", "127.0.0.1:1", "clickhouse.address", "afterclick check"}},
		"no such host":      {[]string{"clickhouse.address=clickhouse://no-such-host.invalid:9000"}, []string{"cannot reach ClickHouse", "no-such-host.invalid", "clickhouse.address"}},
		"no Kafka":          {[]string{"kafka.brokers=127.0.0.1:1"}, []string{"cannot reach Kafka", "127.0.0.1:1", "kafka.brokers", "afterclick check"}},
		"no tables":         {[]string{"clickhouse.database=" + empty.Auth.Database}, []string{"tables", "afterclick migrate"}},
		"no database":       {[]string{"clickhouse.database=nowhere"}, []string{"nowhere", "afterclick migrate"}},
		"altered table":     {[]string{"clickhouse.database=" + altered.Auth.Database}, []string{"not as afterclick left it", "stored_sessions has no column exit", "put it back"}},
		"no topics":         {[]string{"kafka.brokers=" + some[0]}, []string{"no topic orders, deliveries", "create", "sources"}},
		"partitions differ": {[]string{"kafka.brokers=" + odd[0]}, []string{"afterclick.clicks has 3 partitions", "afterclick.sessions.state", "afterclick rebuild"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := append(append(s.settings, "data_dir="+t.TempDir()), c.settings...)
			p := launch(t, binary, "run", settings...)
			code, took := p.exit(t, 20*time.Second)
			if code != 1 || took > 15*time.Second {
				t.Errorf("exit code %d after %s", code, took)
			}
			for _, says := range c.says {
				if !strings.Contains(p.output(), says) {
					t.Errorf("does not say %q:\n%s", says, p.output())
				}
			}
			t.Logf("after %s: %s", took.Round(time.Millisecond), p.output())
		})
	}
	t.Run("a topic of ours that takes small records only is given room", func(t *testing.T) {
		i := siteOn(t, small).start(t, t.TempDir())
		i.settle(t)
		i.stop(t)
		configs, err := kadm.NewClient(client).DescribeTopicConfigs(t.Context(), "afterclick.journeys")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range configs[0].Configs {
			if c.Key == "max.message.bytes" && c.MaybeValue() == "100000" {
				t.Errorf("it takes %s bytes", c.MaybeValue())
			}
		}
	})
}
