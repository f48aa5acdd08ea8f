package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/deploy/local"
	"github.com/afterclick/afterclick/deploy/local/localtest"
)

// TestMain is the command itself where a test starts this binary as one: a process has room for one embedded engine only.
func TestMain(m *testing.M) {
	switch os.Getenv("TEST_AS") {
	case "command":
		os.Exit(Run(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
	case "exec": // a statement on the engine of a demo's folder
		if err := execData(os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case "data":
		if err := makeData(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// makeData leaves a folder like that of a demo which has ended.
func makeData(dir string) error {
	engine, err := local.Open(context.Background(), filepath.Join(dir, "clickhouse"))
	if err != nil {
		return err
	}
	for _, sql := range []string{"CREATE DATABASE afterclick", "CREATE TABLE afterclick.t (n UInt32) ENGINE = MergeTree ORDER BY n", "INSERT INTO afterclick.t SELECT number FROM numbers(42)"} {
		if err := engine.Exec(context.Background(), sql); err != nil {
			return err
		}
	}
	return engine.Close()
}

func execData(dir, statement string) error {
	engine, done, err := local.OpenData(context.Background(), dir)
	if err != nil {
		return err
	}
	return errors.Join(engine.Exec(context.Background(), statement), done())
}

// run runs a command line.
func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Run(t.Context(), args, nil, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args   string
		code   int
		stdout string
		stderr string
	}{
		{"", 0, "Usage: afterclick <command>", ""},
		{"--help", 0, "sql", ""},
		{"sql --help", 0, "afterclick sql 'SHOW TABLES'", ""},
		{"check --help", 0, "The exit code is 1", ""},
		{"chek", 2, "", `did you mean "check"?; afterclick --help shows what there is`},
		{"sql", 2, "", "afterclick sql --help shows"},
		{"sql --examples", 0, "Which carrier keeps what we promise?", ""},
		{"sql --example nope", 2, "", "there is no example nope; --examples lists them; afterclick sql --help"},
		{"sql --example promises_by_carrier x", 2, "", "not both"},
		{"migrate --print-readers", 0, "CREATE ROLE IF NOT EXISTS afterclick_reader;", ""},
		{"sql --format xml x", 2, "", "--format must be one of"},
		{"config check", 0, "the configuration is all right", ""},
		{"config check -s hodl=1m", 1, "", "afterclick: --set hodl: hodl is no key; did you mean hold?"},
		{"config check -c /no/such.yaml", 1, "", "/no/such.yaml"},
		{"config check -s hold=soon", 1, "", "is no duration"},
		{"config check -s lanes.route=0 -s log.level=loud", 1, "", "afterclick: lanes.route: must be from 1 to 256, is 0\nafterclick: log.level: must be one of"},
	} {
		code, stdout, stderr := run(t, "", strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) || (c.stderr == "") != (stderr == "") || c.code != 0 && stdout != "" {
			t.Errorf("afterclick %s: code %d\n%s\n%s\nwant %d, %q, %q", c.args, code, stdout, stderr, c.code, c.stdout, c.stderr)
		}
	}
}

func TestConfigPrint(t *testing.T) {
	code, stdout, _ := run(t, "", "config", "print", "-s", "session.gap=45m")
	if code != 0 || !strings.Contains(stdout, "  gap: 45m\n") {
		t.Fatalf("code %d\n%s", code, stdout)
	}
	file := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(file, []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, nil, nil)
	want := config.Default()
	want.Session.Gap = config.Duration(45 * time.Minute)
	if err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestVersion(t *testing.T) {
	for want, info := range map[string]*debug.BuildInfo{
		"afterclick v1.2.3, go1.26 linux/amd64\n": {GoVersion: "go1.26", Main: debug.Module{Version: "v1.2.3"},
			Settings: []debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: "amd64"}}},
		"afterclick (devel) commit 0123456789ab with changes of 2026-01-31T17:05:00Z, go1.26 linux/arm64\n": {GoVersion: "go1.26", Main: debug.Module{Version: "(devel)"},
			Settings: []debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: "arm64"}, {Key: "vcs.revision", Value: "0123456789abcdef"},
				{Key: "vcs.modified", Value: "true"}, {Key: "vcs.time", Value: "2026-01-31T17:05:00Z"}}},
		"afterclick (built without module information)\n": nil,
	} {
		var b bytes.Buffer
		if err := printVersion(&b, info); err != nil || b.String() != want {
			t.Errorf("got %q, want %q", b.String(), want)
		}
	}
	if code, stdout, _ := run(t, "", "version"); code != 0 || !strings.HasPrefix(stdout, "afterclick ") {
		t.Errorf("code %d: %s", code, stdout)
	}
}

// on returns the flags that ask the ClickHouse of the test.
func on(o clickhouse.Options) []string {
	return []string{"-s", "clickhouse.address=http://" + o.Addr[0], "-s", "clickhouse.database=" + o.Auth.Database}
}

// everyType is a row with values of all kinds of types.
const everyType = `SELECT 18446744073709551615 AS big, toInt8(-3) AS small, 1.5 AS f, nan AS nothing, true AS yes, 'a "b",\tc\nü' AS s,
	toDate('2026-01-31') AS d, toDateTime('2026-01-31 17:05:00', 'UTC') AS dt, toDateTime64('2026-01-31 17:05:00.12', 3, 'UTC') AS ms,
	NULL AS n, toNullable(toUInt8(7)) AS maybe, toLowCardinality('lc') AS lc, CAST('a', 'Enum8(\'a\' = 1)') AS e,
	[1, 2] AS list, [[toDate('2026-01-31')]] AS dates, map('k', 1) AS m, tuple(1, 'x') AS tu, CAST(tuple(1, 'x'), 'Tuple(a UInt8, b String)') AS named,
	toDecimal64('1.50', 2) AS money, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS id, toIPv4('10.0.0.1') AS ip, toUInt128('340282366920938463463374607431768211455') AS huge`

func TestSQLFormats(t *testing.T) {
	_, o := localtest.ClickHouse(t)
	for format, want := range map[string]string{
		"csv": "big,small,f,nothing,yes,s,d,dt,ms,n,maybe,lc,e,list,dates,m,tu,named,money,id,ip,huge\n" +
			"18446744073709551615,-3,1.5,,true,\"a \"\"b\"\",\tc\nü\",2026-01-31,2026-01-31 17:05:00,2026-01-31 17:05:00.120,,7,lc,a,\"[1,2]\",\"[[\"\"2026-01-31\"\"]]\",\"{\"\"k\"\":1}\",\"[1,\"\"x\"\"]\",\"{\"\"a\"\":1,\"\"b\"\":\"\"x\"\"}\",1.5,61f0c404-5cb3-11e7-907b-a6006ad3dba0,10.0.0.1,340282366920938463463374607431768211455\n",
		"table": "big\tsmall\tf\tnothing\tyes\ts\td\tdt\tms\tn\tmaybe\tlc\te\tlist\tdates\tm\ttu\tnamed\tmoney\tid\tip\thuge\n" +
			"18446744073709551615\t-3\t1.5\tNULL\ttrue\ta \"b\",\\tc\\nü\t2026-01-31\t2026-01-31 17:05:00\t2026-01-31 17:05:00.120\tNULL\t7\tlc\ta\t[1,2]\t[[\"2026-01-31\"]]\t{\"k\":1}\t[1,\"x\"]\t{\"a\":1,\"b\":\"x\"}\t1.5\t61f0c404-5cb3-11e7-907b-a6006ad3dba0\t10.0.0.1\t340282366920938463463374607431768211455\n",
	} {
		code, stdout, stderr := run(t, "", append(on(o), "sql", "--format", format, everyType)...)
		if code != 0 || stdout != want {
			t.Errorf("%s: code %d %s\n got %q\nwant %q", format, code, stderr, stdout, want)
		}
	}
	code, stdout, stderr := run(t, everyType+";\n", append(on(o), "sql", "-f", "jsonl", "-")...)
	var row map[string]any
	if err := json.Unmarshal([]byte(stdout), &row); code != 0 || err != nil || strings.Count(stdout, "\n") != 1 {
		t.Fatalf("code %d %s %v: %s", code, stderr, err, stdout)
	}
	for key, want := range map[string]any{"small": -3.0, "f": 1.5, "nothing": nil, "yes": true, "n": nil, "maybe": 7.0, "list": []any{1.0, 2.0}, "m": map[string]any{"k": 1.0}, "s": "a \"b\",\tc\nü", "money": "1.5"} {
		if !reflect.DeepEqual(row[key], want) {
			t.Errorf("JSON %s: got %#v, want %#v", key, row[key], want)
		}
	}
	for statement, want := range map[string]int{"SELECT number FROM numbers(3)": 3, "SELECT 1 WHERE 0": 0} {
		_, stdout, _ = run(t, "", append(on(o), "sql", "-f", "json", statement)...)
		var list []map[string]any
		if err := json.Unmarshal([]byte(stdout), &list); err != nil || len(list) != want {
			t.Errorf("%s: %v: %s", statement, err, stdout)
		}
	}
}

// TestSQLOnlyReads tries to change things, as a user who could.
func TestSQLOnlyReads(t *testing.T) {
	conn, o := localtest.ClickHouse(t)
	if err := conn.Exec(t.Context(), "CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n"); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"INSERT INTO t VALUES (1)", "DROP TABLE t", "CREATE TABLE u (n UInt8) ENGINE = Memory", "ALTER TABLE t DELETE WHERE 1",
		"SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')", "SELECT * FROM file('/etc/passwd', 'LineAsString')"} {
		code, stdout, stderr := run(t, "", append(on(o), "sql", statement)...)
		if code != 1 || stdout != "" || !strings.Contains(stderr, "(code 164)") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: code %d\n%s\n%s", statement, code, stdout, stderr)
		}
	}
	var n uint64
	if err := conn.QueryRow(t.Context(), "SELECT count() + (SELECT count() FROM system.tables WHERE name = 'u' AND database = currentDatabase()) FROM t").Scan(&n); err != nil || n != 0 {
		t.Errorf("something was written: %d, %v", n, err)
	}
}

