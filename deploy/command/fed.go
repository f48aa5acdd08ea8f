package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/afterclick/afterclick/deploy/feed/shop"
)

// fedNote says in a demo's folder what is fed into it: a demo that was stopped goes on with the same, and feeds nothing twice.
type fedNote struct {
	Source    source          `json:"source"`
	Done      bool            `json:"done"` // the whole history was sent
	Incidents []shop.Incident `json:"incidents,omitempty"`
}

const fedFile = "fed.json"

// readFed returns nil if nothing was fed yet.
func readFed(dir string) (*fedNote, error) {
	path := filepath.Join(dir, fedFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var n fedNote
	if err := json.Unmarshal(b, &n); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &n, nil
}

// write replaces the note in one step.
func (n *fedNote) write(dir string) error {
	b, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, fedFile)
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
