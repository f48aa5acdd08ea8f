package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/table"
)

// A task is what a lane does with the records of an epoch. Its methods are called by the lane's goroutine alone.
type task interface {
	// take processes one record. An error means that going on would be wrong; bad input is no error but a dead letter. After a *notNow
	// the same record may be given to it again.
	take(r *kgo.Record, e *epoch) error
	// finish adds what is to be said at the end of the epoch.
	finish(e *epoch) error
	// committed: the epoch's rows and records are durable. dropped: none of the records are; they will be read again.
	committed(now time.Time)
	dropped()
	// settled: nothing is left to be written without new input.
	settled() bool
}

// effects is what an epoch does to the world. The loop below is tested without Kafka or ClickHouse.
type effects struct {
	// poll waits for records until ctx ends, and returns at most so many. It never returns records of partitions whose states have
	// not been restored.
	poll func(ctx context.Context, most int) ([]*kgo.Record, error)
	// insert returns when all rows are durable. It retries for as long as ctx lives.
	insert func(ctx context.Context, rows *table.Batch) error
	// commit writes the records and the offsets of everything polled in one transaction. false: it was aborted, because the
	// partitions changed hands, and what was polled will be polled again.
	commit func(ctx context.Context, records []*kgo.Record) (bool, error)
	// abort gives up what was polled: it will be polled again.
	abort func(ctx context.Context) error
	// reassign tells the task which partitions came and went since it was called last.
	reassign func(ctx context.Context) error
	// lease returns a context that ends when partitions are taken away: whatever the epoch waits for is then in vain.
	lease func(ctx context.Context) (context.Context, context.CancelFunc)
	now   func() time.Time
	// within returns a context that ends when so much time has passed, by the clock of now.
	within func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
	// rest returns after so much time, or when ctx ends.
	rest func(ctx context.Context, d time.Duration)
}

// rest is the effect of that name in the world.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// notNow is why a record cannot be read at the moment, though maybe later: what is needed for that is away.
type notNow struct {
	topic string
	why   error
}

func (n *notNow) Error() string {
	return fmt.Sprintf("topic %s cannot be read for now, nothing is lost: %v", n.topic, n.why)
}

func (n *notNow) Unwrap() error { return n.why }

// lane runs epochs, one after the other.
type lane struct {
	name    string
	task    task
	do      effects
	every   time.Duration // an epoch's length
	most    int           // records of an epoch
	grace   time.Duration // for the last epoch, after ctx has ended
	metrics *Metrics
	log     *slog.Logger
	well    func()      // called after an epoch that went well
	waits   func(error) // called when a record cannot be read for now

	lastRead time.Time
	// quiet is true while nothing was read for a while and nothing is left to be written.
	quiet *atomic.Bool
}

// writeHeldAfter: after this long without a record everything held back is written.
const writeHeldAfter = 2 * time.Second

// errStale says that the epoch saw records of partitions that are no longer ours.
var errStale = errors.New("partitions were taken away")

