package local

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// childEnv makes the test binary play another process, which a test may kill: see child.
const (
	childEnv    = "AFTERCLICK_TEST_CHILD"
	childDirEnv = "AFTERCLICK_TEST_DIR"
)

func child(role string) {
	dir := os.Getenv(childDirEnv)
	switch role {
	case "kafka":
		k, err := StartKafka(context.Background(), KafkaConfig{Dir: dir, Topics: crashTopics})
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println(k.Address)
	case "stack":
		s, err := Start(context.Background(), Config{Dir: dir, Topics: []Topic{{Name: "t", Partitions: 1}}})
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println(s.Kafka.Address, s.ClickHouse.URL())
	case "twice":
		var said []any
		for i := range 2 {
			s, err := Start(context.Background(), Config{Dir: dir})
			if err == nil {
				err = s.Engine.Exec(context.Background(), "CREATE TABLE IF NOT EXISTS t (a UInt8) ENGINE = MergeTree ORDER BY a")
			}
			if err == nil {
				err = s.Engine.Exec(context.Background(), fmt.Sprintf("INSERT INTO t VALUES (%d)", i))
			}
			var out []byte
			if err == nil {
				out, err = s.Engine.QueryBytes(context.Background(), Query{SQL: "SELECT count() FROM t"})
			}
			if err == nil {
				err = s.Close()
			}
			if err != nil {
				fmt.Println("error:", err)
				os.Exit(1)
			}
			said = append(said, strings.TrimSpace(string(out)))
		}
		fmt.Println(said...)
	case "lock":
		if _, err := tryLock(dir); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println("locked")
	}
	// Until the parent kills us, or goes and takes the pipe away.
	bufio.NewReader(os.Stdin).ReadString('\n')
	os.Exit(0)
}

// spawn starts a child and returns the first line that it says.
func spawn(t testing.TB, role, dir string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+role, childDirEnv+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error") {
		t.Fatalf("the child says %q, %v", line, err)
	}
	return cmd, strings.TrimSpace(line)
}
