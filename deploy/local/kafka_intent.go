package local

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Why there are intents. kfake ends a transaction by writing a marker into every partition of it, then the group's
// offsets, then a line that the transaction ended; only then does the producer hear of it. A process that is killed in
// between leaves a transaction committed in some partitions and aborted in others. So before each commit we note which
// one it is, and a start after a crash takes a commit back that did not reach its end: see repairKafka.
//
// The broker handles one request at a time, so one note is enough.

// intents is the note's file. It is there while the broker runs: finding it at the start means that there was a crash.
type intents struct {
	f   *os.File
	dir string
}

// intent is the commit that was begun last.
type intent struct {
	producer   int64
	epoch      int16
	at         int64 // Unix milliseconds
	groupsSize int64 // of groups.log before the commit
	pidsSize   int64 // of pids.log before the commit
}

const intentFile, intentSize = "commit.intent", 8 + 8 + 8 + 8 + 8 + 4

// openIntents repairs what a crash left behind and begins a new note.
func openIntents(dir string) (*intents, error) {
	path := filepath.Join(dir, intentFile)
	if raw, err := os.ReadFile(path); err == nil {
		if err := repairKafka(dir, parseIntent(raw)); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o644)
	return &intents{f, dir}, err
}

// watch notes every commit before the broker begins it.
func (n *intents) watch(cluster *kfake.Cluster) {
	if n == nil {
		return
	}
	cluster.ControlKey(int16(kmsg.EndTxn), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if end := request.(*kmsg.EndTxnRequest); end.Commit {
			i := intent{end.ProducerID, end.ProducerEpoch, time.Now().UnixMilli(), n.size("groups.log"), n.size("pids.log")}
			if _, err := n.f.WriteAt(i.append(nil), 0); err != nil {
				slog.Error("kafka: note a commit", "error", err)
			}
		}
		return nil, nil, false // the broker goes on with it
	})
}

func (n *intents) size(name string) int64 {
	info, err := os.Stat(filepath.Join(n.dir, name))
	if err != nil {
		return 0
	}
	return info.Size()
}

// close must be called after the broker was closed in order.
func (n *intents) close() {
	if n != nil {
		n.f.Close()
		os.Remove(filepath.Join(n.dir, intentFile))
	}
}

func (i intent) append(b []byte) []byte {
	for _, v := range []int64{i.producer, int64(i.epoch), i.at, i.groupsSize, i.pidsSize} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// parseIntent returns nil if there is none.
func parseIntent(b []byte) *intent {
	if len(b) < intentSize || binary.LittleEndian.Uint32(b[intentSize-4:]) != crc32.Checksum(b[:intentSize-4], castagnoli) {
		return nil
	}
	at := func(n int) int64 { return int64(binary.LittleEndian.Uint64(b[8*n:])) }
	return &intent{at(0), int16(at(1)), at(2), at(3), at(4)}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
