package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// OpenData opens the engine on the folder of a stack that does not run, without its Kafka. A folder without a stack's data is an
// error, as is one that is in use (ErrLocked). The returned function closes what was opened.
func OpenData(ctx context.Context, dir string) (*Engine, func() error, error) {
	clickhouse := filepath.Join(dir, "clickhouse")
	if _, err := os.Stat(clickhouse); err != nil {
		return nil, nil, fmt.Errorf("%s has no tables: %w", dir, err)
	}
	lock, err := tryLock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, nil, err
	}
	engine, err := Open(ctx, clickhouse)
	if err != nil {
		lock.release()
		return nil, nil, err
	}
	return engine, func() error {
		defer lock.release()
		return engine.Close()
	}, nil
}
