package local

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterclick/afterclick/schemas/access"
)

func TestReaderMay(t *testing.T) {
	db := database(t)
	run(t, "CREATE TABLE "+db+".t (a UInt32) ENGINE = MergeTree ORDER BY a")
	run(t, "INSERT INTO "+db+".t VALUES (1), (2)")
	reader := testEngine.Reader(nil)
	for sql, want := range map[string]string{
		"SELECT sum(a) FROM t":                              "3\n",
		"WITH x AS (SELECT a FROM t) SELECT count() FROM x": "2\n",
		"(SELECT 1) UNION ALL (SELECT 1)":                   "1\n1\n",
		"SHOW TABLES":                                       "t\n",
		"EXISTS TABLE t":                                    "1\n",
		"SELECT getSetting('readonly')":                     "1\n",
		"SELECT getSetting('log_comment')":                  "reader\n",
		"SELECT 'INTO OUTFILE; DROP TABLE t'":               "INTO OUTFILE; DROP TABLE t\n",
		"SELECT {n:UInt8};":                                 "7\n",
	} {
		r, err := reader.Query(context.Background(), Query{SQL: sql, Database: db, Params: map[string]string{"n": "7"}})
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		if out, err := r.ReadAll(context.Background()); err != nil || string(out) != want {
			t.Errorf("%s: got %q, %v", sql, out, err)
		}
	}
}

func TestReaderMayNot(t *testing.T) {
	db := database(t)
	run(t, "CREATE TABLE "+db+".t (a UInt32) ENGINE = MergeTree ORDER BY a")
	reader := testEngine.Reader(nil)
	for _, sql := range []string{
		"INSERT INTO t VALUES (1)",
		"INSERT INTO t SELECT 1",
		"CREATE TABLE u (a UInt8) ENGINE = Memory",
		"CREATE TEMPORARY TABLE u (a UInt8)",
		"CREATE VIEW v AS SELECT 1",
		"CREATE FUNCTION f AS x -> x",
		"DROP TABLE t",
		"TRUNCATE TABLE t",
		"ALTER TABLE t ADD COLUMN b UInt8",
		"ALTER TABLE t DELETE WHERE 1",
		"DELETE FROM t WHERE 1",
		"OPTIMIZE TABLE t FINAL",
		"RENAME TABLE t TO u",
		"KILL QUERY WHERE 1",
		"SYSTEM FLUSH LOGS",
		"SYSTEM SHUTDOWN",
		"SET readonly = 0",
		"SET max_memory_usage = 0",
		"USE system",
		"BACKUP TABLE t TO File('x')",
		"ATTACH TABLE t",
		"DETACH TABLE t",
		"BEGIN TRANSACTION",
		"SELECT 1; DROP TABLE t",
		"SELECT 1; SELECT 2",
		"SELECT 1 INTO OUTFILE '/tmp/afterclick-reader'",
		"EXPLAIN SELECT 1 INTO OUTFILE '/tmp/afterclick-reader'",
		"SELECT * FROM file('/etc/passwd', LineAsString)",
		"SELECT * FROM url('http://127.0.0.1:1/', LineAsString)",
		"SELECT * FROM remote('127.0.0.1:1', system.one)",
		"SELECT * FROM executable('id', TSV, 'a String')",
		"SELECT 1 SETTINGS readonly = 0",
		"SELECT 1 SETTINGS max_execution_time = 100000",
		"SELECT 1 SETTINGS max_memory_usage = 0",
		"SELECT * FROM (SELECT * FROM file('/etc/passwd', LineAsString) SETTINGS readonly = 0)",
		"SELECT * FROM (SELECT 1 SETTINGS readonly = 0), file('/etc/passwd', LineAsString)",
		"SELECT (SELECT count() FROM file('/etc/passwd', LineAsString) SETTINGS readonly = 0)",
		"WITH x AS (SELECT * FROM file('/etc/passwd', LineAsString) SETTINGS readonly = 2) SELECT * FROM x",
		"SELECT 1 IN (SELECT 1 FROM url('http://127.0.0.1:1/', LineAsString) SETTINGS readonly = 0)",
		"(SELECT 1) UNION ALL (SELECT count() FROM file('/etc/passwd', LineAsString) SETTINGS readonly = 0)",
		"SELECT * FROM view(SELECT * FROM file('/etc/passwd', LineAsString) SETTINGS readonly = 0)",
		"SELECT * FROM viewExplain('EXPLAIN', '', (SELECT * FROM file('/etc/passwd', LineAsString) SETTINGS readonly = 0))",
		"SELECT file('/etc/passwd')",
		"SELECT `file`('/etc/passwd')",
		"SELECT \"\\x66ile\"('/etc/passwd')",
		"SELECT * APPLY(file) FROM (SELECT '/etc/passwd' AS x)",
		"SELECT COLUMNS('x') APPLY file FROM (SELECT '/etc/passwd' AS x)",
		"SELECT arrayMap(file, ['/etc/passwd'])",
		"SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
		"SELECT 1 SETTINGS readonly = 0 UNION ALL SELECT count() FROM file('x')",
		"SELECT count() FROM (SELECT 1 SETTINGS max_threads = 1, readonly = 0)",
		"SELECT count() FROM (SELECT 1 SETTINGS max_threads = 1, `max_memory_usage` = 0)",
		"SELECT count() FROM (SELECT 1 SETTINGS max_result_rows = DEFAULT)",
		"EXPLAIN SELECT * FROM (SELECT * FROM url('http://127.0.0.1:1/', LineAsString) SETTINGS readonly = 0)",
		"DROP TABLE t PARALLEL WITH DROP TABLE t",
		"EXPLAIN PIPELINE INSERT INTO t SELECT 1; DROP TABLE t",
		"",
		"-- nothing",
	} {
		r, err := reader.Query(context.Background(), Query{SQL: sql, Database: db})
		if err == nil {
			out, err := r.ReadAll(context.Background())
			if err == nil {
				t.Errorf("%q: got %q", sql, out)
			}
			continue
		}
		var e *Error
		if !errors.As(err, &e) || e.Message == "" {
			t.Errorf("%q: the refusal is not one of ClickHouse's errors: %v", sql, err)
		}
	}
	if got := ask(t, "SELECT count() FROM "+db+".t"); got != "0" {
		t.Errorf("%s rows", got)
	}
	_, err := testEngine.Insert(context.Background(), Query{SQL: "INSERT INTO t", Format: "TSV", Database: db, Access: ReadOnly}, strings.NewReader("1\n"))
	if !errors.Is(err, ErrReadOnly) {
		t.Errorf("an insert by stream: %v", err)
	}
}

