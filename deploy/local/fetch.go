package local

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// engineVersion is the libchdb that this package was written and tested against.
const engineVersion = "26.7.3-stable.1"

// libchdbEnv names a libchdb.so to use instead of the fetched one.
const libchdbEnv = "AFTERCLICK_LIBCHDB"

// engineTarball is where libchdb comes from: a package of npm, and what its tarball must hash to.
type engineTarball struct{ pkg, integrity string }

// tarballs by GOOS/GOARCH. Only what could be fetched and verified stands here; elsewhere libchdb can be given
// through the environment.
var tarballs = map[string]engineTarball{
	"linux/amd64": {"@chdb/lib-linux-x64-gnu", "sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw=="},
}

// Reasons why libchdb cannot be had. The error around them says what to do.
var (
	ErrPlatform  = errors.New("no ClickHouse engine is known for this platform")
	ErrNoNPM     = errors.New("npm is not installed")
	ErrIntegrity = errors.New("the download is not what it should be")
)

const elsewhere = "; or put libchdb.so of version " + engineVersion + " on this machine and set " + libchdbEnv + " to its path"

// Fetch returns the path of libchdb.so: what AFTERCLICK_LIBCHDB names, or the one in the user's cache, or it fetches
// that one first (178 MB, once). Processes that need it at the same time fetch it once.
func Fetch(ctx context.Context) (string, error) {
	if path := os.Getenv(libchdbEnv); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%s: %w", libchdbEnv, err)
		}
		return path, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for the ClickHouse engine (set HOME or XDG_CACHE_HOME%s): %w", elsewhere, err)
	}
	path := filepath.Join(cache, "afterclick", "libchdb", engineVersion, "libchdb.so")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	tarball, ok := tarballs[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return "", fmt.Errorf("%w: %s/%s. Use a ClickHouse server%s", ErrPlatform, runtime.GOOS, runtime.GOARCH, elsewhere)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("make a folder for the ClickHouse engine: %w", err)
	}
	lock, err := lockFile(ctx, filepath.Join(filepath.Dir(path), "lock"))
	if err != nil {
		return "", err
	}
	defer lock.release()
	if _, err := os.Stat(path); err == nil {
		return path, nil // somebody else fetched it while we waited
	}
	if err := fetchTo(ctx, path, tarball); err != nil {
		return "", fmt.Errorf("fetch the ClickHouse engine: %w", err)
	}
	return path, nil
}

// fetchTo downloads the tarball, over HTTP where npm says it is, or else with npm itself.
func fetchTo(ctx context.Context, path string, t engineTarball) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("%w: install Node.js, which brings npm%s", ErrNoNPM, elsewhere)
	}
	where, err := tarballURL(ctx, npm, t)
	if err != nil {
		return err
	}
	err = download(ctx, where, path, t.integrity)
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrIntegrity) {
		return err
	}
	fmt.Fprintf(os.Stderr, "afterclick: the download failed (%v); trying npm pack\n", err)
	if packErr := pack(ctx, npm, path, t); packErr != nil {
		return fmt.Errorf("%w; npm pack: %w. Check the network and npm's proxy settings%s", err, packErr, elsewhere)
	}
	return nil
}

// tarballURL asks the user's own npm, which knows the user's registry and proxy.
func tarballURL(ctx context.Context, npm string, t engineTarball) (string, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, npm, "view", t.pkg+"@"+engineVersion, "dist.tarball", "dist.integrity", "--json")
	cmd.Stderr = &stderr
	raw, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ask npm for %s@%s: %w: %s. Check the network%s", t.pkg, engineVersion, err, lastLine(stderr.String()), elsewhere)
	}
	var answer struct {
		Tarball   string `json:"dist.tarball"`
		Integrity string `json:"dist.integrity"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Tarball == "" {
		return "", fmt.Errorf("npm does not say where %s@%s is%s", t.pkg, engineVersion, elsewhere)
	}
	if answer.Integrity != t.integrity {
		return "", fmt.Errorf("%w: npm's registry has %s@%s with the checksum %q, this program expects %q", ErrIntegrity, t.pkg, engineVersion, answer.Integrity, t.integrity)
	}
	return answer.Tarball, nil
}

func download(ctx context.Context, where, path, integrity string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the registry answers %s", response.Status)
	}
	shown, done := progress(response.Body, response.ContentLength)
	err = unpack(shown, path, integrity)
	done(err)
	return err
}

func pack(ctx context.Context, npm, path string, t engineTarball) error {
	dir, err := os.MkdirTemp(filepath.Dir(path), "pack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", dir, t.pkg+"@"+engineVersion)
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, lastLine(stderr.String()))
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return errors.New("it left no tarball")
	}
	f, err := os.Open(found[0])
	if err != nil {
		return err
	}
	defer f.Close()
	return unpack(f, path, t.integrity)
}

// progress shows how a download goes on: a bar on a terminal, elsewhere a line at the start and at the end.
func progress(r io.Reader, size int64) (io.Reader, func(error)) {
	if term.IsTerminal(int(os.Stderr.Fd())) {
		bar := progressbar.DefaultBytes(size, "ClickHouse engine")
		return io.TeeReader(r, bar), func(error) { bar.Exit() }
	}
	started := time.Now()
	fmt.Fprintf(os.Stderr, "afterclick: fetching the ClickHouse engine %s (%d MB, once)\n", engineVersion, size>>20)
	return r, func(err error) {
		if err == nil {
			fmt.Fprintf(os.Stderr, "afterclick: fetched the ClickHouse engine in %s\n", time.Since(started).Round(time.Second))
		}
	}
}

// unpack takes libchdb.so out of the tarball. It gets its name only when the whole tarball has the right checksum and
// the file is on disk, so whoever finds the name finds all of it.
func unpack(r io.Reader, path, integrity string) (err error) {
	sum := sha512.New()
	r = io.TeeReader(r, sum)
	temp, err := os.CreateTemp(filepath.Dir(path), ".libchdb-*")
	if err != nil {
		return err
	}
	defer func() {
		temp.Close()
		if err != nil {
			os.Remove(temp.Name())
		}
	}()
	if err := untar(r, temp); err != nil {
		// A download that was cut off or replaced shows as a broken archive first; the checksum tells which.
		io.Copy(io.Discard, r)
		if verifyErr := verify(sum, integrity); verifyErr != nil {
			return fmt.Errorf("%w (%w)", err, verifyErr)
		}
		return err
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	if err := verify(sum, integrity); err != nil {
		return err
	}
	if err := temp.Chmod(0o755); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

func untar(r io.Reader, to io.Writer) error {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	for files := tar.NewReader(unzipped); ; {
		file, err := files.Next()
		if err == io.EOF {
			return errors.New("unpack: the package holds no libchdb.so")
		}
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		if filepath.Base(file.Name) != "libchdb.so" || file.Typeflag != tar.TypeReg {
			continue
		}
		if _, err := io.Copy(to, files); err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		_, err = io.Copy(io.Discard, unzipped) // gzip's own checksum stands at the end
		return err
	}
}

func verify(sum hash.Hash, integrity string) error {
	got := "sha512-" + base64.StdEncoding.EncodeToString(sum.Sum(nil))
	if got != integrity {
		return fmt.Errorf("%w: its checksum is %s, expected %s. Try again; if it stays so, do not use it", ErrIntegrity, got, integrity)
	}
	return nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for _, line := range lines {
		if strings.Contains(line, "npm error") && !strings.Contains(line, "log of this run") {
			return strings.TrimSpace(line)
		}
	}
	return lines[len(lines)-1]
}
