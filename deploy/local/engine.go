package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/afterclick/afterclick/schemas/access"
)

// maxConcurrent is how many statements run at once; more wait for a place. ClickHouse shares its threads among
// queries, and every one of ours costs an OS thread while it is inside the engine.
const maxConcurrent = 48

// ErrEngineOpen is returned when a process that has an engine open asks for another one on a different folder.
var ErrEngineOpen = errors.New("this process already runs a ClickHouse engine; libchdb keeps one data folder per process")

// ErrClosed is returned by everything that is asked of a closed engine.
var ErrClosed = errors.New("the ClickHouse engine is closed")

// Engine is the ClickHouse engine in this process. It is safe for concurrent use: every statement gets a connection
// of its own (80 µs to open and close), so that settings, a current database or half of a failed result never leak
// from one statement into another.
type Engine struct {
	lib  *library
	args []string
	path string
	keep uintptr // a connection that holds the engine open between statements

	slots   chan struct{}
	readers chan struct{} // places for statements of readers, fewer than slots: they never keep the pipeline waiting
	next    atomic.Uint64
	mu      sync.RWMutex // Close waits for the statements that are under way
	done    bool
}

var (
	engineMu   sync.Mutex
	engineOpen *Engine
)

// Open starts the engine on a data folder, which is made if it is not there. A process has one engine at a time.
// libchdb is fetched if it is not on this machine yet, see Fetch.
func Open(ctx context.Context, dir string) (*Engine, error) {
	file, err := Fetch(ctx)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the ClickHouse folder: %w", err)
	}
	engineMu.Lock()
	defer engineMu.Unlock()
	if engineOpen != nil {
		return nil, fmt.Errorf("%w (%s, asked for %s)", ErrEngineOpen, engineOpen.path, dir)
	}
	lib, err := load(file)
	if err != nil {
		return nil, err
	}
	// Without a config of our own the engine would take a config.xml that happens to lie in the current folder. On a terminal it
	// would also write to it: its threads complain of each other's state when a streamed insert ends, which harms nothing.
	config := filepath.Join(dir, "config.xml")
	if err := os.WriteFile(config, []byte("<clickhouse><logger><level>none</level><console>false</console></logger></clickhouse>\n"), 0o644); err != nil {
		return nil, fmt.Errorf("write the ClickHouse config: %w", err)
	}
	e := &Engine{lib: lib, path: dir, slots: make(chan struct{}, maxConcurrent), readers: make(chan struct{}, access.Concurrent)}
	e.args = []string{
		"--path=" + dir,
		"--config-file=" + config,
		// libchdb differs from a server in these defaults; a statement that works here must work there.
		"--implicit_select=0",
		"--allow_introspection_functions=0",
		// The writers wait for their inserts. What a client asks for in its settings still wins.
		"--async_insert=0",
	}
	if e.keep, err = lib.open(e.args); err != nil {
		return nil, fmt.Errorf("open the ClickHouse engine on %s: %w", dir, err)
	}
	engineOpen = e
	return e, nil
}

// Path is the data folder.
func (e *Engine) Path() string { return e.path }

// Close waits for the running statements and closes the engine; its data is on disk then.
func (e *Engine) Close() error {
	engineMu.Lock()
	defer engineMu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.done {
		return nil
	}
	e.done = true
	e.lib.closeConn(e.keep)
	if engineOpen == e {
		engineOpen = nil
	}
	return nil
}

// A Query is one statement and the circumstances under which it runs.
type Query struct {
	SQL      string
	Format   string            // of the result when the statement names none (TabSeparated), or of the rows to insert
	Database string            // the current database; default is "default"
	Settings map[string]string // as SET would take them
	Params   map[string]string // {name:Type} in the statement, values as text
	Access   Access
	Limits   map[string]string // of a reader; nil takes ReaderLimits
	Whole    bool              // do not stream: an error in the middle then shows before any row
}

// Access is what a statement may do.
type Access uint8

const (
	// Full allows everything that ClickHouse allows.
	Full Access = iota
	// NoWrites refuses to change data and tables but lets a query bring its own settings (readonly=2), as
	// ClickHouse does with HTTP's GET.
	NoWrites
	// ReadOnly is for people who look around: limits, no settings beyond harmless ones, no DDL, no file(), url() or
	// remote(), nothing written anywhere (readonly=1 and the checks in reader.go).
	ReadOnly
)

// conn is a connection for one statement, or for the statements of one HTTP session.
type conn struct {
	e      *Engine
	handle uintptr // what connect returned: chdb_connection*
	c      uintptr // the chdb_connection that the other functions take
	tag    string  // finds its running query in system.processes
	back   func()  // gives its places back
}

// tagSetting marks the queries of one connection in system.processes, so that they can be killed: the engine gives
// its queries ids of its own and tells them to nobody. Any text setting without effect on us would do (this one
// speaks to NATS and Redis streams); log_comment is the users'.
const tagSetting = "stream_like_engine_insert_queue"

// acquire waits for a place and opens a connection.
func (e *Engine) acquire(ctx context.Context, as Access) (_ *conn, err error) {
	give := func() {}
	if as == ReadOnly {
		if err := e.place(ctx); err != nil {
			return nil, err
		}
		give = func() { <-e.readers }
	}
	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		give()
		return nil, fmt.Errorf("wait for a place among %d running statements: %w", maxConcurrent, ctx.Err())
	}
	e.mu.RLock()
	back := func() {
		e.mu.RUnlock()
		<-e.slots
		give()
	}
	if e.done {
		back()
		return nil, ErrClosed
	}
	c, err := e.open()
	if err != nil {
		back()
		return nil, err
	}
	c.back = back
	return c, nil
}

func (e *Engine) open() (*conn, error) {
	c := &conn{e: e, tag: fmt.Sprintf("%d-%d", os.Getpid(), e.next.Add(1))}
	var err error
	c.handle, err = e.lib.open(append(e.args[:len(e.args):len(e.args)], "--"+tagSetting+"="+c.tag))
	if err != nil {
		return nil, err
	}
	c.c = *(*uintptr)(pointer(c.handle))
	return c, nil
}

// release closes the connection and gives its place back.
func (c *conn) release() {
	c.e.lib.closeConn(c.handle)
	c.back()
}

// interrupt kills what the connection runs as soon as ctx is done. The caller calls stop when the call into the
// engine has returned.
func (c *conn) interrupt(ctx context.Context) (stop func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	over, ended := make(chan struct{}), make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(ended)
		// Again and again: the query may not have reached system.processes yet when the first one looks.
		for wait := 5 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
			killer, err := c.e.open()
			if err != nil {
				return
			}
			killer.run("KILL QUERY WHERE Settings['" + tagSetting + "'] = '" + c.tag + "' ASYNC FORMAT Null")
			c.e.lib.closeConn(killer.handle)
			select {
			case <-over:
				return
			case <-time.After(wait):
			}
		}
	})
	return func() {
		if !cancel() {
			close(over)
			<-ended // its connection must not outlive the engine
		}
	}
}
