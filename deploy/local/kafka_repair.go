package local

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// repairKafka makes the files of a broker that was killed tell one story, before kfake reads them:
//
//   - A commit that did not reach its end is taken back: its markers become aborts, its offsets are cut off. Nobody
//     was told that it succeeded.
//   - Transactions that were open get an abort marker. kfake aborts them as well, but only in memory: at the next crash
//     it would take their records for a part of the producer's next transaction, and commit them.
//   - Their producers get a new epoch, which fences whoever still believes to be in the transaction.
//   - A record whose index entry was not written is cut off: kfake would no longer know that it belongs to a
//     transaction. It was not acknowledged.
//
// It knows kfake's files: segments are Kafka's own record batches, the index and the logs are described beside the
// code below. TestKafkaSurvivesKill fails if they change.
func repairKafka(dir string, last *intent) error {
	if last != nil && ended(dir, last) {
		last = nil
	}
	if last != nil {
		if err := cut(filepath.Join(dir, "groups.log"), last.groupsSize); err != nil {
			return fmt.Errorf("repair Kafka's offsets: %w", err)
		}
	}
	partitions, err := os.ReadDir(filepath.Join(dir, "partitions"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("repair Kafka's data: %w", err)
	}
	fenced := map[int64]int16{}
	for _, p := range partitions {
		if err := repairPartition(filepath.Join(dir, "partitions", p.Name()), last, fenced); err != nil {
			return fmt.Errorf("repair Kafka's data: %s: %w", p.Name(), err)
		}
	}
	if err := fence(dir, fenced); err != nil {
		return fmt.Errorf("repair Kafka's producers: %w", err)
	}
	if len(fenced) > 0 {
		slog.Info("kafka: aborted the transactions that were open at the crash", "producers", len(fenced), "commit taken back", last != nil)
	}
	return nil
}

// segment is a file of record batches with its index file: 15 bytes per batch, the last says whether the batch is in
// an open transaction.
type segment struct {
	base  int64
	path  string // of the batches, ….dat
	index []byte
}

const indexEntry = 15

func segments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []segment
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".dat")
		base, err := strconv.ParseInt(name, 10, 64)
		if !ok || err != nil {
			continue
		}
		s := segment{base: base, path: filepath.Join(dir, e.Name())}
		if s.index, err = os.ReadFile(s.indexPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b segment) int { return int(min(1, max(-1, a.base-b.base))) })
	return out, nil
}

func (s segment) indexPath() string { return strings.TrimSuffix(s.path, ".dat") + ".idx" }

// What a batch's header holds, at fixed places.
const (
	batchHeader      = 61
	batchLength      = 8
	batchCRC         = 17
	batchAttributes  = 21
	batchLastOffset  = 23
	batchFirstTime   = 27
	batchProducer    = 43
	batchEpoch       = 51
	batchRecords     = 61
	attributeControl = 0x20
)

// openTransaction is one that has records and no marker yet.
type openTransaction struct{ epoch int16 }

