package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/ingest/verify"
	"github.com/afterclick/afterclick/schemas/migrate"
)

// as runs this test binary as something else, see TestMain.
func as(t *testing.T, what string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	c := exec.CommandContext(t.Context(), os.Args[0], args...)
	c.Env = append(os.Environ(), "TEST_AS="+what)
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if e := (*exec.ExitError)(nil); err != nil && !errors.As(err, &e) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// TestVerify verifies a demo's folder: as it is, and with a row deleted.
func TestVerify(t *testing.T) {
	dir := t.TempDir()
	if code, _, stderr := as(t, "command", "demo", "--once", "--days", "1", "--visits", "200", "--data", dir); code != 0 {
		t.Fatalf("demo: code %d: %s", code, stderr)
	}
	code, stdout, stderr := as(t, "command", "verify", "--data", dir)
	if code != exitOK || !strings.Contains(stdout, "│ clickstream │") || !strings.Contains(stdout, "\nEvery record is in one row, as Kafka has it (") {
		t.Errorf("code %d\n%s\n%s", code, stdout, stderr)
	}
	if code, _, stderr := as(t, "exec", dir, "ALTER TABLE afterclick.stored_events DELETE WHERE topic = 'clickstream' AND offset = 3 SETTINGS mutations_sync = 2"); code != 0 {
		t.Fatal(stderr)
	}
	code, stdout, stderr = as(t, "command", "verify", "--data", dir, "--settle", "1ms")
	if code != exitFailed || stderr != "" || !strings.Contains(stdout, "\nmissing  clickstream/0 offset 3, machine → table: committed by group afterclick.sessions, but in no table\n") ||
		!strings.Contains(stdout, "\nThere are differences: ") {
		t.Errorf("code %d\n%s\n%s", code, stdout, stderr)
	}
	var r verify.Report
	code, stdout, stderr = as(t, "command", "verify", "--data", dir, "--settle", "1ms", "--format", "json")
	if err := json.Unmarshal([]byte(stdout), &r); code != exitFailed || err != nil || r.Clean || len(r.Topics) != 4 || r.Topics[0].Missing == 0 || len(r.Findings) == 0 {
		t.Errorf("code %d, %v\n%s\n%s", code, err, stdout, stderr)
	}
}

// TestVerifyCannot: the exit code tells what could not be verified from what differs.
func TestVerifyCannot(t *testing.T) {
	for args, want := range map[string]string{
		"verify --data /no/such/folder":                                         "afterclick demo --data",
		"verify --since yesterday":                                              "--since yesterday: must be like 36h",
		"verify -s clickhouse.address=clickhouse://127.0.0.1:1":                 "connection refused",
		"verify -s kafka.brokers=127.0.0.1:1 -s clickhouse.address=nowhere://a": "clickhouse.address",
	} {
		code, stdout, stderr := run(t, "", strings.Fields(args)...)
		if code != exitUnknown || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("afterclick %s: code %d\n%s\n%s", args, code, stdout, stderr)
		}
	}
}

// TestVerifyNobody: tables that are not there, and brokers that do not answer.
func TestVerifyNobody(t *testing.T) {
	_, o := localtest.ClickHouse(t)
	line := append(on(o), "verify", "-s", "kafka.brokers=127.0.0.1:1")
	if code, stdout, stderr := run(t, "", line...); code != exitUnknown || stdout != "" || !strings.Contains(stderr, "afterclick migrate") {
		t.Errorf("no tables: code %d\n%s\n%s", code, stdout, stderr)
	}
	if _, err := migrate.Up(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if code, stdout, stderr := run(t, "", line...); code != exitUnknown || stdout != "" || !strings.Contains(stderr, "127.0.0.1:1") || time.Since(begin) > 40*time.Second {
		t.Errorf("no broker: code %d after %s\n%s\n%s", code, time.Since(begin), stdout, stderr)
	}
}

func TestVerifySince(t *testing.T) {
	now := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "36h": now.Add(-36 * time.Hour), "2026-03-01": time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"2026-03-01 10:00:00": time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), "2026-03-01T10:00:00+02:00": time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC),
	} {
		if got, err := (&verifyCommand{Since: text}).since(now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"-1h", "soon", "2026-13-01"} {
		if _, err := (&verifyCommand{Since: text}).since(now); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}
