package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrLocked is returned when another process has the data folder open.
var ErrLocked = errors.New("the data folder is in use")

// lock is an advisory lock on a file (flock): the kernel takes it back when its process dies, however it dies. The
// file holds the owner's pid for people and stays where it is, as removing it would let two owners in.
type lock struct{ f *os.File }

// tryLock takes the lock or returns ErrLocked with the other's pid.
func tryLock(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		raw := make([]byte, 32)
		n, _ := f.ReadAt(raw, 0)
		pid := strings.TrimSpace(string(raw[:n]))
		if pid == "" {
			pid = "unknown"
		}
		return nil, fmt.Errorf("%w by process %s (%s)", ErrLocked, pid, path)
	}
	f.Truncate(0)
	f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return &lock{f}, nil
}

// lockFile waits for the lock.
func lockFile(ctx context.Context, path string) (*lock, error) {
	for {
		l, err := tryLock(path)
		if !errors.Is(err, ErrLocked) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %w: %w", err, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (l *lock) release() { l.f.Close() }
