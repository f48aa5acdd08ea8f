package local

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// The C interface of libchdb, as its header chdb.h declares it. Handles are opaque pointers that only libchdb
// dereferences, so they travel as uintptr: the garbage collector must not look at them.
//
// Every function below may block for as long as a query runs; purego releases the Go scheduler meanwhile.
type library struct {
	version            func() string
	setSignalHandlers  func(enabled int32)
	connect            func(argc int32, argv unsafe.Pointer) uintptr // → *chdb_connection, or 0
	closeConn          func(conn uintptr)                            // takes what connect returned
	query              func(conn uintptr, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr) uintptr
	streamQueryParams  func(conn uintptr, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) uintptr
	queryParams        func(conn uintptr, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) uintptr
	streamFetch        func(conn, stream uintptr) uintptr
	streamCancel       func(conn, stream uintptr)
	destroyResult      func(result uintptr)
	insertParams       func(conn uintptr, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) uintptr
	insertAppend       func(stream uintptr, data unsafe.Pointer, n uintptr) int32
	insertDone         func(stream uintptr) uintptr
	insertCancel       func(stream uintptr)
	insertError        func(stream uintptr) uintptr // char*, owned by the stream
	destroyInsert      func(stream uintptr)
	resultBuffer       func(result uintptr) uintptr
	resultLength       func(result uintptr) uintptr
	resultError        func(result uintptr) uintptr // char*, owned by the result
	resultElapsed      func(result uintptr) float64
	resultRowsRead     func(result uintptr) uint64
	resultBytesRead    func(result uintptr) uint64
	resultStorageRows  func(result uintptr) uint64
	resultStorageBytes func(result uintptr) uint64
	resultRowsWritten  func(result uintptr) uint64
	resultBytesWritten func(result uintptr) uint64
	classify           func(conn uintptr, sql unsafe.Pointer, sqlLen uintptr, database unsafe.Pointer, databaseLen uintptr, out unsafe.Pointer) int32
}

var (
	libraryMu sync.Mutex
	// loaded stays for the life of the process: libchdb cannot be unloaded (it starts threads).
	loaded *library
)

// load maps libchdb.so into the process and resolves the functions that we use.
func load(path string) (lib *library, err error) {
	libraryMu.Lock()
	defer libraryMu.Unlock()
	if loaded != nil {
		return loaded, nil
	}
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load the ClickHouse engine %s: %w", path, err)
	}
	lib = new(library)
	for name, fn := range map[string]any{
		"chdb_version":                     &lib.version,
		"chdb_set_signal_handlers_enabled": &lib.setSignalHandlers,
		"chdb_connect":                     &lib.connect,
		"chdb_close_conn":                  &lib.closeConn,
		"chdb_query_n":                     &lib.query,
		"chdb_query_with_params_n":         &lib.queryParams,
		"chdb_stream_query_with_params_n":  &lib.streamQueryParams,
		"chdb_stream_fetch_result":         &lib.streamFetch,
		"chdb_stream_cancel_query":         &lib.streamCancel,
		"chdb_destroy_query_result":        &lib.destroyResult,
		"chdb_stream_insert_with_params_n": &lib.insertParams,
		"chdb_stream_append":               &lib.insertAppend,
		"chdb_stream_done":                 &lib.insertDone,
		"chdb_stream_cancel_insert":        &lib.insertCancel,
		"chdb_stream_insert_error":         &lib.insertError,
		"chdb_destroy_insert_stream":       &lib.destroyInsert,
		"chdb_result_buffer":               &lib.resultBuffer,
		"chdb_result_length":               &lib.resultLength,
		"chdb_result_error":                &lib.resultError,
		"chdb_result_elapsed":              &lib.resultElapsed,
		"chdb_result_rows_read":            &lib.resultRowsRead,
		"chdb_result_bytes_read":           &lib.resultBytesRead,
		"chdb_result_storage_rows_read":    &lib.resultStorageRows,
		"chdb_result_storage_bytes_read":   &lib.resultStorageBytes,
		"chdb_result_rows_written":         &lib.resultRowsWritten,
		"chdb_result_bytes_written":        &lib.resultBytesWritten,
		"chdb_classify_query_n":            &lib.classify,
	} {
		address, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("the library %s is not a libchdb of version %s: %w", path, engineVersion, err)
		}
		purego.RegisterFunc(fn, address)
	}
	// Go owns the signals: the engine's handlers would turn a nil dereference in Go code into an abort.
	lib.setSignalHandlers(0)
	loaded = lib
	return lib, nil
}

// open makes a connection. argv is what clickhouse-local would get: --path=…, --setting=value.
func (l *library) open(args []string) (uintptr, error) {
	keep := make([][]byte, 0, len(args)+1)
	argv := make([]unsafe.Pointer, 0, len(args)+2)
	for _, a := range append([]string{"clickhouse"}, args...) {
		b := append([]byte(a), 0)
		keep, argv = append(keep, b), append(argv, unsafe.Pointer(&b[0]))
	}
	argv = append(argv, nil)
	var pin runtime.Pinner
	defer pin.Unpin()
	for _, b := range keep {
		pin.Pin(&b[0])
	}
	handle := l.connect(int32(len(argv)-1), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	runtime.KeepAlive(keep)
	if handle == 0 {
		return 0, errors.New("the ClickHouse engine refused the connection")
	}
	return handle, nil
}

// text copies a C string.
func text(p uintptr) string {
	if p == 0 {
		return ""
	}
	base := pointer(p)
	n := 0
	for *(*byte)(unsafe.Add(base, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(base), n))
}

// pointer turns an address in the engine's memory into a pointer. The detour over the variable keeps vet's
// "possible misuse of unsafe.Pointer" for the places where it means something: this memory is not Go's.
func pointer(p uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&p))
}

func textPointer(s string) unsafe.Pointer {
	if s == "" {
		return nil
	}
	return unsafe.Pointer(unsafe.StringData(s))
}
