package command

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestLocal: the address that is printed is that of a Kafka that answers, until the command is told to stop.
func TestLocal(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, w := io.Pipe()
	done := make(chan int)
	go func() {
		done <- Run(ctx, []string{"local", "kafka", "--kafka", "127.0.0.1:0", "--data", t.TempDir()}, nil, strings.NewReader(""), w, io.Discard)
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "kafka.brokers=")
	if !ok {
		t.Fatalf("printed %q", line)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	stop()
	if code := <-done; code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if code, _, stderr := run(t, "", "local", "zookeeper"); code != exitUsage || !strings.Contains(stderr, "kafka") {
		t.Errorf("local zookeeper: %d, %s", code, stderr)
	}
}