// run ends when ctx does, with the epoch at hand finished, or with an error after which the lane must begin anew.
func (l *lane) run(ctx context.Context) error {
	l.lastRead = l.do.now()
	e := newEpoch()
	for ctx.Err() == nil {
		if err := l.do.reassign(ctx); err != nil {
			return err
		}
		if err := l.epoch(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (l *lane) epoch(ctx context.Context, e *epoch) error {
	// What has been polled is finished even if ctx ends meanwhile.
	finish, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(l.grace, cancel) })
	defer stop()
	leased, release := l.do.lease(finish)
	defer release()

	e.reset(l.do.now())
	polled, err := l.gather(ctx, leased, e)
	if err != nil {
		l.task.dropped()
		if why := (*notNow)(nil); errors.As(err, &why) && ctx.Err() != nil {
			return nil // whoever comes next reads it
		}
		return err
	}
	now := l.do.now()
	if polled > 0 {
		l.lastRead = now
		l.quiet.Store(false)
	}
	e.idle = now.Sub(l.lastRead) >= writeHeldAfter
	if !e.stale {
		if err := l.task.finish(e); err != nil {
			l.task.dropped()
			return fmt.Errorf("finish an epoch: %w", err)
		}
	}
	if e.empty() && polled == 0 {
		l.quiet.Store(e.idle && l.task.settled())
		l.well()
		return nil
	}
	committed, err := l.write(finish, leased, e, polled)
	if err != nil {
		l.task.dropped()
		if ctx.Err() != nil {
			return nil // the grace is over; whoever comes next replays it
		}
		return err
	}
	if !committed {
		l.task.dropped()
		l.metrics.Aborted.Add(1)
		return nil
	}
	now = l.do.now()
	l.task.committed(now)
	l.well()
	l.metrics.Epochs.Add(1)
	if n := e.rows.Len(); n > 0 {
		l.metrics.Rows.Add(int64(n))
		l.metrics.LastRows.Store(now.UnixNano())
	}
	return nil
}

// gather polls until the epoch is long or large enough, and takes the records as they come. What they say counts, too: a record may be a
// batch of thousands of events.
func (l *lane) gather(ctx, leased context.Context, e *epoch) (polled int, err error) {
	end := e.now.Add(l.every)
	until, cancel := l.do.within(ctx, l.every)
	defer cancel()
	for max(polled, len(e.records)) < l.most && until.Err() == nil && l.do.now().Before(end) {
		asked := l.do.now()
		records, err := l.do.poll(until, l.most-max(polled, len(e.records)))
		if err != nil {
			return polled, fmt.Errorf("poll: %w", err)
		}
		if len(records) > 0 && l.metrics.FirstRead.Load() == 0 {
			l.metrics.FirstRead.CompareAndSwap(0, asked.UnixNano())
		}
		polled += len(records)
		begin := l.do.now()
		e.read = begin // the machine may have slept since the epoch began
		for _, r := range records {
			if err := l.task.take(r, e); err != nil {
				if err = l.wait(ctx, leased, r, e, err); err != nil {
					return polled, err
				}
			}
			if e.stale {
				return polled, nil
			}
		}
		l.metrics.BusyNanos.Add(int64(l.do.now().Sub(begin)))
	}
	return polled, nil
}

// wait gives a record that could not be taken to the task again and again, if that may help, until it is taken. Meanwhile nothing is
// read. When the partitions are taken away, the epoch is stale.
func (l *lane) wait(ctx, leased context.Context, r *kgo.Record, e *epoch, err error) error {
	var why *notNow
	if !errors.As(err, &why) {
		return err
	}
	l.log.Warn("cannot read a record for now, waiting: nothing is lost", "lane", l.name, "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "error", why.why)
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(leased, cancel)()
	for d := time.Second / 4; errors.As(err, &why); d = min(2*d, maxWait) {
		l.waits(err)
		l.metrics.Waits.Add(1)
		l.do.rest(both, d)
		switch {
		case leased.Err() != nil:
			e.stale = true
			return nil
		case ctx.Err() != nil:
			return err
		}
		e.read = l.do.now()
		err = l.task.take(r, e)
	}
	if err == nil {
		l.log.Info("reading goes on", "lane", l.name, "topic", r.Topic)
	}
	return err
}

// maxWait is how long at most a lane goes on waiting once what it needed is there again.
const maxWait = 10 * time.Second

// write makes the epoch durable: rows first, then the one transaction. false: it was aborted. leased ends when partitions are taken
// away; the transaction finds that out by itself.
func (l *lane) write(ctx, leased context.Context, e *epoch, polled int) (bool, error) {
	giveUp := func(why error) (bool, error) {
		l.log.Info("epoch dropped, it will be replayed", "lane", l.name, "records", polled, "why", why)
		return false, l.do.abort(ctx)
	}
	if e.stale {
		return giveUp(errStale)
	}
	begin := l.do.now()
	if err := l.do.insert(leased, e.rows); err != nil {
		if errors.Is(context.Cause(leased), errStale) {
			return giveUp(errStale)
		}
		return false, fmt.Errorf("write an epoch's rows: %w", err)
	}
	inserted := l.do.now()
	l.metrics.InsertNanos.Add(int64(inserted.Sub(begin)))
	if polled == 0 && len(e.records) == 0 {
		return true, nil
	}
	ok, err := l.do.commit(ctx, e.records)
	l.metrics.CommitNanos.Add(int64(l.do.now().Sub(inserted)))
	if err != nil {
		return false, fmt.Errorf("commit an epoch: %w", err)
	}
	if !ok {
		l.log.Info("epoch aborted, it will be replayed", "lane", l.name, "records", polled)
	}
	return ok, nil
}
