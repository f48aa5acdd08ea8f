package kafkatest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// childEnv makes the test binary start a broker, say where, and wait to be killed.
const childEnv = "AFTERCLICK_TEST_KAFKA"

// echo sends a record and reads it back.
func echo(t *testing.T, c *Cluster, topic, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client, err := kgo.NewClient(append(c.Client(), kgo.ConsumeTopics(topic))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range fetches.Records() {
			if string(r.Value) == value {
				return
			}
		}
	}
}

// What was acknowledged survives kill -9 and a start on the same data.
func TestOneBroker(t *testing.T) {
	c := Start(t, 1)
	c.CreateTopics(1, "a")
	echo(t, c, "a", "before")
	c.Kill(0)
	if _, err := net.Dial("tcp", c.Brokers()[0]); err == nil {
		t.Fatal("it still listens")
	}
	if err := c.KillErr(0); err == nil {
		t.Fatal("it was killed twice")
	}
	c.Restart(0)
	client, err := kgo.NewClient(append(c.Client(), kgo.ConsumeTopics("a"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if rs := client.PollFetches(t.Context()).Records(); len(rs) != 1 || string(rs[0].Value) != "before" {
		t.Fatalf("read %v", rs)
	}
}

// Two of three brokers go on, one does not: topics have three replicas, and two must have a record.
func TestThreeBrokers(t *testing.T) {
	c := Start(t, 3, SCRAM("shop", "secret"))
	c.CreateTopics(3, "a")
	echo(t, c, "a", "three")
	c.Kill(1)
	echo(t, c, "a", "two")
	c.Restart(1)
	echo(t, c, "a", "three again")

	wrong := *c
	wrong.login = &login{c.login.user, "wrong"}
	client, err := kgo.NewClient(wrong.Client()...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Ping(t.Context()); err == nil {
		t.Fatal("a wrong password was accepted")
	}
	plain, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers()...), kgo.RetryTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if err := plain.Ping(t.Context()); err == nil {
		t.Fatal("a client without TLS was let in")
	}
}

// A test process that is killed takes its brokers with it.
func TestBrokersDieWithTheTest(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		c := Start(t, 1)
		fmt.Printf("broker %d\n", c.brokers[0].process.Pid)
		select {}
	}
	need(t)
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), childEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	pid := 0
	for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
		fmt.Sscanf(lines.Text(), "broker %d", &pid)
	}
	if pid == 0 || syscall.Kill(pid, 0) != nil {
		t.Fatalf("no broker was started (%d)", pid)
	}
	cmd.Process.Kill()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		// Whoever inherits it may be slow to bury it: a zombie is dead.
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		if time.Now().After(end) {
			syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("broker %d outlived its test", pid)
		}
	}
}

// Where Java or Maven is missing, whoever needs a cluster is skipped and says why; with CI=true it fails.
func TestWithoutJavaOrMaven(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		Start(t, 1)
		return
	}
	onlyJava := t.TempDir()
	if java, err := exec.LookPath("java"); err == nil {
		if err := os.Symlink(java, filepath.Join(onlyJava, "java")); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, path, ci string
		code           int
		says           []string
	}{
		{"no Java", t.TempDir(), "", 0, []string{"--- SKIP", "SKIPPED, not tested against a real Kafka", "java: not on this machine"}},
		{"no Java, CI", t.TempDir(), "true", 1, []string{"--- FAIL", "java: not on this machine"}},
		{"no Maven", onlyJava, "", 0, []string{"--- SKIP", "SKIPPED, not tested against a real Kafka", ": not on this machine"}},
		{"no Maven, CI", onlyJava, "true", 1, []string{"--- FAIL", ": not on this machine"}},
	} {
		cmd := exec.Command(os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), childEnv+"=1", "PATH="+c.path, "CI="+c.ci, "HOME="+t.TempDir(), "XDG_CACHE_HOME=") // without jars
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != c.code {
			t.Errorf("%s: %v, exit code %d\n%s", c.name, err, cmd.ProcessState.ExitCode(), out)
		}
		for _, says := range c.says {
			if !strings.Contains(string(out), says) {
				t.Errorf("%s: it does not say %q:\n%s", c.name, says, out)
			}
		}
	}
}
