package local

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRequests asks as curl, Grafana and other clients do.
func TestRequests(t *testing.T) {
	db := database(t)
	run(t, "CREATE TABLE "+db+".t (a UInt32, b String) ENGINE = MergeTree ORDER BY a")
	run(t, "INSERT INTO "+db+".t VALUES (1, 'x'), (2, 'y')")
	for _, c := range []struct {
		what, method, body, parameters string // parameters by newline
		status                         int
		want                           string // the body, or with … at its end its beginning
	}{
		{"query in the URL", "GET", "", "query=SELECT 1", 200, "1\n"},
		{"query in the body", "POST", "SELECT 1", "", 200, "1\n"},
		{"half and half", "POST", "+ 1", "query=SELECT 1", 200, "2\n"},
		{"a semicolon and a comment", "POST", "SELECT 1; -- end", "", 200, "1\n"},
		{"nothing", "GET", "", "", 200, "Ok.\n"},
		{"default_format", "POST", "SELECT 1 AS a, 'x' AS b", "default_format=JSONEachRow", 200, `{"a":1,"b":"x"}` + "\n"},
		{"FORMAT wins", "POST", "SELECT 1 AS a FORMAT CSVWithNames", "default_format=JSON", 200, "\"a\"\n1\n"},
		{"JSON", "POST", "SELECT number FROM numbers(200000) FORMAT JSONCompact", "", 200, "{\n\t\"meta\":…"},
		{"an empty result with a header", "POST", "SELECT 1 AS a WHERE 0 FORMAT CSVWithNamesAndTypes", "", 200, "\"a\"\n\"UInt8\"\n"},
		{"totals", "POST", "SELECT a, count() FROM t GROUP BY a WITH TOTALS ORDER BY a", "database=" + db, 200, "1\t1\n2\t1\n\n0\t2\n"},
		{"database", "POST", "SELECT b FROM t ORDER BY a", "database=" + db, 200, "x\ny\n"},
		{"no such database", "POST", "SELECT 1", "database=nope", 404, "Code: 81. DB::Exception: …"},
		{"settings", "POST", "SELECT getSetting('max_threads'), getSetting('session_timezone')", "max_threads=3\nsession_timezone=Asia/Tokyo", 200, "3\tAsia/Tokyo\n"},
		{"a setting that does not exist", "POST", "SELECT 1", "no_such_thing=3", 404, "Code: 115. DB::Exception: …"},
		{"a setting with a bad value", "POST", "SELECT 1", "max_threads=many", 400, "Code: 27. DB::Exception: …"},
		{"parameters", "POST", "SELECT {a:UInt32} + 1, {b:String}", "param_a=41\nparam_b=it's", 200, "42\tit\\'s\n"},
		{"a parameter is missing", "POST", "SELECT {a:UInt32}", "", 500, "Code: 456. DB::Exception: …"},
		{"SHOW", "POST", "SHOW TABLES", "database=" + db, 200, "t\n"},
		{"syntax", "POST", "SELEC 1", "", 400, "Code: 62. DB::Exception: Syntax error: …"},
		{"unknown table", "POST", "SELECT * FROM nope", "", 404, "Code: 60. DB::Exception: …"},
		{"unknown function", "POST", "SELECT nope(1)", "", 404, "Code: 46. DB::Exception: …"},
		{"types", "POST", "SELECT 1 + 'x'", "", 500, "Code: 43. DB::Exception: …"},
		{"too long", "POST", "SELECT count() FROM numbers(100000000000) SETTINGS max_execution_time = 1", "", 408, "Code: 159. DB::Exception: …"},
		{"an early error of a large result", "POST", "SELECT throwIf(number = 3) FROM numbers(10)", "", 500, "Code: 395. DB::Exception: …"},
		{"a late error that waits", "POST", "SELECT throwIf(number = 900000) FROM numbers(1000000)", "wait_end_of_query=1", 500, "Code: 395. DB::Exception: …"},
		{"several statements", "POST", "SELECT 1; SELECT 2", "", 400, "Code: 62. DB::Exception: Syntax error (Multi-statements are not allowed)…"},
		{"GET does not write", "GET", "", "query=DROP TABLE t\ndatabase=" + db, 500, "Code: 164. DB::Exception: …"},
		{"INTO OUTFILE", "POST", "SELECT 1 INTO OUTFILE '/tmp/x'", "", 500, "Code: 358. DB::Exception: INTO OUTFILE is not allowed.…"},
		{"implicit select is off as on a server", "POST", "1 + 1", "", 400, "Code: 62. DB::Exception: …"},
		{"unknown user", "POST", "SELECT 1", "user=mallory", 403, "Code: 516. DB::Exception: …"},
		{"external tables", "DELETE", "", "query=SELECT 1", 501, "Code: 48. DB::Exception: …"},
	} {
		t.Run(c.what, func(t *testing.T) {
			var parameters []string
			if c.parameters != "" {
				parameters = strings.Split(c.parameters, "\n")
			}
			status, body, header := send(t, c.method, c.body, parameters...)
			want, prefix := strings.CutSuffix(c.want, "…")
			if status != c.status || body != want && !(prefix && strings.HasPrefix(body, want)) {
				t.Errorf("got %d %q, want %d %q", status, body, c.status, c.want)
			}
			if code := header.Get("X-ClickHouse-Exception-Code"); status != 200 && !strings.HasPrefix(body, "Code: "+code+".") {
				t.Errorf("the exception's code is %q for %q", code, body)
			}
			if status != 200 && !strings.Contains(body, "(version 2") {
				t.Errorf("no version in %q", body)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	db := database(t)
	_, _, header := post(t, "SELECT 1 FORMAT JSON", "query_id=mine")
	for name, want := range map[string]string{
		"X-ClickHouse-Query-Id": "mine", "X-ClickHouse-Format": "JSON", "Content-Type": "application/json; charset=UTF-8",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	run(t, "CREATE TABLE "+db+".t (a UInt32) ENGINE = MergeTree ORDER BY a")
	_, _, header = post(t, "1\n2\n3\n", "query=INSERT INTO "+db+".t FORMAT TSV")
	if s := header.Get("X-ClickHouse-Summary"); !strings.Contains(s, `"written_rows":"3"`) {
		t.Errorf("summary of an insert: %s", s)
	}
	_, _, header = post(t, "SELECT sum(a) FROM "+db+".t")
	if s := header.Get("X-ClickHouse-Summary"); !strings.Contains(s, `"read_rows":"3"`) {
		t.Errorf("summary of a query: %s", s)
	}
	response, err := http.Get(testServer.URL() + "/ping")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); string(body) != "Ok.\n" {
		t.Errorf("ping: %q", body)
	}
	if response, err := http.Get(testServer.URL() + "/nothing"); err != nil || response.StatusCode != 404 {
		t.Errorf("an unknown path: %v %v", response, err)
	}
}

// TestInserts sends rows in every way that clients do.
func TestInserts(t *testing.T) {
	db := database(t)
	run(t, "CREATE TABLE "+db+".t (a UInt32, `format` String) ENGINE = MergeTree ORDER BY a")
	native := func(sql string) string {
		_, body, _ := post(t, sql+" FORMAT Native")
		return body
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, "7,x\n")
	z.Close()
	for _, c := range []struct{ what, query, body, want string }{
		{"CSV", "INSERT INTO t FORMAT CSV", "1,x\n2,y\n", "1 x,2 y"},
		{"JSONEachRow", "INSERT INTO t FORMAT JSONEachRow", `{"a": 1, "format": "x"} {"a": 2}`, "1 x,2 "},
		{"Native", "INSERT INTO t FORMAT Native", native("SELECT toUInt32(number) AS a, 'n' AS format FROM numbers(3)"), "0 n,1 n,2 n"},
		{"RowBinary", "INSERT INTO t (a, format) FORMAT RowBinary", "\x01\x00\x00\x00\x01x", "1 x"},
		{"all in the body", "", "INSERT INTO t FORMAT TSV\n1\tx\n2\ty\n", "1 x,2 y"},
		{"all in the body, one line", "", `INSERT INTO t FORMAT JSONEachRow {"a": 3, "format": "z"}`, "3 z"},
		{"all in the URL", `INSERT INTO t FORMAT JSONEachRow {"a": 4, "format": "z"}`, "", "4 z"},
		{"VALUES", "", "INSERT INTO t VALUES (1, 'a;b'), (1 + 1, upper('x'));", "1 a;b,2 X"},
		{"VALUES behind the URL's head", "INSERT INTO t (a) VALUES", "(1), (2)", "1 ,2 "},
		{"a column called format", "INSERT INTO t (a, format) FORMAT CSV", "1,x\n", "1 x"},
		{"SELECT", "", "INSERT INTO t SELECT number, 'FORMAT CSV' FROM numbers(2)", "0 FORMAT CSV,1 FORMAT CSV"},
		{"SETTINGS before FORMAT", "INSERT INTO t SETTINGS input_format_csv_skip_first_lines = 1, max_insert_block_size = 7 FORMAT CSV", "h\n1,x\n", "1 x"},
		{"SETTINGS behind FORMAT", "INSERT INTO t FORMAT CSV SETTINGS format_csv_delimiter = ';'", "1;x\n", "1 x"},
		{"a comment before the rows", "", "/* INSERT */ INSERT INTO t -- FORMAT TSV\nFORMAT CSV\n5,x\n", "5 x"},
		{"many VALUES", "", "INSERT INTO t VALUES " + strings.Repeat("(1, 'x'), ", 200_000) + "(2, 'y')", strings.Repeat("1 x,", 200_000) + "2 y"},
		{"no rows", "INSERT INTO t FORMAT CSV", "", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			run(t, "TRUNCATE TABLE "+db+".t")
			status, body, _ := post(t, c.body, "query="+c.query, "database="+db)
			if status != 200 || body != "" {
				t.Fatalf("got %d %q", status, body)
			}
			if got := ask(t, "SELECT arrayStringConcat(groupArray(a || ' ' || format), ',') FROM (SELECT toString(a) AS a, format FROM "+db+".t ORDER BY a)"); got != c.want {
				t.Errorf("got %.200q, want %.200q", got, c.want)
			}
		})
	}
	for _, c := range []struct {
		what, query, body string
		code              int
	}{
		{"a table that is not there", "INSERT INTO nope FORMAT CSV", strings.Repeat("1,x\n", 1<<20), 60},
		{"a column that is not there", "INSERT INTO t (nope) FORMAT CSV", "1\n", 16},
		{"a format that is not there", "INSERT INTO t FORMAT Nope", "1,x\n", 73},
		{"rows that do not parse", "INSERT INTO t FORMAT CSV", strings.Repeat("1,x\n", 1000) + "one,x\n", 27},
		{"half a block", "INSERT INTO t FORMAT Native", native("SELECT toUInt32(number) AS a, 'n' AS format FROM numbers(9)")[:40], 33},
		{"a file of this machine", "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT LineAsString", "", 78},
		{"a second statement", "", "INSERT INTO t VALUES (1, 'x'); DROP TABLE t", 62},
	} {
		t.Run(c.what, func(t *testing.T) {
			run(t, "TRUNCATE TABLE "+db+".t")
			status, body, header := post(t, c.body, "query="+c.query, "database="+db)
			if status == 200 || header.Get("X-ClickHouse-Exception-Code") != fmt.Sprint(c.code) {
				t.Errorf("got %d %.300q, want the code %d", status, body, c.code)
			}
			if n := ask(t, "SELECT count() FROM "+db+".t"); n != "0" {
				t.Errorf("%s rows were inserted", n)
			}
		})
	}
	t.Run("gzip", func(t *testing.T) {
		run(t, "TRUNCATE TABLE "+db+".t")
		request, _ := http.NewRequest("POST", testServer.URL()+"/?query=INSERT+INTO+"+db+".t+FORMAT+CSV", &zipped)
		request.Header.Set("Content-Encoding", "gzip")
		if response, err := http.DefaultClient.Do(request); err != nil || response.StatusCode != 200 {
			t.Fatal(response, err)
		}
		if got := ask(t, "SELECT a FROM "+db+".t"); got != "7" {
			t.Errorf("got %q", got)
		}
	})
}

// TestInsertSettings: what clients ask of an insert is done.
func TestInsertSettings(t *testing.T) {
	db := database(t)
	run(t, "CREATE TABLE "+db+".t (a UInt32) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100")
	insert := func(want int, parameters ...string) {
		t.Helper()
		if status, body, _ := post(t, "1\n2\n", append(parameters, "query=INSERT INTO "+db+".t FORMAT TSV")...); status != want {
			t.Errorf("%v: %d %s", parameters, status, body)
		}
	}
	count := func(want string) {
		t.Helper()
		if got := ask(t, "SELECT count() FROM "+db+".t"); got != want {
			t.Errorf("%s rows, want %s", got, want)
		}
	}
	insert(200, "insert_deduplication_token=a")
	insert(200, "insert_deduplication_token=a")
	count("2")
	insert(200, "insert_deduplication_token=b")
	count("4")
	insert(500, "readonly=2")
	insert(500, "readonly=1")
	count("4")
	insert(200, "async_insert=1", "wait_for_async_insert=1", "insert_deduplication_token=c")
	count("6")
}

// TestBrokenOffInsert loses the client in the middle of an insert; nothing of it may show.
func TestBrokenOffInsert(t *testing.T) {
	db := database(t)
	run(t, "CREATE TABLE "+db+".t (a UInt32) ENGINE = MergeTree ORDER BY a")
	row := "123456\n"
	for _, framing := range []string{"Content-Length: 100000000", "Transfer-Encoding: chunked"} {
		conn, err := net.Dial("tcp", testServer.Address)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /?query=INSERT+INTO+%s.t+FORMAT+TSV HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n", db, framing)
		rows := strings.Repeat(row, 500_000)
		if strings.Contains(framing, "chunked") {
			fmt.Fprintf(conn, "%x\r\n%s\r\n", len(rows), rows)
		} else {
			io.WriteString(conn, rows)
		}
		conn.Close()
	}
	waitIdle(t)
	if n := ask(t, "SELECT count() FROM "+db+".t"); n != "0" {
		t.Errorf("%s rows of a broken insert are there", n)
	}
	if status, body, _ := post(t, row, "query=INSERT INTO "+db+".t FORMAT TSV"); status != 200 {
		t.Errorf("the next insert: %d %s", status, body)
	}
}

// waitIdle waits until no statement runs.
func waitIdle(t testing.TB) {
	t.Helper()
	for range 1000 {
		if len(testEngine.slots) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d statements still run", len(testEngine.slots))
}

func TestForeignPagesAreRefused(t *testing.T) {
	for name, value := range map[string]string{"Host": "evil.example", "Origin": "https://evil.example"} {
		request, _ := http.NewRequest("POST", testServer.URL()+"/", strings.NewReader("SELECT 1"))
		request.Header.Set(name, value)
		if name == "Host" {
			request.Host = value
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != 403 {
			t.Errorf("%s: %s gets %s", name, value, response.Status)
		}
	}
	if l, err := listenLoopback("0.0.0.0:0"); err == nil {
		l.Close()
		t.Error("listens for other machines")
	}
}

func TestSessions(t *testing.T) {
	defer func() {
		testServer.handler.Close()
		testServer.handler.sessions.closed = false
		waitIdle(t)
	}()
	post(t, "CREATE TEMPORARY TABLE mine (a UInt8)", "session_id=s1")
	post(t, "INSERT INTO mine VALUES (7)", "session_id=s1")
	post(t, "SET max_threads = 3", "session_id=s1")
	if _, body, _ := post(t, "SELECT a, getSetting('max_threads') FROM mine", "session_id=s1"); body != "7\t3\n" {
		t.Errorf("got %q", body)
	}
	if status, _, _ := post(t, "SELECT a FROM mine"); status != 404 {
		t.Errorf("another request sees the session's table: %d", status)
	}
	if _, body, _ := post(t, "SELECT 1", "session_id=s2", "session_check=1"); !strings.HasPrefix(body, "Code: 372.") {
		t.Errorf("got %q", body)
	}
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		post(t, "SELECT sleep(1)", "session_id=s1")
	}()
	time.Sleep(300 * time.Millisecond)
	if _, body, _ := post(t, "SELECT 1", "session_id=s1"); !strings.HasPrefix(body, "Code: 373.") {
		t.Errorf("got %q", body)
	}
	<-busy
	post(t, "SELECT 1", "session_id=r", "user=reader")
	if _, body, _ := post(t, "CREATE DATABASE nope", "session_id=r"); !strings.HasPrefix(body, "Code: 164.") {
		t.Errorf("a reader's session was taken over: %q", body)
	}
}

func TestOutfileWritesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	for _, user := range []string{"default", "reader"} {
		for _, sql := range []string{
			"SELECT 1 INTO OUTFILE '%s'",
			"SELECT 1 into/**/outfile '%s' FORMAT CSV",
			"SELECT 1 INTO -- x\n OUTFILE '%s'",
			"SELECT 1; SELECT 1 INTO OUTFILE '%s'",
			"EXPLAIN SELECT 1 INTO OUTFILE '%s'",
			"EXPLAIN AST SELECT 1 INTO OUTFILE '%s'",
			"SHOW TABLES INTO OUTFILE '%s'",
			"DESCRIBE TABLE system.one INTO OUTFILE '%s'",
			"(SELECT 1) UNION ALL (SELECT 2) INTO OUTFILE '%s' TRUNCATE",
			"WITH 1 AS x SELECT x INTO OUTFILE '%s' AND STDOUT",
			"SELECT $$ it's $$, 'a\\'' INTO OUTFILE '%s'",
			"SELECT `a\\`` FROM (SELECT 1 AS `a\\``) INTO OUTFILE '%s'",
			"SELECT 1 INTO\u00a0OUTFILE '%s'",
			"SELECT 1 INTO\x00OUTFILE '%s'",
			"SELECT 1 INTO\u3000\ufeff\u200bOUTFILE '%s'",
			"SELECT 1 INTO\u2028OUTFILE '%s'",
			"SELECT 1 INTO\u0085OUTFILE '%s'",
			"SELECT 1 INTO\u180eOUTFILE '%s'",
			"FROM system.one SELECT 1 INTO\v\fOUTFILE '%s'",
			"\ufeffSELECT 1 INTO\u2060OUTFILE '%s'",
			"SELECT 1 INTO #! x\nOUTFILE '%s'",
			"SELECT 1 INTO /* /* */ OUTFILE '%s'",
			"EXISTS TABLE system.one INTO OUTFILE '%s'",
			"SELECT 1 INTO OUTFILE '%s' COMPRESSION 'gzip'",
		} {
			sql = fmt.Sprintf(sql, path)
			status, body, _ := post(t, sql, "user="+user)
			if status == 200 {
				t.Errorf("%s: %q gets %q", user, sql, body)
			}
			if _, err := os.Stat(path); err == nil {
				t.Errorf("%s: %q wrote a file", user, sql)
				os.Remove(path)
			}
		}
	}
}
