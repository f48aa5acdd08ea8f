package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

const engineVersion = "26.7.3-stable.1"

// Fetch finds libchdb.so (draft).
func Fetch(ctx context.Context) (string, error) {
	if p := os.Getenv("AFTERCLICK_LIBCHDB"); p != "" {
		return p, nil
	}
	d, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	p := filepath.Join(d, "afterclick", "libchdb", engineVersion, "libchdb.so")
	if _, err := os.Stat(p); err != nil {
		return "", errors.New("no libchdb")
	}
	return p, nil
}
