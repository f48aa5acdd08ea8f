package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

func TestOneEnginePerProcess(t *testing.T) {
	if _, err := Open(context.Background(), t.TempDir()); !errors.Is(err, ErrEngineOpen) {
		t.Errorf("got %v", err)
	}
}

// TestStreamedEqualsWhole holds the two ways of getting a result against each other, for every format that streams.
func TestStreamedEqualsWhole(t *testing.T) {
	const sql = "SELECT number AS `a \"\n\\\"b`, toString(number) || '\n\"\\t' AS s, [toLowCardinality(toString(number % 10))] AS l FROM numbers(2500) ORDER BY number SETTINGS max_block_size = 1000, max_threads = 1"
	for _, format := range []string{"Native", "RowBinary", "CSV", "CSVWithNames", "CSVWithNamesAndTypes", "TabSeparated", "TSVWithNames",
		"TSVWithNamesAndTypes", "TabSeparatedRaw", "TSKV", "JSONEachRow", "JSONLines", "NDJSON", "JSONStringsEachRow", "JSONCompactEachRow",
		"JSONCompactEachRowWithNames", "JSONCompactEachRowWithNamesAndTypes", "JSONCompactStringsEachRowWithNamesAndTypes", "MsgPack", "JSON", "Parquet", "Pretty", "XML", "Values", "Vertical"} {
		t.Run(format, func(t *testing.T) {
			whole, err := testEngine.QueryBytes(context.Background(), Query{SQL: sql, Format: format, Whole: true})
			if err != nil {
				t.Fatal(err)
			}
			streamed, err := testEngine.QueryBytes(context.Background(), Query{SQL: sql, Format: format})
			if err != nil {
				t.Fatal(err)
			}
			if format == "Native" { // blocks may be cut elsewhere
				if len(whole) == 0 || len(streamed) == 0 {
					t.Error("empty")
				}
				return
			}
			if clean(whole) != clean(streamed) {
				t.Errorf("whole: %d bytes, %.300q\nstreamed: %d bytes, %.300q", len(whole), whole, len(streamed), streamed)
			}
		})
	}
}

