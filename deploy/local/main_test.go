package local

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// The tests of this package share one engine, as a process can have only one.
var (
	testEngine *Engine
	testServer *Server
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child(os.Getenv(childEnv))
		return
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "afterclick-local-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if testEngine, err = Open(context.Background(), dir); err != nil {
			panic(err)
		}
		defer testEngine.Close()
		if testServer, err = Serve(context.Background(), testEngine, "", nil); err != nil {
			panic(err)
		}
		defer testServer.Close()
		return m.Run()
	}())
}

var databases atomic.Int64

// database makes a fresh database.
func database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("db%d", databases.Add(1))
	run(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { run(t, "DROP DATABASE "+name+" SYNC") })
	return name
}

func run(t testing.TB, sql string) {
	t.Helper()
	if err := testEngine.Exec(context.Background(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// ask returns the engine's answer without its last line end.
func ask(t testing.TB, sql string) string {
	t.Helper()
	out, err := testEngine.QueryBytes(context.Background(), Query{SQL: sql})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return strings.TrimSuffix(string(out), "\n")
}

func connect(t testing.TB, change func(*clickhouse.Options)) (clickhouse.Conn, string) {
	t.Helper()
	name := database(t)
	options := testServer.Options(name)
	if change != nil {
		change(options)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, name
}

// post sends a request as curl would; parameters are "name=value".
func post(t testing.TB, body string, parameters ...string) (int, string, http.Header) {
	t.Helper()
	return send(t, http.MethodPost, body, parameters...)
}

func send(t testing.TB, method, body string, parameters ...string) (int, string, http.Header) {
	t.Helper()
	values := url.Values{}
	for _, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		values.Set(name, value)
	}
	request, err := http.NewRequest(method, testServer.URL()+"/?"+values.Encode(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	out, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(out), response.Header
}
