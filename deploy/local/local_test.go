package local

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestStack runs a stack in a process of its own, as an engine is open in this one.
func TestStack(t *testing.T) {
	dir := t.TempDir()
	cmd, line := spawn(t, "stack", dir)
	fields := strings.Fields(line)
	if len(fields) != 2 {
		t.Fatalf("the stack says %q", line)
	}
	kafkaAddress, clickHouse := fields[0], fields[1]
	ctx := context.Background()
	if err := client(t, kafkaAddress).Ping(ctx); err != nil {
		t.Error(err)
	}
	ask := func(sql string) string {
		response, err := http.Post(clickHouse, "", strings.NewReader(sql))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var out bytes.Buffer
		out.ReadFrom(response.Body)
		return out.String()
	}
	for _, sql := range []string{"CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a", "INSERT INTO t VALUES (1), (2)"} {
		if out := ask(sql); out != "" {
			t.Fatal(out)
		}
	}
	_, err := Start(ctx, Config{Dir: dir})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "by process ") {
		t.Errorf("a second stack on the folder: %v", err)
	}
	// What was inserted is there after a kill as well.
	cmd.Process.Kill()
	cmd.Wait()
	_, line = spawn(t, "stack", dir)
	clickHouse = strings.Fields(line)[1]
	if out := ask("SELECT sum(a) FROM t"); out != "3\n" {
		t.Errorf("after the kill: %q", out)
	}
}

// TestStackCloses starts and closes a stack twice in one process.
func TestStackCloses(t *testing.T) {
	_, line := spawn(t, "twice", t.TempDir())
	if line != "1 2" {
		t.Errorf("got %q", line)
	}
}

func tarball(t testing.TB, files map[string]string) ([]byte, string) {
	t.Helper()
	var raw bytes.Buffer
	z := gzip.NewWriter(&raw)
	w := tar.NewWriter(z)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(content))
	}
	w.Close()
	z.Close()
	sum := sha512.Sum512(raw.Bytes())
	return raw.Bytes(), "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

func TestDownload(t *testing.T) {
	good, integrity := tarball(t, map[string]string{"package/package.json": "{}", "package/libchdb.so": "engine"})
	other, otherIntegrity := tarball(t, map[string]string{"package/package.json": "{}"})
	for _, c := range []struct {
		what      string
		body      []byte
		integrity string
		want      error
	}{
		{"good", good, integrity, nil},
		{"another content", other, integrity, ErrIntegrity},
		{"cut off", good[:len(good)-10], integrity, ErrIntegrity},
		{"more behind it", append(bytes.Clone(good), "x"...), integrity, ErrIntegrity},
		{"no library in it", other, otherIntegrity, errors.ErrUnsupported},
		{"an error page", []byte("<html>"), integrity, ErrIntegrity},
	} {
		t.Run(c.what, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(c.body) }))
			defer server.Close()
			dir := t.TempDir()
			path := filepath.Join(dir, "libchdb.so")
			err := download(context.Background(), server.URL, path, c.integrity)
			if c.want == nil && err != nil || c.want != nil && err == nil || c.want == ErrIntegrity && !errors.Is(err, ErrIntegrity) {
				t.Errorf("got %v", err)
			}
			left, _ := os.ReadDir(dir)
			if err != nil && len(left) > 0 {
				t.Errorf("it left %s", left[0])
			}
			if content, _ := os.ReadFile(path); err == nil && string(content) != "engine" {
				t.Errorf("the file holds %q", content)
			}
		})
	}
}

func TestFetchSaysWhatToDo(t *testing.T) {
	t.Setenv(libchdbEnv, "/no/such/file")
	if _, err := Fetch(context.Background()); err == nil || !strings.Contains(err.Error(), libchdbEnv) {
		t.Errorf("a wrong path: %v", err)
	}
	t.Setenv(libchdbEnv, "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	_, err := Fetch(context.Background())
	want := ErrNoNPM
	if _, ok := tarballs[runtime.GOOS+"/"+runtime.GOARCH]; !ok {
		want = ErrPlatform
	}
	if !errors.Is(err, want) || !strings.Contains(err.Error(), libchdbEnv) {
		t.Errorf("without npm: %v", err)
	}
	// An npm that cannot reach its registry.
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "npm"), []byte("#!/bin/sh\necho 'npm error code ENOTFOUND' >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":/bin:/usr/bin")
	if _, err := Fetch(context.Background()); want == ErrNoNPM && (err == nil || !strings.Contains(err.Error(), "ENOTFOUND") || !strings.Contains(err.Error(), "network")) {
		t.Errorf("without a network: %v", err)
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	cmd, _ := spawn(t, "lock", path)
	_, err := tryLock(path)
	if !errors.Is(err, ErrLocked) {
		t.Fatalf("got %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	l, err := tryLock(path)
	if err != nil {
		t.Fatalf("after the owner's death: %v", err)
	}
	l.release()
}