func TestSQLErrors(t *testing.T) {
	_, o := localtest.ClickHouse(t)
	for statement, want := range map[string]string{
		"SELECT * FROM nowhere": "SHOW TABLES",
		"SELEC 1":               "Syntax error",
		" ; ":                   "the statement is empty",
		"SELECT throwIf(number = 100000, 'too far') FROM numbers(200000)": "too far",
		"SELECT sum(sipHash64(number)) FROM numbers(19000000000)":         "no answer within 1s",
		"SELECT 1; SELECT 2": "Multi-statements",
	} {
		start := time.Now()
		code, _, stderr := run(t, "", append(on(o), "sql", "--timeout", "1s", statement)...)
		if code != 1 || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 || time.Since(start) > 10*time.Second {
			t.Errorf("%s: code %d after %s: %s, want %s", statement, code, time.Since(start), stderr, want)
		}
	}
	code, _, stderr := run(t, "", "sql", "-s", "clickhouse.address=clickhouse://127.0.0.1:1", "SELECT 1")
	if code != 1 || !strings.Contains(stderr, "connection refused") || !strings.Contains(stderr, "afterclick check") {
		t.Errorf("nobody there: code %d: %s", code, stderr)
	}
}

// TestSQLData asks the folder of a demo that has ended.
func TestSQLData(t *testing.T) {
	dir := t.TempDir()
	as := func(what string, args ...string) (string, string, error) {
		var out, errs bytes.Buffer
		c := exec.Command(os.Args[0], args...)
		c.Env = append(os.Environ(), "TEST_AS="+what)
		c.Stdout, c.Stderr = &out, &errs
		err := c.Run()
		return out.String(), errs.String(), err
	}
	if _, stderr, err := as("data", dir); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	stdout, stderr, err := as("command", "sql", "--data", dir, "-f", "csv", "SELECT count() AS rows, sum(n) FROM t")
	if err != nil || stdout != "rows,sum(n)\n42,861\n" {
		t.Errorf("%v: %s %s", err, stdout, stderr)
	}
	if stdout, stderr, err = as("command", "sql", "--data", dir, "INSERT INTO t VALUES (1)"); err == nil || !strings.Contains(stderr, "(code 164)") {
		t.Errorf("insert: %v: %s %s", err, stdout, stderr)
	}
	if _, stderr, err = as("command", "sql", "--data", t.TempDir(), "SELECT 1"); err == nil || !strings.Contains(stderr, "has no tables") {
		t.Errorf("an empty folder: %v: %s", err, stderr)
	}
}

// TestPretty renders for a terminal of some width.
func TestPretty(t *testing.T) {
	conn, _ := localtest.ClickHouse(t)
	show := func(statement string, width int) string {
		rows, err := conn.Query(t.Context(), statement)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var b bytes.Buffer
		if _, err := render(&b, rows, "table", width); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if got, want := show("SELECT number AS n, 'Grüße' AS Word FROM numbers(2)", 80), `┌───┬───────┐
│ n │ Word  │
├───┼───────┤
│ 0 │ Grüße │
│ 1 │ Grüße │
└───┴───────┘
`; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got, want := show("SELECT 1 AS n, 'Grüße' AS Word", 10), "─── 1\nn     1\nWord  Grüße\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := show("SELECT number FROM numbers(1500)", 80); !strings.Contains(got, "│    999 │") || strings.Contains(got, "1000") || !strings.Contains(got, "… and 500 rows more") {
		t.Errorf("got\n%s", got[len(got)-300:])
	}
}