func repairPartition(dir string, last *intent, fenced map[int64]int16) error {
	all, err := segments(dir)
	if err != nil || len(all) == 0 {
		return err
	}
	open := map[int64]openTransaction{}
	var nextOffset, maxTime int64
	var leaderEpoch uint32
	for _, s := range all {
		f, err := os.OpenFile(s.path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		err = eachBatch(f, func(n int, at, size int64, h []byte) error {
			if len(s.index) < (n+1)*indexEntry {
				if err := f.Truncate(at); err != nil {
					return err
				}
				return errCut // and with it what may follow
			}
			entry := s.index[n*indexEntry:]
			leaderEpoch = binary.LittleEndian.Uint32(entry[2:])
			first := int64(binary.BigEndian.Uint64(h))
			nextOffset = first + int64(binary.BigEndian.Uint32(h[batchLastOffset:])) + 1
			producer, epoch := int64(binary.BigEndian.Uint64(h[batchProducer:])), int16(binary.BigEndian.Uint16(h[batchEpoch:]))
			stamp := int64(binary.BigEndian.Uint64(h[batchFirstTime:]))
			maxTime = max(maxTime, stamp)
			if binary.BigEndian.Uint16(h[batchAttributes:])&attributeControl == 0 {
				if entry[14] != 0 {
					open[producer] = openTransaction{epoch}
				}
				return nil
			}
			delete(open, producer)
			if last != nil && producer == last.producer && epoch == last.epoch && stamp >= last.at {
				fenced[producer] = max(fenced[producer], epoch)
				return makeAbort(f, at, size)
			}
			return nil
		})
		f.Close()
		if err != nil {
			return err
		}
	}
	for producer, t := range open {
		fenced[producer] = max(fenced[producer], t.epoch)
		if err := appendAbort(all[len(all)-1], producer, t.epoch, nextOffset, leaderEpoch, maxTime); err != nil {
			return err
		}
		nextOffset++
	}
	return nil
}

// errCut is what eachBatch's function returns after it cut the file.
var errCut = errors.New("the file was cut")

// eachBatch calls f with the number, place, size and header of every whole batch and cuts off what is not whole.
func eachBatch(file *os.File, f func(n int, at, size int64, header []byte) error) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	header := make([]byte, batchHeader)
	var at int64
	for n := 0; at+batchHeader <= info.Size(); n++ {
		if _, err := file.ReadAt(header, at); err != nil {
			return err
		}
		size := 12 + int64(binary.BigEndian.Uint32(header[batchLength:]))
		if size < batchHeader || at+size > info.Size() {
			break
		}
		switch err := f(n, at, size, header); {
		case err == errCut:
			return nil
		case err != nil:
			return err
		}
		at += size
	}
	if at < info.Size() {
		return file.Truncate(at)
	}
	return nil
}

// makeAbort turns a commit marker into an abort: in the control record's key, behind version and type, stands 1 for
// commit and 0 for abort. The batch's checksum covers it.
func makeAbort(f *os.File, at, size int64) error {
	batch := make([]byte, size)
	if _, err := f.ReadAt(batch, at); err != nil {
		return err
	}
	var record kmsg.Record
	if err := record.ReadFrom(batch[batchRecords:]); err != nil || len(record.Key) != 4 {
		return errors.New("a marker that is not one")
	}
	key := kmsg.ControlRecordKey{Type: kmsg.ControlRecordKeyTypeAbort}
	record.Key = key.AppendTo(nil) // as long as the other one
	batch = record.AppendTo(batch[:batchRecords])
	if int64(len(batch)) != size {
		return errors.New("a marker of an unknown form")
	}
	binary.BigEndian.PutUint32(batch[batchCRC:], crc32.Checksum(batch[batchAttributes:], castagnoli))
	_, err := f.WriteAt(batch, at)
	return err
}

// appendAbort writes the marker that a broker would have written.
func appendAbort(s segment, producer int64, epoch int16, offset int64, leaderEpoch uint32, maxTime int64) error {
	key := kmsg.ControlRecordKey{Type: kmsg.ControlRecordKeyTypeAbort}
	marker := kmsg.EndTxnMarker{}
	record := kmsg.Record{Key: key.AppendTo(nil), Value: marker.AppendTo(nil)}
	record.Length = int32(len(record.AppendTo(nil)) - 1) // without the one byte of the length itself
	now := time.Now().UnixMilli()
	batch := kmsg.RecordBatch{
		FirstOffset: offset, PartitionLeaderEpoch: int32(leaderEpoch), Magic: 2, Attributes: 0x10 | attributeControl,
		FirstTimestamp: now, MaxTimestamp: now, ProducerID: producer, ProducerEpoch: epoch, FirstSequence: -1,
		NumRecords: 1, Records: record.AppendTo(nil),
	}
	batch.Length = int32(len(batch.AppendTo(nil)) - 12)
	raw := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[batchCRC:], crc32.Checksum(raw[batchAttributes:], castagnoli))

	// The index: version, checksum of what follows (its lowest byte), the leader's epoch, the highest time so far,
	// whether the batch is in a transaction.
	entry := make([]byte, indexEntry)
	entry[0] = 1
	binary.LittleEndian.PutUint32(entry[2:], leaderEpoch)
	binary.LittleEndian.PutUint64(entry[6:], uint64(max(maxTime, now)))
	entry[1] = byte(crc32.Checksum(entry[2:], castagnoli))

	batches, err := wholeBatches(s.path)
	if err != nil {
		return err
	}
	if err := cut(s.indexPath(), int64(batches*indexEntry)); err != nil {
		return err
	}
	if err := appendTo(s.path, raw); err != nil {
		return err
	}
	return appendTo(s.indexPath(), entry)
}

