package kafkatest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// broker is a node of the cluster: a folder, and a JVM on it or none.
type broker struct {
	id                             int
	dir, java, jars                string
	port, controllerPort, peerPort int

	process *os.Process
	done    chan struct{} // closed when the process has ended
}

// jvm: little memory, and no compiler that would take longer to warm up than a test takes.
var jvm = []string{"-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true",
	"-Dorg.slf4j.simpleLogger.defaultLogLevel=info", "-Dorg.slf4j.simpleLogger.showDateTime=true",
	"-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS", "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn",
	"-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaConfig=warn"}

func (b *broker) command(class string, args ...string) *exec.Cmd {
	cmd := exec.Command(b.java, slices.Concat(jvm, []string{"-cp", filepath.Join(b.jars, "*"), class}, args)...)
	cmd.Dir = b.dir
	dieWithParent(cmd)
	return cmd
}

func (b *broker) config() string { return filepath.Join(b.dir, "server.properties") }
func (b *broker) log() string    { return filepath.Join(b.dir, "server.log") }

// write makes the broker's folder and its configuration.
func (b *broker) write(properties map[string]string) error {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	var text strings.Builder
	for _, k := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&text, "%s=%s\n", k, strings.ReplaceAll(properties[k], `\`, `\\`))
	}
	return os.WriteFile(b.config(), []byte(text.String()), 0o600)
}

// tool runs one of Kafka's command line tools to its end.
func (b *broker) tool(class string, args ...string) error {
	var out []byte
	var err error
	kept(func() { out, err = b.command(class, args...).CombinedOutput() })
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", class, err, last(out))
	}
	return nil
}

func (b *broker) start() error {
	if b.process != nil && !b.gone() {
		return errors.New("it runs already")
	}
	log, err := os.OpenFile(b.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := b.command("kafka.Kafka", b.config())
	cmd.Stdout, cmd.Stderr = log, log
	started, done := make(chan error), make(chan struct{})
	go kept(func() {
		defer close(done)
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
	})
	if err := <-started; err != nil {
		return err
	}
	b.process, b.done = cmd.Process, done
	return nil
}

// kept runs do on an operating system's thread of its own that lives until do returns: the kernel ends a child with the thread that
// started it, not with the process.
func kept(do func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	do()
}

// kill ends the process and waits until it is gone. false: it had ended by itself.
func (b *broker) kill() bool {
	if b.process == nil || b.gone() {
		return false
	}
	b.process.Signal(syscall.SIGKILL)
	<-b.done
	return true
}

func (b *broker) gone() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

// tail is the end of the broker's log.
func (b *broker) tail() string {
	raw, err := os.ReadFile(b.log())
	if err != nil {
		return err.Error()
	}
	return last(raw)
}

// last is the end of an output, and before it what looks like the reason.
func last(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var errs []string
	for _, line := range lines {
		if strings.Contains(line, " ERROR ") || strings.Contains(line, "Exception:") || strings.Contains(line, "Caused by") {
			errs = append(errs, line)
		}
	}
	return strings.Join(slices.Concat(errs[:min(len(errs), 20)], []string{"…"}, lines[max(0, len(lines)-30):]), "\n")
}

// freePort finds a port on loopback that no other broker of the cluster was given; 0: none. It is below the range from which kernels give ports
// to outgoing connections, so that no client sits on it while its broker is down.
func (c *Cluster) freePort() int {
	for range 200 {
		port := 10_000 + rand.IntN(20_000)
		if slices.ContainsFunc(c.brokers, func(b *broker) bool { return port == b.port || port == b.controllerPort || port == b.peerPort }) {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		l.Close()
		return port
	}
	return 0
}
