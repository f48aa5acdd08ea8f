package kafkatest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// version is the Apache Kafka that tests run against. It needs Java 17.
const version = "4.3.1"

// What Maven is asked for: Kafka with all that it needs, and something that writes its log. mvn's own settings say where from.
const (
	plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
	pom    = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>com.github.afterclick</groupId><artifactId>kafkatest</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>` + version + `</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`
)

// errMissing says what the machine lacks.
var errMissing = errors.New("not on this machine")

var fetched = sync.OnceValues(func() (found struct{ java, jars string }, err error) {
	if found.java, err = exec.LookPath("java"); err != nil {
		return found, fmt.Errorf("java: %w (Apache Kafka %s needs Java 17 or newer)", errMissing, version)
	}
	found.jars, err = fetch()
	return found, err
})

// need returns Java and the folder of Kafka's jars, or ends the test.
func need(t testing.TB) (java, jars string) {
	t.Helper()
	found, err := fetched()
	switch {
	case errors.Is(err, errMissing) && os.Getenv("CI") != "true":
		t.Skipf("SKIPPED, not tested against a real Kafka: %v", err)
	case err != nil:
		t.Fatalf("get Apache Kafka: %v", err)
	}
	return found.java, found.jars
}

// fetch returns the folder of the jars in the user's cache, where it puts them first if they are not there. Processes that need them
// at the same time fetch them once.
func fetch() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for the jars (set HOME or XDG_CACHE_HOME): %w", err)
	}
	dir := filepath.Join(cache, "afterclick", "kafka", version)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("mvn: %w (it fetches Apache Kafka %s, once)", errMissing, version)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(filepath.Dir(dir), "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close() // and with it goes the lock, as it does when this process dies
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // somebody else fetched them while we waited
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), []byte(pom), 0o644); err != nil {
		return "", err
	}
	jars := filepath.Join(work, "jars")
	// -C: what does not have the checksum that the repository names is refused.
	cmd := exec.Command(mvn, "-B", "-C", "-f", filepath.Join(work, "pom.xml"), plugin, "-DincludeScope=runtime", "-DoutputDirectory="+jars)
	dieWithParent(cmd)
	out := &progress{begin: time.Now(), to: os.Stderr}
	cmd.Stdout, cmd.Stderr = out, out
	fmt.Fprintf(os.Stderr, "afterclick: fetching Apache Kafka %s with mvn (some 45 MB, once)\n", version)
	kept(func() { err = cmd.Run() })
	if err != nil {
		return "", fmt.Errorf("mvn: %w\n%s", err, out.errors())
	}
	fmt.Fprintf(os.Stderr, "afterclick: fetched Apache Kafka in %s\n", time.Since(out.begin).Round(time.Second))
	// The folder gets its name when all is in it, so whoever finds the name finds all of it.
	return dir, os.Rename(jars, dir)
}

// progress keeps what mvn says, and tells now and then how many files it has.
type progress struct {
	begin, told time.Time
	to          io.Writer
	all         bytes.Buffer
}

func (p *progress) Write(b []byte) (int, error) {
	p.all.Write(b)
	if now := time.Now(); now.Sub(p.begin) > 5*time.Second && now.Sub(p.told) > 5*time.Second {
		p.told = now
		fmt.Fprintf(p.to, "afterclick: %d files of Apache Kafka fetched, %s\n", bytes.Count(p.all.Bytes(), []byte("Downloaded from")), now.Sub(p.begin).Round(time.Second))
	}
	return len(b), nil
}

// errors are mvn's own words on what went wrong.
func (p *progress) errors() string {
	var errs []string
	for lines := bufio.NewScanner(&p.all); lines.Scan(); {
		if strings.Contains(lines.Text(), "ERROR") {
			errs = append(errs, lines.Text())
		}
	}
	return strings.Join(errs[:min(len(errs), 10)], "\n")
}
