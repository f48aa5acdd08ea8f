package shop

import "math"

// never is a time that does not come.
const never = math.MaxInt64

// queue orders what is to happen by time: a heap of references, four children to a node, because it is memory that costs.
type queue struct{ heap []entry }

type entry struct {
	at  int64
	ref uint32
}

// soonest is never when the queue is empty.
func (q *queue) soonest() int64 {
	if len(q.heap) == 0 {
		return never
	}
	return q.heap[0].at
}

func (q *queue) push(at int64, ref uint32) {
	q.heap = append(q.heap, entry{})
	i := len(q.heap) - 1
	for i > 0 {
		up := (i - 1) / 4
		if q.heap[up].at <= at {
			break
		}
		q.heap[i] = q.heap[up]
		i = up
	}
	q.heap[i] = entry{at, ref}
}

// top is the soonest. The queue must not be empty.
func (q *queue) top() uint32 { return q.heap[0].ref }

// again moves the soonest to a later time.
func (q *queue) again(at int64) { q.sink(entry{at, q.heap[0].ref}) }

// drop takes the soonest out.
func (q *queue) drop() {
	n := len(q.heap) - 1
	last := q.heap[n]
	q.heap = q.heap[:n]
	if n > 0 {
		q.sink(last)
	}
}

// sink puts e at the top, which is free, and lets it sink to its place.
func (q *queue) sink(e entry) {
	h := q.heap
	i := 0
	for {
		first := 4*i + 1
		if first >= len(h) {
			break
		}
		least := first
		for c := first + 1; c < first+4 && c < len(h); c++ {
			if h[c].at < h[least].at {
				least = c
			}
		}
		if h[least].at >= e.at {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}

// slab keeps things of one kind under small numbers and uses their memory again.
type slab[T any] struct {
	all  []T
	free []uint32
}

// take returns a free place. What stood there before is still in it: the taker resets it and may keep its buffers.
func (s *slab[T]) take() uint32 {
	if n := len(s.free); n > 0 {
		ref := s.free[n-1]
		s.free = s.free[:n-1]
		return ref
	}
	var zero T
	s.all = append(s.all, zero)
	return uint32(len(s.all) - 1)
}

func (s *slab[T]) at(ref uint32) *T { return &s.all[ref] }

func (s *slab[T]) put(ref uint32) { s.free = append(s.free, ref) }