// TestReaderSettings: a reader's own settings may lower limits, never lift them.
func TestReaderSettings(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"max_execution_time", "5", "5"},
		{"max_execution_time", "100000", "60"},
		{"max_execution_time", "0", "60"},
		{"max_execution_time", "-1", "60"},
		{"max_memory_usage", "1000000000", "1000000000"},
		{"max_memory_usage", "0", "4000000000"},
		{"log_comment", "a board", "a board"},
		{"output_format_json_quote_64bit_integers", "1", "1"},
	} {
		out, err := testEngine.QueryBytes(context.Background(), Query{
			SQL: "SELECT toString(value) FROM system.settings WHERE name = '" + c.name + "'", Access: ReadOnly, Settings: map[string]string{c.name: c.value}})
		if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
			t.Errorf("%s = %s gives %s, want %s; %v", c.name, c.value, got, c.want, err)
		}
	}
	for _, name := range []string{"readonly", "allow_ddl", "max_threads_for_indexes", "distributed_product_mode", "max_memory_usage_for_user"} {
		_, err := testEngine.QueryBytes(context.Background(), Query{SQL: "SELECT 1", Access: ReadOnly, Settings: map[string]string{name: "0"}})
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	status, body, _ := post(t, "DROP DATABASE system", "user=reader")
	if status != 500 || !strings.HasPrefix(body, "Code: 164. DB::Exception: DROP is refused: this connection only reads.") {
		t.Errorf("over HTTP: %d %s", status, body)
	}
	if _, body, _ := post(t, "CREATE DATABASE nope", "readonly=1"); !strings.HasPrefix(body, "Code: 164.") {
		t.Errorf("readonly=1: %s", body)
	}
	if _, body, _ := post(t, "CREATE DATABASE nope", "user=reader", "readonly=0"); !strings.HasPrefix(body, "Code: 164.") {
		t.Errorf("readonly=0: %s", body)
	}
}

// TestReaderLimits: what hits a limit is told by ClickHouse's own name for it.
func TestReaderLimits(t *testing.T) {
	small := map[string]string{"max_execution_time": "1", "max_memory_usage": "50000000", "max_rows_to_read": "100000", "max_result_rows": "10"}
	for _, c := range []struct {
		sql, name string
		limit     string
	}{
		{"SELECT count() FROM numbers(20000000000) WHERE NOT ignore(sipHash64(number))", "TIMEOUT_EXCEEDED", "max_execution_time"},
		{"SELECT length(groupArray(toString(number))) FROM numbers(50000000)", "MEMORY_LIMIT_EXCEEDED", "max_memory_usage"},
		{"SELECT sum(number) FROM numbers(1000000)", "TOO_MANY_ROWS", "max_rows_to_read"},
		{"SELECT number FROM numbers(100)", "TOO_MANY_ROWS_OR_BYTES", "max_result_rows"},
	} {
		_, err := testEngine.QueryBytes(context.Background(), Query{SQL: c.sql, Access: ReadOnly, Limits: map[string]string{c.limit: small[c.limit]}})
		var e *Error
		if !errors.As(err, &e) || e.Name != c.name || access.Advice(int32(e.Code)) == "" {
			t.Errorf("%s: got %v, want %s and advice", c.sql, err, c.name)
		}
	}
}

// TestReadersWait: readers that take all their places keep each other waiting, and nobody else.
func TestReadersWait(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wait sync.WaitGroup
	for range access.Concurrent {
		wait.Go(func() {
			_, err := testEngine.QueryBytes(ctx, Query{SQL: "SELECT sleepEachRow(1) FROM numbers(60)", Access: ReadOnly, Settings: map[string]string{"max_block_size": "1"}})
			if ctx.Err() == nil {
				t.Errorf("a reader that may: %v", err)
			}
		})
	}
	for len(testEngine.readers) < access.Concurrent {
		time.Sleep(time.Millisecond)
	}
	if got := ask(t, "SELECT 1"); got != "1" {
		t.Errorf("the pipeline: got %s", got)
	}
	_, err := testEngine.QueryBytes(ctx, Query{SQL: "SELECT 1", Access: ReadOnly})
	var e *Error
	if !errors.As(err, &e) || e.Name != "TOO_MANY_SIMULTANEOUS_QUERIES" {
		t.Errorf("one reader too many: %v", err)
	}
	cancel()
	wait.Wait()
	if _, err := testEngine.QueryBytes(context.Background(), Query{SQL: "SELECT 1", Access: ReadOnly}); err != nil {
		t.Errorf("after them: %v", err)
	}
}
