package lookup

import (
	"fmt"
	"os"
	"time"
)

// file is one that is read again when it changes.
type file struct {
	name  string
	about string // products
	read  func(*openFile) error

	size     int64
	modified time.Time
	err      error // of the last reading
}

// openFile is a file while it is read.
type openFile struct {
	*os.File
	name string
}

// check reads the file if it is not as it was read last. What is wrong with a file stays so until it changes.
func (f *file) check() (changed bool, err error) {
	info, err := os.Stat(f.name)
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s: is a folder", f.name)
	}
	if err != nil {
		changed = f.err == nil
		f.size, f.modified, f.err = 0, time.Time{}, err
		return changed, err
	}
	if info.Size() == f.size && info.ModTime().Equal(f.modified) {
		return false, f.err
	}
	f.size, f.modified = info.Size(), info.ModTime()
	f.err = f.open()
	return true, f.err
}

func (f *file) open() error {
	opened, err := os.Open(f.name)
	if err != nil {
		return err
	}
	defer opened.Close()
	return f.read(&openFile{opened, f.name})
}
