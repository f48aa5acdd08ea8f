package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// fedNote says in a demo's folder what was fed into it, so that it is not fed again.
type fedNote struct {
	From    string `json:"from"`
	Records int64  `json:"records"`
}

const fedFile = "fed.json"

func readFed(dir string) (*fedNote, error) {
	b, err := os.ReadFile(filepath.Join(dir, fedFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var n fedNote
	if err := json.Unmarshal(b, &n); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, fedFile), err)
	}
	return &n, nil
}

func writeFed(dir string, n fedNote) error {
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, fedFile), append(b, '\n'), 0o644)
}
