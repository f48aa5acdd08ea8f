package state

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/afterclick/afterclick/schemas/event"
)

// disk is the local store of one partition, in a directory of its own: a Pebble with the states under their hashes, and the mark of
// the last complete checkpoint. Between marks it may be newer than its mark, in parts, which the changelog read from the mark on
// puts right.
type disk struct {
	dir string
	fs  vfs.FS
	db  *pebble.DB
	log *slog.Logger
	// broken is set by Pebble's own goroutines.
	broken atomic.Pointer[error]
	// fatal: Pebble gave up in the middle of something and may hold its locks for ever.
	fatal atomic.Bool

	checkpoint
}

// stateKey is the key of a state: its hash, so that files can be made in the order of numbers. markKey comes after all of them.
func stateKey(hash uint64) []byte { return binary.BigEndian.AppendUint64(nil, hash) }

var markKey = []byte("\xff\xff\xff\xff\xff\xff\xff\xffmark")

// stored is a state on disk: its expiry, 8 bytes, the length of its key, 4 bytes, the key, and its value.
type stored struct {
	key, value []byte
	expires    event.Time
	sum        uint32
}

const storedHeader = 12

func appendStored(b []byte, e entry) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(e.expires()))
	b = binary.LittleEndian.AppendUint32(b, uint32(e.klen()))
	return append(append(b, e.key()...), e.value()...)
}

// checksum of a stored state is never 0.
func checksum(b []byte) uint32 { return uint32(xxhash.Sum64(b)) | 1 }

func parseStored(hash uint64, b []byte) (stored, error) {
	if len(b) < storedHeader || uint64(binary.LittleEndian.Uint32(b[8:])) > uint64(len(b)-storedHeader) {
		return stored{}, fmt.Errorf("the state with hash %016x is damaged", hash)
	}
	n := storedHeader + binary.LittleEndian.Uint32(b[8:])
	s := stored{key: b[storedHeader:n], value: b[n:], expires: event.Time(binary.LittleEndian.Uint64(b)), sum: checksum(b)}
	if Hash(s.key) != hash {
		return stored{}, fmt.Errorf("the state with hash %016x has the key %.60q of another", hash, s.key)
	}
	return s, nil
}

// cache is shared by all local stores of the process. Values that are read come into memory, so it is for blocks of indexes.
var cache = sync.OnceValue(func() *pebble.Cache { return pebble.NewCache(32 << 20) })

// openPebble opens or makes the Pebble of a directory.
func (d *disk) openPebble() error {
	o := &pebble.Options{
		FS:                 d.fs,
		Cache:              cache(),
		FormatMajorVersion: pebble.FormatTableFormatV6,
		MemTableSize:       256 << 10, // has nothing but marks
		MaxOpenFiles:       200,
		Logger:             d,
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { d.fail(fmt.Errorf("in the background: %w", err)) },
			DataCorruption:  func(i pebble.DataCorruptionInfo) { d.fail(fmt.Errorf("corrupt: %s: %w", i.Path, i.Details)) },
		},
	}
	for i := range o.Levels {
		o.Levels[i].Compression = func() *sstable.CompressionProfile { return block.FastestCompression }
	}
	return guard(func() (err error) {
		d.db, err = pebble.Open(d.dir, o)
		if err == nil {
			d.writer = o.MakeWriterOptions(0, d.db.TableFormat())
		}
		return err
	})
}

// errGaveUp says that Pebble met what it cannot go on from.
var errGaveUp = errors.New("Pebble gave up")

// guard runs fn, which writes to Pebble, in a goroutine of its own, because Fatalf ends that.
func guard(fn func() error) error { return <-background(fn) }

func background(fn func() error) <-chan error {
	done := make(chan error, 1)
	go func() {
		err := errGaveUp
		defer func() { done <- err }()
		err = fn()
	}()
	return done
}

// fail remembers the first thing that went wrong behind our back.
func (d *disk) fail(err error) { d.broken.CompareAndSwap(nil, &err) }

func (d *disk) failure() error {
	if err := d.broken.Load(); err != nil {
		return *err
	}
	return nil
}

func (d *disk) Infof(string, ...any) {}
func (d *disk) Errorf(format string, args ...any) {
	d.log.Warn("local store: "+fmt.Sprintf(format, args...), "dir", d.dir)
}

// Fatalf must not return. Pebble's own exits the process, but a broken cache is no reason for that.
func (d *disk) Fatalf(format string, args ...any) {
	d.fatal.Store(true)
	d.fail(fmt.Errorf(format, args...))
	runtime.Goexit()
}

// get calls fn with the stored state of a hash.
func (d *disk) get(hash uint64, fn func(stored)) error {
	b, closer, err := d.db.Get(stateKey(hash))
	if err != nil {
		return fmt.Errorf("read the state with hash %016x: %w", hash, err)
	}
	defer closer.Close()
	s, err := parseStored(hash, b)
	if err == nil {
		fn(s)
	}
	return err
}

// each calls fn for every stored state, in the order of hashes, until fn returns an error, and returns the newest total that it met.
func (d *disk) each(ctx context.Context, fn func(hash uint64, s stored) error) (newest total, err error) {
	it, err := d.db.NewIterWithContext(ctx, &pebble.IterOptions{UpperBound: markKey})
	if err != nil {
		return newest, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok, n := it.First(), 0; ok; ok, n = it.Next(), n+1 {
		if n%4096 == 0 && ctx.Err() != nil {
			return newest, ctx.Err()
		}
		b, err := it.ValueAndErr()
		if err != nil {
			return newest, err
		}
		if len(it.Key()) == 1 {
			t, err := parseTotal(b)
			if err != nil {
				return newest, err
			}
			if t.slices > newest.slices {
				newest = t
			}
			continue
		}
		if len(it.Key()) != 8 {
			return newest, fmt.Errorf("%x is no key of a state", it.Key())
		}
		hash := binary.BigEndian.Uint64(it.Key())
		s, err := parseStored(hash, b)
		if err != nil {
			return newest, err
		}
		if err := fn(hash, s); err != nil {
			return newest, err
		}
	}
	return newest, it.Error()
}

// close ends Pebble, and removes the directory unless its contents can be trusted.
func (d *disk) close(trusted bool) {
	if d.job != nil {
		if err := <-d.job; err != nil {
			trusted = false
		}
		d.job = nil
	}
	if d.db != nil && !d.fatal.Load() {
		if err := guard(d.db.Close); err != nil && trusted {
			d.log.Warn("close the local store", "dir", d.dir, "error", err)
		}
	}
	d.db = nil
	if !trusted || d.failure() != nil {
		if err := d.fs.RemoveAll(d.dir); err != nil {
			d.log.Error("remove a local store that cannot be trusted: remove it yourself", "dir", d.dir, "error", err)
		}
	}
}

// owners are the directories that this process has open. Lanes hand partitions over to each other: who takes one waits until the other has
// let go of it.
var owners = struct {
	sync.Mutex
	dirs map[string]chan struct{}
}{dirs: map[string]chan struct{}{}}

func claim(ctx context.Context, dir string) error {
	for {
		owners.Lock()
		gone, taken := owners.dirs[dir]
		if !taken {
			owners.dirs[dir] = make(chan struct{})
		}
		owners.Unlock()
		if !taken {
			return nil
		}
		select {
		case <-gone:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func unclaim(dir string) {
	owners.Lock()
	defer owners.Unlock()
	close(owners.dirs[dir])
	delete(owners.dirs, dir)
}
