package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/afterclick/afterclick/deploy/local"
	"github.com/afterclick/afterclick/schemas/access"
	"github.com/afterclick/afterclick/schemas/examples"
)

type sqlCommand struct {
	Statement string        `arg:"" optional:"" help:"One statement that reads: SELECT, WITH, SHOW, DESCRIBE, EXPLAIN. A dash reads it from standard input."`
	Format    string        `short:"f" enum:"table,csv,json,jsonl" default:"table" help:"table, csv, json (one list) or jsonl (an object per line). A table that is not shown on a terminal is plain: a line per row, with tabs."`
	Example   string        `placeholder:"NAME" help:"Ask one of the questions that come with the program."`
	Examples  bool          `help:"List those questions."`
	Data      string        `placeholder:"DIR" help:"Ask the folder of a demo that does not run, instead of the configured server."`
	Timeout   time.Duration `default:"60s" help:"Give up after this long."`
}

func (sqlCommand) Help() string {
	return `Examples:
  afterclick sql 'SHOW TABLES'
  afterclick sql 'SELECT count() FROM sessions' --data demo
  afterclick sql --format csv - < question.sql > answer.csv
  afterclick sql --examples
  afterclick sql --example promises_by_carrier

Nothing can be changed: the connection only reads, and a question may use 4 GB of memory.`
}

// Validate says what the command line lacks.
func (s *sqlCommand) Validate() error {
	switch _, known := examples.Find(s.Example); {
	case s.Examples:
		return nil
	case s.Example != "" && s.Statement != "":
		return errors.New("give a statement or --example, not both")
	case s.Example != "" && !known:
		return fmt.Errorf("there is no example %s; --examples lists them", s.Example)
	case s.Example == "" && s.Statement == "":
		return errors.New("what do you want to know? Give a statement, or --examples for some that work")
	}
	return nil
}

// serverLimits hold a question on a real server to reading, as the embedded engine does by itself.
func serverLimits() clickhouse.Settings {
	settings := clickhouse.Settings{"readonly": 1}
	for name, value := range access.Limits {
		settings[name] = value
	}
	return settings
}

func (s *sqlCommand) Run(ctx context.Context, a *app) error {
	if s.Examples {
		return listExamples(a.out)
	}
	statement, err := s.statement(a.in)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timeout, fmt.Errorf("no answer within %s (see --timeout)", s.Timeout))
	defer cancel()
	options, done, err := s.open(ctx, a)
	if err != nil {
		return err
	}
	defer done()
	start := time.Now()
	rows, conn, err := s.query(ctx, options, statement)
	if err != nil {
		return s.explain(ctx, err)
	}
	defer conn.Close()
	defer rows.Close()
	n, err := render(a.out, rows, s.Format, terminal(a.out))
	if err != nil {
		return s.explain(ctx, err)
	}
	if terminal(a.out) > 0 {
		fmt.Fprintf(a.err, "%d rows, %s\n", n, time.Since(start).Round(time.Millisecond))
	}
	return nil
}

func (s *sqlCommand) statement(in io.Reader) (string, error) {
	statement := s.Statement
	switch {
	case s.Example != "":
		e, _ := examples.Find(s.Example)
		return e.SQL, nil
	case statement == "-":
		b, err := io.ReadAll(in)
		if err != nil {
			return "", fmt.Errorf("read the statement: %w", err)
		}
		statement = string(b)
	}
	statement = strings.TrimRight(strings.TrimSpace(statement), "; \t\r\n")
	if statement == "" {
		return "", errors.New("the statement is empty")
	}
	return statement, nil
}

func listExamples(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, e := range examples.All {
		fmt.Fprintf(w, "%s\t%s\n", e.Name, e.Title)
	}
	return w.Flush()
}

// open returns how to connect, after starting the embedded engine if that is asked.
func (s *sqlCommand) open(ctx context.Context, a *app) (*clickhouse.Options, func() error, error) {
	c, err := a.load()
	if err != nil {
		return nil, nil, err
	}
	if s.Data == "" {
		o, err := c.ClickHouse.Options()
		if err != nil {
			return nil, nil, err
		}
		o.Settings = serverLimits()
		return &o, func() error { return nil }, nil
	}
	engine, closeEngine, err := local.OpenData(ctx, s.Data)
	switch {
	case errors.Is(err, local.ErrLocked):
		return nil, nil, fmt.Errorf("%w: it runs, so ask its server: leave out --data, and set clickhouse.address to what it printed", err)
	case errors.Is(err, os.ErrNotExist):
		return nil, nil, fmt.Errorf("%w: name the folder that afterclick demo --data was given", err)
	case err != nil:
		return nil, nil, err
	}
	server, err := local.Serve(ctx, engine, "", nil)
	if err != nil {
		return nil, nil, errors.Join(err, closeEngine())
	}
	o := server.Options(c.ClickHouse.Database)
	o.Auth.Username = "reader"
	return o, func() error { return errors.Join(server.Close(), closeEngine()) }, nil
}

// query asks with our limits; a user who may not set any, because the server holds him to reading already, asks without.
func (s *sqlCommand) query(ctx context.Context, o *clickhouse.Options, statement string) (driver.Rows, driver.Conn, error) {
	o.DialTimeout, o.ReadTimeout, o.MaxOpenConns = 10*time.Second, s.Timeout+time.Second, 1
	for {
		conn, err := clickhouse.Open(o)
		if err != nil {
			return nil, nil, fmt.Errorf("clickhouse.address: %w", err)
		}
		rows, err := conn.Query(ctx, statement)
		if err == nil {
			return rows, conn, nil
		}
		conn.Close()
		e := (*clickhouse.Exception)(nil)
		if o.Settings == nil || !errors.As(err, &e) || e.Code != 164 || !strings.Contains(e.Message, "Cannot modify") {
			return nil, nil, err
		}
		o = &clickhouse.Options{Protocol: o.Protocol, Addr: o.Addr, Auth: o.Auth, TLS: o.TLS, DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, MaxOpenConns: 1}
	}
}

// explain says in one line what the server said, and what to do.
func (s *sqlCommand) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	e := (*clickhouse.Exception)(nil)
	if !errors.As(err, &e) {
		return fmt.Errorf("ask ClickHouse: %s; afterclick check looks at the connection", strings.Join(strings.Fields(err.Error()), " "))
	}
	advice := access.Advice(e.Code)
	if advice != "" {
		advice = "; " + advice
	}
	switch e.Code {
	case 60:
		advice = "; afterclick sql 'SHOW TABLES' lists what there is"
	case 81:
		advice = "; see clickhouse.database in the configuration"
	case 47, 46:
		advice = "; afterclick sql 'DESCRIBE sessions' shows the columns of sessions"
	case 164:
		advice = "; afterclick sql only reads"
	}
	message, _, _ := strings.Cut(strings.Join(strings.Fields(e.Message), " "), " (version ")
	return fmt.Errorf("%s (code %d)%s", message, e.Code, advice)
}
