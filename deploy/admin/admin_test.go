package admin

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/deploy/pipeline"
	"github.com/afterclick/afterclick/schemas/migrate"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestPages(t *testing.T) {
	_, options := localtest.ClickHouse(t)
	if _, err := migrate.Up(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	brokers := localtest.Kafka(t, "clickstream", "orders", "deliveries", "reviews")
	c, err := config.Load("", nil, []string{"kafka.brokers=" + brokers[0], "clickhouse.address=" + localtest.URL(t),
		"clickhouse.database=" + options.Auth.Database, "data_dir=" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(t.Context(), c, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s := httptest.NewServer(Handler(p))
	defer s.Close()

	p.Engine.Metrics.Read.Add(1234)
	p.Engine.Metrics.Waits.Add(56)
	if code, body := get(t, s.URL+"/metrics"); code != 200 || !strings.Contains(body, "afterclick_records_read_total 1234") || !strings.Contains(body, "afterclick_waits_total 56") {
		t.Errorf("/metrics: %d\n%s", code, body)
	}
	health := func(want int) (h Health) {
		t.Helper()
		code, body := get(t, s.URL+"/health")
		if err := json.Unmarshal([]byte(body), &h); err != nil || code != want || h.OK != (want == 200) {
			t.Errorf("/health: %d %s %v, want %d", code, body, err, want)
		}
		return h
	}
	health(200)
	p.Engine.Metrics.WrongKeys.Add(3)
	if h := health(503); len(h.Problems) != 1 || !strings.Contains(h.Problems[0], "keyed_by") {
		t.Errorf("wrong keys are told as %q", h.Problems)
	}
	if code, body := get(t, s.URL+"/debug/pprof/goroutine?debug=1"); code != 200 || !strings.Contains(body, "goroutine profile") {
		t.Errorf("/debug/pprof: %d", code)
	}
}