// clean drops what a result says about its own speed.
func clean(b []byte) string {
	lines := strings.Split(string(b), "\n")
	out := lines[:0]
	for _, line := range lines {
		if !strings.Contains(line, "elapsed") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// TestAtOnce runs more statements at once than there are places, with settings of their own.
func TestAtOnce(t *testing.T) {
	db := database(t)
	run(t, "CREATE TABLE "+db+".t (a UInt64) ENGINE = MergeTree ORDER BY a")
	var g errgroup.Group
	const n = 2 * maxConcurrent
	for i := range n {
		g.Go(func() error {
			rows := strings.NewReader(strings.Repeat(strconv.Itoa(i)+"\n", 1000))
			if _, err := testEngine.Insert(context.Background(), Query{SQL: "INSERT INTO t", Format: "TSV", Database: db}, rows); err != nil {
				return err
			}
			out, err := testEngine.QueryBytes(context.Background(), Query{
				SQL: "SELECT getSetting('max_block_size'), {i:UInt32}, count() FROM t WHERE a = {i:UInt32}", Database: db,
				Settings: map[string]string{"max_block_size": strconv.Itoa(1000 + i)}, Params: map[string]string{"i": strconv.Itoa(i)},
			})
			if want := fmt.Sprintf("%d\t%d\t1000\n", 1000+i, i); err == nil && string(out) != want {
				err = fmt.Errorf("got %q, want %q", out, want)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, "SELECT count(), uniqExact(a) FROM "+db+".t"); got != fmt.Sprintf("%d\t%d", n*1000, n) {
		t.Errorf("got %s", got)
	}
}

// endless reads nothing from disk and never ends by itself within a test's time.
const endless = "SELECT sum(cityHash64(number)) FROM numbers(10000000000000)"

func TestCancel(t *testing.T) {
	for what, q := range map[string]Query{
		"as a whole": {SQL: endless, Whole: true},
		"streamed":   {SQL: endless},
		"read-only":  {SQL: strings.Replace(endless, "10000000000000", "19000000000", 1), Access: ReadOnly},
	} {
		t.Run(what, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
			defer cancel()
			started := time.Now()
			_, err := testEngine.QueryBytes(ctx, q)
			var e *Error
			if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &e) || e.Code != 394 {
				t.Errorf("got %v", err)
			}
			if took := time.Since(started); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
	t.Run("between chunks", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		r, err := testEngine.Query(ctx, Query{SQL: "SELECT number FROM numbers(10000000000000)"})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := r.Next(ctx); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("by leaving", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		request, _ := http.NewRequestWithContext(ctx, "POST", testServer.URL(), strings.NewReader(endless))
		if _, err := http.DefaultClient.Do(request); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	waitIdle(t)
	const others = "SELECT query FROM system.processes WHERE query NOT LIKE '%system.processes%'"
	for range 100 { // KILL is asynchronous
		if ask(t, others) == "" {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("still running: %s", ask(t, others))
}

func TestErrors(t *testing.T) {
	_, err := testEngine.QueryBytes(context.Background(), Query{SQL: "SELECT * FROM nope"})
	var e *Error
	if !errors.As(err, &e) || e.Code != 60 || e.Name != "UNKNOWN_TABLE" || !strings.HasPrefix(e.Message, "Unknown table expression identifier 'nope'") {
		t.Errorf("got %#v", err)
	}
	if !strings.HasPrefix(err.Error(), "Code: 60. DB::Exception: Unknown table") || !strings.HasSuffix(err.Error(), "(UNKNOWN_TABLE)") {
		t.Errorf("got %s", err)
	}
	broken := errors.New("the reader broke")
	_, err = testEngine.Insert(context.Background(), Query{SQL: "INSERT INTO FUNCTION null('a UInt8')", Format: "TSV"},
		io.MultiReader(strings.NewReader("1\n"), &failing{broken}))
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// TestLargeResultIsNotHeld streams a few hundred megabytes and looks at the process's memory meanwhile.
func TestLargeResultIsNotHeld(t *testing.T) {
	for _, format := range []string{"RowBinary", "Native", "JSONEachRow"} {
		before := peakAfter(t, func() {
			if _, body, _ := post(t, "SELECT 1"); body != "1\n" {
				t.Fatal(body)
			}
		})
		var n int64
		after := peakAfter(t, func() {
			response, err := http.Post(testServer.URL()+"/?client_protocol_version=54460", "",
				strings.NewReader("SELECT number, repeat('x', 100) AS s FROM numbers(3000000) FORMAT "+format))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if n, err = io.Copy(io.Discard, response.Body); err != nil {
				t.Fatal(err)
			}
		})
		if n < 300e6 {
			t.Errorf("%s: only %d bytes", format, n)
		}
		if grown := after - before; grown > 120<<20 {
			t.Errorf("%s: %d MB streamed, memory grew by %d MB", format, n>>20, grown>>20)
		} else {
			t.Logf("%s: %d MB streamed, memory grew by %d MB", format, n>>20, grown>>20)
		}
	}
}

// TestLargeInsertIsNotHeld sends a few hundred megabytes of rows.
func TestLargeInsertIsNotHeld(t *testing.T) {
	rows := strings.Repeat(strings.Repeat("x", 99)+"\n", 10_000)
	before := peakAfter(t, func() {})
	after := peakAfter(t, func() {
		reader, writer := io.Pipe()
		go func() {
			for range 300 {
				io.WriteString(writer, rows)
			}
			writer.Close()
		}()
		response, err := http.Post(testServer.URL()+"/?query=INSERT+INTO+FUNCTION+null('s+String')+FORMAT+TSV&min_insert_block_size_rows=50000&max_insert_block_size=50000", "", reader)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != 200 {
			body, _ := io.ReadAll(response.Body)
			t.Fatalf("%s: %s", response.Status, body)
		}
	})
	if grown := after - before; grown > 120<<20 {
		t.Errorf("300 MB inserted, memory grew by %d MB", grown>>20)
	} else {
		t.Logf("300 MB inserted, memory grew by %d MB", grown>>20)
	}
}

// peakAfter runs f and returns the process's largest resident size meanwhile.
func peakAfter(t testing.TB, f func()) int64 {
	t.Helper()
	stop, peak := make(chan struct{}), int64(0)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			peak = max(peak, resident(t))
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	f()
	close(stop)
	wg.Wait()
	return peak
}

func resident(t testing.TB) int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Skip("no /proc on this system")
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "RssAnon:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10
		}
	}
	return 0
}
