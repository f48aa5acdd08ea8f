// Package localtest gives tests a real ClickHouse and an in-process Kafka.
package localtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/afterclick/afterclick/deploy/local"
)

// Partitions is how many partitions Kafka gives a topic that does not name a number.
const Partitions = 4

var (
	once      sync.Once
	server    *local.Server
	engine    *local.Engine
	startErr  error
	databases atomic.Int64
)

// ClickHouse returns a connection to a fresh database on the one ClickHouse engine of this test process, and the
// options to open more of them. The database is dropped when the test ends. It fails the test if the engine cannot be
// had. The engine is ClickHouse itself behind its HTTP protocol, so any statement works as on a server, apart from
// users, roles and quotas.
func ClickHouse(t testing.TB) (clickhouse.Conn, clickhouse.Options) {
	t.Helper()
	once.Do(start)
	if startErr != nil {
		t.Fatalf("start the ClickHouse engine: %v", startErr)
	}
	name := fmt.Sprintf("test_%d", databases.Add(1))
	ctx := context.Background()
	if err := engine.Exec(ctx, "CREATE DATABASE "+name+" COMMENT '"+strings.ReplaceAll(t.Name(), "'", "")+"'"); err != nil {
		t.Fatalf("create database %s: %v", name, err)
	}
	options := server.Options(name)
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatalf("connect to ClickHouse: %v", err)
	}
	t.Cleanup(func() {
		conn.Close()
		if err := engine.Exec(ctx, "DROP DATABASE "+name+" SYNC"); err != nil {
			t.Errorf("drop database %s: %v", name, err)
		}
	})
	return conn, *options
}

// URL is where this process's ClickHouse answers HTTP, for tests that speak to it without clickhouse-go. Add
// ?database= with Options.Auth.Database.
func URL(t testing.TB) string {
	t.Helper()
	once.Do(start)
	if startErr != nil {
		t.Fatalf("start the ClickHouse engine: %v", startErr)
	}
	return server.URL()
}

// Engine is this process's ClickHouse engine, for tests that ask it directly.
func Engine(t testing.TB) *local.Engine {
	t.Helper()
	URL(t)
	return engine
}

// start opens the engine for the rest of the process's life; there is no moment after the last test at which to
// close it.
func start() {
	root := filepath.Join(os.TempDir(), "afterclick-localtest")
	sweep(root)
	dir := filepath.Join(root, strconv.Itoa(os.Getpid()))
	if startErr = os.RemoveAll(dir); startErr != nil {
		return
	}
	// Fetching the engine may take minutes the first time.
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	if engine, startErr = local.Open(ctx, dir); startErr != nil {
		return
	}
	server, startErr = local.Serve(ctx, engine, "", nil)
}

// sweep removes the folders of test processes that are gone.
func sweep(root string) {
	entries, _ := os.ReadDir(root)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			os.RemoveAll(filepath.Join(root, entry.Name()))
		}
	}
}

// Kafka starts an in-process Kafka with nothing but these topics, in memory, and returns its brokers. A topic has
// Partitions partitions, or as many as it says itself: "orders:1". Topics are not created by asking for them.
func Kafka(t testing.TB, topics ...string) (brokers []string) {
	t.Helper()
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.BrokerConfigs(local.KafkaConfigs()),
	}
	for _, topic := range topics {
		partitions := Partitions
		if name, number, ok := strings.Cut(topic, ":"); ok {
			n, err := strconv.Atoi(number)
			if err != nil || n < 1 {
				t.Fatalf("topic %q: the number of partitions is not one", topic)
			}
			topic, partitions = name, n
		}
		options = append(options, kfake.SeedTopics(int32(partitions), topic))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		t.Fatalf("start Kafka: %v", err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()
}
