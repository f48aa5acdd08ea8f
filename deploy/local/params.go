package local

import (
	"maps"
	"runtime"
	"slices"
	"unsafe"
)

// params lays named parameters out as the C interface wants them: four parallel arrays, pinned for the call.
type params struct {
	names, nameLens, values, valueLens unsafe.Pointer
	count                              uintptr
	pin                                *runtime.Pinner
	keep                               any
}

func packParams(m map[string]string) params {
	if len(m) == 0 {
		return params{}
	}
	pin := new(runtime.Pinner)
	names, values := make([]unsafe.Pointer, 0, len(m)), make([]unsafe.Pointer, 0, len(m))
	nameLens, valueLens := make([]uintptr, 0, len(m)), make([]uintptr, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		// A byte more, so that the pointer of an empty text is not nil: libchdb refuses nil.
		n, v := append([]byte(name), 0), append([]byte(m[name]), 0)
		pin.Pin(&n[0])
		pin.Pin(&v[0])
		names, nameLens = append(names, unsafe.Pointer(&n[0])), append(nameLens, uintptr(len(n)-1))
		values, valueLens = append(values, unsafe.Pointer(&v[0])), append(valueLens, uintptr(len(v)-1))
	}
	return params{
		unsafe.Pointer(&names[0]), unsafe.Pointer(&nameLens[0]), unsafe.Pointer(&values[0]), unsafe.Pointer(&valueLens[0]),
		uintptr(len(names)), pin, [][]uintptr{nameLens, valueLens},
	}
}

// release must be called after the C call.
func (p params) release() {
	if p.pin != nil {
		p.pin.Unpin()
	}
	runtime.KeepAlive(p.keep)
}
