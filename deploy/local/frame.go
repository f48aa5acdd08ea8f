package local

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/go-faster/city"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// ClickHouse's compressed frames: a checksum (CityHash128) of the rest, the method, the size of the frame from the
// method on, the size of the data, the data. clickhouse-go packs a whole block into one frame, which the reader of
// ch-go refuses above 128 MB; a server takes up to 1 GB, and so does this one.
const (
	frameChecksum = 16
	frameHead     = 9
	frameMax      = 1 << 30

	frameNone byte = 0x02
	frameLZ4  byte = 0x82
	frameZSTD byte = 0x90
)

// frameReader undoes the compression. An end in the middle of a frame is io.ErrUnexpectedEOF.
type frameReader struct {
	r    io.Reader
	raw  []byte
	data []byte // what is left of the current frame
	buf  []byte
	zstd *zstd.Decoder
}

func (f *frameReader) Read(p []byte) (int, error) {
	for len(f.data) == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.data)
	f.data = f.data[n:]
	return n, nil
}

func (f *frameReader) next() error {
	var head [frameChecksum + frameHead]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return err // io.EOF only if nothing was there
	}
	size, dataSize := binary.LittleEndian.Uint32(head[frameChecksum+1:]), binary.LittleEndian.Uint32(head[frameChecksum+5:])
	if size < frameHead || size > frameMax || dataSize > frameMax {
		return &Error{Code: 432, Name: "UNKNOWN_CODEC", Message: fmt.Sprintf("A compressed frame of %d bytes for %d: is the body compressed at all?", size, dataSize)}
	}
	f.raw = append(f.raw[:0], head[frameChecksum:]...)
	if cap(f.raw) < int(size) {
		f.raw = append(make([]byte, 0, size), f.raw...)
	}
	f.raw = f.raw[:size]
	if _, err := io.ReadFull(f.r, f.raw[frameHead:]); err != nil {
		return fmt.Errorf("a compressed frame: %w", io.ErrUnexpectedEOF)
	}
	sum := city.CH128(f.raw)
	if sum.Low != binary.LittleEndian.Uint64(head[:]) || sum.High != binary.LittleEndian.Uint64(head[8:]) {
		return &Error{Code: 40, Name: "CHECKSUM_DOESNT_MATCH", Message: "Checksum doesn't match: corrupted data."}
	}
	if cap(f.buf) < int(dataSize) {
		f.buf = make([]byte, dataSize)
	}
	f.buf = f.buf[:dataSize]
	var err error
	n := int(dataSize)
	switch body := f.raw[frameHead:]; f.raw[0] {
	case frameNone:
		n = copy(f.buf, body)
	case frameLZ4:
		n, err = lz4.UncompressBlock(body, f.buf)
	case frameZSTD:
		if f.zstd == nil {
			f.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(frameMax))
		}
		if err == nil {
			f.buf, err = f.zstd.DecodeAll(body, f.buf[:0])
			n = len(f.buf)
		}
	default:
		return &Error{Code: 432, Name: "UNKNOWN_CODEC", Message: fmt.Sprintf("Unknown codec family code: %#x.", f.raw[0])}
	}
	if err != nil || n != int(dataSize) {
		return &Error{Code: 271, Name: "CANNOT_DECOMPRESS", Message: fmt.Sprintf("Cannot decompress a frame: %d bytes of %d, %v.", n, dataSize, err)}
	}
	f.data = f.buf
	return nil
}

// frameWriter writes frames of up to a megabyte.
type frameWriter struct {
	w   io.Writer
	c   *compress.Writer
	buf []byte
}

const frameSize = 1 << 20

func (f *frameWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		m := min(frameSize-len(f.buf), len(p))
		f.buf = append(f.buf, p[:m]...)
		p, n = p[m:], n+m
		if len(f.buf) == frameSize {
			if err := f.Close(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// Close sends the frame that was begun.
func (f *frameWriter) Close() error {
	if len(f.buf) == 0 {
		return nil
	}
	if err := f.c.Compress(f.buf); err != nil {
		return err
	}
	f.buf = f.buf[:0]
	_, err := f.w.Write(f.c.Data)
	return err
}
