package pipeline_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/afterclick/afterclick/ingest/verify"
	"github.com/afterclick/afterclick/schemas/writer"
)

// engine is a ClickHouse in a process of its own, behind a proxy: it can be killed, stopped and started again, and the proxy can be
// told to be slow.
type engine struct {
	*proxy
	binary, dir string
	cmd         *exec.Cmd
	url         atomic.Value // string; another with each start
	databases   int
}

func newEngine(t *testing.T, binary string) *engine {
	t.Helper()
	e := &engine{binary: binary, dir: t.TempDir()}
	e.run(t)
	e.proxy = newProxyOf(t, func() string { return e.url.Load().(string) })
	t.Cleanup(func() { e.cmd.Process.Kill(); e.cmd.Wait() })
	return e
}

// run starts the process, and returns when it serves.
func (e *engine) run(t *testing.T) {
	t.Helper()
	e.cmd = exec.Command(e.binary, "local", "clickhouse", "--data", e.dir, "--clickhouse", "127.0.0.1:0")
	var said bytes.Buffer
	e.cmd.Stderr = &said
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_, url, ok := strings.Cut(strings.TrimSpace(line), "=")
	if err != nil || !ok {
		e.cmd.Wait()
		t.Fatalf("ClickHouse does not start: %v\n%s", err, said.String())
	}
	e.url.Store(url)
}

// kill is kill -9, and from then on nobody listens.
func (e *engine) kill(t *testing.T) {
	t.Helper()
	e.cmd.Process.Kill()
	if e.cmd.Wait(); e.cmd.ProcessState.Exited() {
		t.Fatalf("ClickHouse had ended by itself: %v", e.cmd.ProcessState)
	}
	e.set(t, refused)
}

// back starts what was killed on the same data.
func (e *engine) back(t *testing.T) {
	t.Helper()
	e.run(t)
	e.set(t, well)
}

func (e *engine) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := e.cmd.Process.Signal(s); err != nil {
		t.Fatalf("ClickHouse has ended by itself: %v", err)
	}
}

// house is the engine as its clients see it.
func (e *engine) house() house {
	address := "http://" + e.address
	return house{address, func(t testing.TB) (clickhouse.Conn, clickhouse.Options) {
		t.Helper()
		e.databases++
		options, err := writer.Options(address)
		if err != nil {
			t.Fatal(err)
		}
		admin, err := clickhouse.Open(&options)
		if err != nil {
			t.Fatal(err)
		}
		defer admin.Close()
		options.Auth.Database = fmt.Sprintf("test_%d", e.databases)
		if err := admin.Exec(t.Context(), "CREATE DATABASE "+options.Auth.Database); err != nil {
			t.Fatal(err)
		}
		conn, err := clickhouse.Open(&options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn, options
	}}
}

// keeper keeps `afterclick run` running as systemd does: what has ended is started again soon.
type keeper struct {
	command []string
	name    string

	mu      sync.Mutex
	cmd     *exec.Cmd // nil while there is none
	stopped bool
	ended   chan struct{}

	killed int
	again  int      // how often it ended because a server that it needs to start was away
	wrong  []string // any other end, and panics: what must not be
	lanes  []string // what it said when a lane of it began anew
}

func (s *site) keep(binary, dir string) *keeper {
	k := &keeper{command: []string{binary, "run", "-s", "admin.address=", "-s", "data_dir=" + dir}, name: filepath.Base(dir), ended: make(chan struct{})}
	for _, setting := range s.settings {
		k.command = append(k.command, "-s", setting)
	}
	go k.run()
	return k
}

func (k *keeper) run() {
	defer close(k.ended)
	for k.life() {
		time.Sleep(100*time.Millisecond + rand.N(time.Second))
	}
}

// life is one life of the process. false: it was told to stop.
func (k *keeper) life() bool {
	cmd := exec.Command(k.command[0], k.command[1:]...)
	said, in := io.Pipe()
	cmd.Stderr = in
	var last []string
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if strings.Contains(lines.Text(), "lane stopped") {
				k.lanes = append(k.lanes, lines.Text())
			}
			if last = append(last, lines.Text()); len(last) > 60 {
				last = last[1:]
			}
		}
		io.Copy(io.Discard, said)
	}()
	k.mu.Lock()
	if k.stopped {
		k.mu.Unlock()
		return false
	}
	err := cmd.Start()
	if err == nil {
		k.cmd = cmd
	}
	k.mu.Unlock()
	if err == nil {
		err = cmd.Wait()
	}
	in.Close()
	<-read
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cmd = nil
	text := strings.Join(last, "\n")
	var exit *exec.ExitError
	switch {
	case strings.Contains(text, "panic"):
		k.wrong = append(k.wrong, text)
	case errors.As(err, &exit) && !exit.Exited():
	case k.stopped && err == nil:
	case strings.Contains(text, "cannot reach"):
		k.again++
	default:
		k.wrong = append(k.wrong, fmt.Sprintf("%v: %s", err, text))
	}
	return !k.stopped
}

// kill is kill -9. false: there is no process at the moment.
func (k *keeper) kill() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cmd == nil || k.cmd.Process.Kill() != nil {
		return false
	}
	k.killed++
	return true
}

// stop ends it for good, in order.
func (k *keeper) stop(t *testing.T) {
	t.Helper()
	k.mu.Lock()
	k.stopped = true
	if k.cmd != nil {
		k.cmd.Process.Signal(syscall.SIGTERM)
	}
	k.mu.Unlock()
	select {
	case <-k.ended:
	case <-time.After(30 * time.Second):
		k.kill()
		<-k.ended
		t.Errorf("%s does not stop", k.name)
	}
}

// verified runs `afterclick verify`. A broker that has just been killed is a reason to ask again.
func (s *site) verified(t *testing.T, binary string) (code int, r verify.Report) {
	t.Helper()
	args := []string{"verify", "--format", "json"}
	for _, setting := range s.settings {
		args = append(args, "-s", setting)
	}
	var out, said bytes.Buffer
	code = 2
	for end := time.Now().Add(2 * time.Minute); code == 2 && time.Now().Before(end); {
		if out.Len()+said.Len() > 0 {
			time.Sleep(time.Second)
		}
		out.Reset()
		cmd := exec.CommandContext(t.Context(), binary, args...)
		cmd.Stdout, cmd.Stderr = &out, &said
		cmd.Run()
		code = cmd.ProcessState.ExitCode()
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("verify: exit code %d, %v: %s", code, err, said.String())
	}
	return code, r
}

// balance fails the test if anything is missing, doubled, stray or altered. It returns the sums of all topics.
func (s *site) balance(t *testing.T, binary string) (all verify.Topic) {
	t.Helper()
	code, r := s.verified(t, binary)
	if code != 0 || !r.Clean {
		t.Errorf("verify: exit code %d, %+v, %v", code, r.Topics, r.Findings[:min(len(r.Findings), 10)])
	}
	for _, topic := range r.Topics {
		all.Delivered += topic.Delivered
		all.Missing += topic.Missing
		all.Doubled += topic.Doubled
		all.Waiting += topic.Waiting
		all.UnderWay += topic.UnderWay
		all.Stray += topic.Stray
		all.Altered += topic.Altered
	}
	return all
}
