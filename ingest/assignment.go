package ingest

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// assignment brings what the group gives and takes to a keyed task: a new partition stays paused while its states are restored
// beside the lane, which goes on with the others.
type assignment struct {
	session  *session
	task     *keyed
	restorer *restorer
	restores map[int32]context.CancelFunc
	results  chan restored
	work     sync.WaitGroup // restores, and the closing of local stores
}

func newAssignment(s *session, t *keyed, r *restorer) *assignment {
	return &assignment{session: s, task: t, restorer: r, restores: map[int32]context.CancelFunc{}, results: make(chan restored)}
}

func (a *assignment) apply(ctx context.Context) error {
	for _, n := range a.session.take() {
		if stop, ok := a.restores[n.partition]; ok {
			stop()
			delete(a.restores, n.partition)
		}
		if p := a.task.parts[n.partition]; p != nil {
			delete(a.task.parts, n.partition)
			a.work.Go(p.store.Close)
		}
		if n.gone {
			continue
		}
		restoring, stop := context.WithCancel(ctx)
		a.restores[n.partition] = stop
		a.work.Go(func() {
			p, err := a.restorer.restore(restoring, n.partition)
			if err == nil {
				if err = a.session.agree(restoring, n.topic, n.partition, p.position.Offset); err != nil {
					p.store.Close()
					p = nil
				}
			}
			select {
			case a.results <- restored{id: n.partition, partition: p, err: err, ctx: restoring}:
			case <-restoring.Done():
				if p != nil {
					p.store.Close()
				}
			}
		})
	}
	defer func() { a.task.restoring = len(a.restores) }()
	for {
		r, ok := a.next(ctx)
		if !ok {
			return nil
		}
		if r.ctx.Err() != nil { // taken away meanwhile
			if r.partition != nil {
				a.work.Go(r.partition.store.Close)
			}
			continue
		}
		a.restores[r.id]()
		delete(a.restores, r.id)
		if r.err != nil {
			return fmt.Errorf("restore %s/%d: %w", a.task.topics.changelog, r.id, r.err)
		}
		a.task.parts[r.id] = r.partition
		a.session.client.ResumeFetchPartitions(map[string][]int32{a.task.topics.input: {r.id}})
	}
}

// next returns what has been restored, if anything has. It waits a little for it if there is nothing else to do, and never while some
// is there: each that waited for the next epoch would cost a second.
func (a *assignment) next(ctx context.Context) (r restored, ok bool) {
	select {
	case r = <-a.results:
		return r, true
	default:
	}
	if len(a.task.parts) > 0 || len(a.restores) == 0 {
		return r, false
	}
	select {
	case r = <-a.results:
		return r, true
	case <-ctx.Done():
	case <-time.After(50 * time.Millisecond):
	}
	return r, false
}

// close lets go of all partitions, once nothing is being restored any more: the context given to apply must have ended.
func (a *assignment) close() {
	for _, p := range a.task.parts {
		a.work.Go(p.store.Close)
	}
	clear(a.task.parts)
	a.work.Wait()
}
