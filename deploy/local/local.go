// Package local runs Afterclick's surroundings inside this process: the ClickHouse engine itself (libchdb) behind
// ClickHouse's HTTP protocol, and a Kafka broker, both with their data on disk. `afterclick demo` lives on it, and so
// does every test that touches SQL. Clients connect as they would to servers.
package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Config says where the local stack keeps its data and where it listens.
type Config struct {
	Dir               string            // all data; one process at a time
	KafkaAddress      string            // loopback host:port; "" takes a free port
	ClickHouseAddress string            // loopback host:port for HTTP; "" takes a free port
	NoKafka           bool              // run ClickHouse alone
	NoClickHouse      bool              // run Kafka alone
	Topics            []Topic           // that must exist
	ReaderLimits      map[string]string // for the user "reader"; nil takes ReaderLimits
}

// Stack is a running Kafka and ClickHouse. What was left out is nil.
type Stack struct {
	Kafka      *Kafka
	Engine     *Engine // for statements without the detour over HTTP
	ClickHouse *Server

	lock *lock
}

// Start runs the stack. The folder is locked: a second process gets ErrLocked and the pid of the first. ctx bounds the
// start only (which may fetch the engine), not the life of the stack.
func Start(ctx context.Context, c Config) (s *Stack, err error) {
	if c.Dir == "" {
		return nil, errors.New("start the local stack: no data folder is given")
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("start the local stack: %w", err)
	}
	s = new(Stack)
	if s.lock, err = tryLock(filepath.Join(c.Dir, "lock")); err != nil {
		return nil, fmt.Errorf("start the local stack: %w", err)
	}
	defer func() {
		if err != nil {
			s.Close()
			s, err = nil, fmt.Errorf("start the local stack: %w", err)
		}
	}()
	if !c.NoKafka {
		if s.Kafka, err = StartKafka(ctx, KafkaConfig{Dir: filepath.Join(c.Dir, "kafka"), Address: c.KafkaAddress, Topics: c.Topics}); err != nil {
			return s, err
		}
	}
	if c.NoClickHouse {
		return s, nil
	}
	if s.Engine, err = Open(ctx, filepath.Join(c.Dir, "clickhouse")); err != nil {
		return s, err
	}
	s.ClickHouse, err = Serve(ctx, s.Engine, c.ClickHouseAddress, c.ReaderLimits)
	return s, err
}

// Close stops ClickHouse, then Kafka, and unlocks the folder. Clients should be closed before.
func (s *Stack) Close() error {
	var errs []error
	if s.ClickHouse != nil {
		errs = append(errs, s.ClickHouse.Close())
	}
	if s.Engine != nil {
		errs = append(errs, s.Engine.Close())
	}
	if s.Kafka != nil {
		errs = append(errs, s.Kafka.Close())
	}
	s.lock.release()
	return errors.Join(errs...)
}