func wholeBatches(path string) (n int, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	err = eachBatch(f, func(int, int64, int64, []byte) error { n++; return nil })
	return n, err
}

// The logs pids.log and groups.log hold JSON in frames: length of the rest − 4, CRC-32C of what follows, version, data.
const frameHeader = 10

type producerEntry struct {
	Type    string `json:"type"`
	PID     int64  `json:"pid"`
	Epoch   int16  `json:"epoch"`
	TxID    string `json:"txid,omitempty"`
	Timeout int32  `json:"timeout,omitempty"`
	Commit  *bool  `json:"commit,omitempty"`
}

// producers reads pids.log from an offset; ok is false if no entry begins there.
func producers(dir string, from int64) (out []producerEntry, ok bool) {
	raw, err := os.ReadFile(filepath.Join(dir, "pids.log"))
	if err != nil || from > int64(len(raw)) {
		return nil, false
	}
	for raw = raw[from:]; len(raw) >= frameHeader; {
		n := int64(binary.LittleEndian.Uint32(raw)) + 8
		if n < frameHeader || n > int64(len(raw)) {
			break // the last entry was cut off by the crash
		}
		var e producerEntry
		if crc32.Checksum(raw[8:n], castagnoli) != binary.LittleEndian.Uint32(raw[4:]) || json.Unmarshal(raw[frameHeader:n], &e) != nil {
			return out, false
		}
		out, raw = append(out, e), raw[n:]
	}
	return out, true
}

// ended says whether the commit reached its end: then an entry in pids.log says so. If the log was rewritten since
// (it is, when it has grown large), it did as well: nothing rewrites it in the middle of a commit.
func ended(dir string, last *intent) bool {
	entries, ok := producers(dir, last.pidsSize)
	return !ok || slices.ContainsFunc(entries, func(e producerEntry) bool { return e.PID == last.producer && e.Type == "endtx" })
}

// fence gives producers an epoch beyond the one that they had.
func fence(dir string, fenced map[int64]int16) error {
	if len(fenced) == 0 {
		return nil
	}
	known := map[int64]producerEntry{}
	entries, _ := producers(dir, 0)
	for _, e := range entries {
		switch {
		case e.Type == "init":
			known[e.PID] = e
		default:
			k := known[e.PID]
			k.Epoch = max(k.Epoch, e.Epoch)
			known[e.PID] = k
		}
	}
	var out []byte
	for producer, epoch := range fenced {
		e, ok := known[producer]
		if !ok {
			continue
		}
		e.Type, e.PID, e.Epoch, e.Commit = "init", producer, max(e.Epoch, epoch)+1, new(bool)
		data, err := json.Marshal(e)
		if err != nil {
			return err
		}
		frame := binary.LittleEndian.AppendUint32(nil, uint32(len(data)+2))
		frame = append(frame, 0, 0, 0, 0, 1, 0)
		frame = append(frame, data...)
		binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(frame[8:], castagnoli))
		out = append(out, frame...)
	}
	return appendTo(filepath.Join(dir, "pids.log"), out)
}

func cut(path string, size int64) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() <= size {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Truncate(path, size)
}

func appendTo(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}
