package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// process is one of the three.
type process struct {
	name    string
	address string // of a server
	cmd     *exec.Cmd
	logged  map[string]map[string]any // JSON lines of its log, the last of each message
	exited  chan struct{}
	err     error
}

// start starts the binary. The processes are not ended by ctx but in order.
func (b *bench) start(ctx context.Context, args []string) (*process, error) {
	p := &process{name: args[0], logged: map[string]map[string]any{}, exited: make(chan struct{})}
	p.cmd = exec.Command(b.Binary, args...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} // Ctrl-C comes to us alone
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	log, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s %s: %w", b.Binary, args[0], err)
	}
	stop := context.AfterFunc(ctx, func() { p.cmd.Process.Signal(syscall.SIGTERM) })
	addresses, read := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(addresses)
		for s := bufio.NewScanner(out); s.Scan(); {
			if _, address, ok := strings.Cut(s.Text(), "="); ok {
				addresses <- address
			}
		}
	}()
	go func() {
		defer close(read)
		p.readLog(log)
	}()
	if args[0] == "local" {
		p.name = args[1]
		p.address = <-addresses
	}
	go func() {
		for range addresses { // until its output ends
		}
		<-read
		p.err = p.cmd.Wait()
		stop()
		close(p.exited)
	}()
	if args[0] == "local" && p.address == "" {
		<-p.exited
		return nil, fmt.Errorf("%s did not start: %w", p.name, errors.Join(p.err, ctx.Err()))
	}
	return p, nil
}

func (b *bench) server(ctx context.Context, name, dir string) (*process, error) {
	return b.start(ctx, []string{"local", name, "--data", dir, "--kafka", "127.0.0.1:0", "--clickhouse", "127.0.0.1:0"})
}

// readLog remembers what the process logs, and passes on what is not good news.
func (p *process) readLog(log io.Reader) {
	s := bufio.NewScanner(log)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		line := map[string]any{}
		if json.Unmarshal(s.Bytes(), &line) != nil {
			if p.address == "" && !strings.HasPrefix(s.Text(), "Data in ") {
				fmt.Fprintln(os.Stderr, s.Text())
			}
			continue
		}
		if message, ok := line["msg"].(string); ok {
			p.logged[message] = line
		}
		if line["level"] != "INFO" {
			fmt.Fprintln(os.Stderr, s.Text())
		}
	}
	io.Copy(io.Discard, log)
}

// wait returns when the process has ended. What it logged can be read then.
func (p *process) wait() error {
	<-p.exited
	return p.err
}

// stop ends the process in order, and by force if that takes too long.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		p.cmd.Process.Kill()
		<-p.exited
	}
}

func version(ctx context.Context, binary string) string {
	out, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(out))
}
