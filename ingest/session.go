package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// session is a lane's end of Kafka: a member of a consumer group with a transactional id. It gives the lane its effects.
//
// The group's callbacks come from other goroutines at any time. They only note what happened, and pause what is new; the lane asks
// between two epochs. A partition that was taken away and came back in between is new.
type session struct {
	group  *kgo.GroupTransactSession
	client *kgo.Client
	log    *slog.Logger
	end    context.CancelFunc // ends whatever the client waits for

	mu      sync.Mutex
	news    []news
	owned   map[place]bool  // told as come, and not as gone
	begins  map[place]int64 // where the client begins to read what it was given; negative: the group has no offset
	revoked chan struct{}   // closed when partitions are taken away, new with each epoch
	broken  bool            // revoked is closed
	// failures of fetching are told once until fetching works again.
	failing map[string]bool
}

type place struct {
	topic     string
	partition int32
}

// news is a partition that came or went.
type news struct {
	topic     string
	partition int32
	gone      bool
}

// openSession joins the group of a lane. name is both the static member id and the transactional id: a lane that starts again takes its old
// place without a rebalance, and fences what is left of its former self. New partitions are paused until the
// lane has made room for them.
func openSession(ctx context.Context, cfg *Config, group, name string, topics []string, log *slog.Logger) (*session, error) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	s := &session{log: log, end: end, revoked: make(chan struct{}), failing: map[string]bool{}, owned: map[place]bool{}, begins: map[place]int64{}}
	opts := append([]kgo.Opt{
		kgo.WithContext(life),
		kgo.ConsumerGroup(group),
		kgo.InstanceID(name),
		kgo.TransactionalID(name),
		kgo.TransactionTimeout(cfg.TransactionTimeout),
		kgo.ConsumeTopics(topics...),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // so that a group that has read everything has no lag
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.Balancers(heedful{kgo.CooperativeStickyBalancer(), s}),
		kgo.AdjustFetchOffsetsFn(s.begin),
		kgo.SessionTimeout(cfg.SessionTimeout),
		kgo.HeartbeatInterval(min(time.Second, cfg.SessionTimeout/4)),
		kgo.FetchMaxWait(250 * time.Millisecond),
		kgo.FetchMaxBytes(16 << 20),
		kgo.FetchMaxPartitionBytes(4 << 20),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()), // half the CPU of LZ4, here and where it is read
		kgo.ProducerBatchMaxBytes(cfg.largestBatch()),
		kgo.MaxBufferedRecords(1 << 20),
		kgo.OnPartitionsAssigned(func(_ context.Context, c *kgo.Client, m map[string][]int32) {
			c.PauseFetchPartitions(m)
			s.note(m, false)
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { s.note(m, true) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { s.note(m, true) }),
	}, cfg.Kafka...)
	var err error
	if s.group, err = kgo.NewGroupTransactSession(opts...); err != nil {
		end()
		return nil, fmt.Errorf("join group %s as %s: %w", group, name, err)
	}
	s.client = s.group.Client()
	// Ask for the transactional id now: that ends a transaction which a former self of this lane left open, and what is restored
	// must not wait for its timeout.
	if _, _, err := s.client.ProducerID(ctx); err != nil {
		s.close()
		return nil, fmt.Errorf("take transactional id %s: %w", name, err)
	}
	return s, nil
}

// closeGrace is what closing gets to end in good order.
const closeGrace = 3 * time.Second

// close ends the client, not the membership: the lane may come back. A client that has asked to join would wait for the answer, and the
// group gives none until all members have asked, such as lanes that were closed before this one, or their time has run out.
func (s *session) close() {
	defer s.end()
	defer time.AfterFunc(closeGrace, s.end).Stop()
	s.group.CloseAllowingRebalance()
}

func (s *session) note(m map[string][]int32, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic, list := range m {
		for _, p := range list {
			s.noteOne(place{topic, p}, gone)
		}
	}
}

func (s *session) noteOne(at place, gone bool) {
	if gone && !s.owned[at] {
		return // that was told before
	}
	delete(s.begins, at)
	delete(s.owned, at)
	if !gone {
		s.owned[at] = true
	}
	s.news = append(s.news, news{at.topic, at.partition, gone})
	if gone && !s.broken {
		s.broken = true
		close(s.revoked)
	}
}

// heedful listens to the group's assignments. The callbacks are not enough: franz-go's transact session passes on only the first
// revocation until its transaction ends, and a lane without input ends none. What it did not hear of it would keep for ever.
type heedful struct {
	kgo.GroupBalancer
	session *session
}

func (h heedful) ParseSyncAssignment(b []byte) (map[string][]int32, error) {
	all, err := h.GroupBalancer.ParseSyncAssignment(b)
	if err == nil {
		h.session.assigned(all)
	}
	return all, err
}

// assigned notes as gone what was owned and is not among all that the group gives now.
func (s *session) assigned(all map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := range s.owned {
		if !slices.Contains(all[at.topic], at.partition) {
			s.noteOne(at, true)
		}
	}
}

// begin notes where the client begins to read new partitions.
func (s *session) begin(_ context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic, list := range offsets {
		for p, o := range list {
			s.begins[place{topic, p}] = o.EpochOffset().Offset
		}
	}
	return offsets, nil
}

// agree waits until the client knows where it begins to read a partition, and checks that this is where the states end. Another lane may
// have gone on with it between the two questions, if the group has given it away and we were not told yet.
func (s *session) agree(ctx context.Context, topic string, partition int32, offset int64) error {
	for {
		s.mu.Lock()
		at, known := s.begins[place{topic, partition}]
		s.mu.Unlock()
		switch {
		case known && max(at, 0) != offset:
			return fmt.Errorf("%w: it would be read from %d on, the states end at %d: another lane has it by now", errMoved, at, offset)
		case known:
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take returns the news since the last call.
func (s *session) take() []news {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.news
	s.news = nil
	return n
}

// lease returns a context that ends, with errStale as its cause, when partitions are taken away.
func (s *session) lease(ctx context.Context) (context.Context, context.CancelFunc) {
	s.mu.Lock()
	if s.broken {
		s.revoked, s.broken = make(chan struct{}), false
	}
	revoked := s.revoked
	s.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-revoked:
			cancel(errStale)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

func (s *session) poll(ctx context.Context, most int) ([]*kgo.Record, error) {
	fetches := s.group.PollRecords(ctx, most)
	if fetches.IsClientClosed() {
		return nil, kgo.ErrClientClosed
	}
	var fatal error
	fetches.EachError(func(topic string, partition int32, err error) {
		var lost *kgo.ErrDataLoss
		switch {
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		case errors.As(err, &lost):
			s.log.Error("Kafka no longer has records that were not read yet: they are lost to us. Raise the topic's retention.",
				"topic", topic, "partition", partition, "from", lost.ConsumedTo, "to", lost.ResetTo)
		case errors.Is(err, kerr.FencedInstanceID), errors.Is(err, kerr.GroupAuthorizationFailed), errors.Is(err, kerr.TopicAuthorizationFailed):
			fatal = fmt.Errorf("read %s: %w", topic, err)
		case !s.failing[topic]:
			s.failing[topic] = true
			s.log.Warn("reading from Kafka fails, retrying", "topic", topic, "partition", partition, "error", err)
		}
	})
	if fatal != nil {
		return nil, fatal
	}
	records := fetches.Records()
	if len(records) > 0 {
		clear(s.failing)
	}
	return records, nil
}

func (s *session) commit(ctx context.Context, records []*kgo.Record) (bool, error) {
	if err := s.group.Begin(); err != nil {
		return false, fmt.Errorf("begin a transaction: %w", err)
	}
	promise := kgo.AbortingFirstErrPromise(s.client)
	for _, r := range records {
		s.client.Produce(ctx, r, promise.Promise())
	}
	produced := make(chan error, 1)
	go func() { produced <- promise.Err() }()
	var err error
	select {
	case err = <-produced:
	case <-ctx.Done():
		// Without Kafka this would never end. The lane ends now, and its client drops what is on its way.
		return false, fmt.Errorf("produce: %w", context.Cause(ctx))
	}
	if err != nil {
		_, endErr := s.group.End(ctx, kgo.TryAbort)
		return false, errors.Join(fmt.Errorf("produce: %w", err), endErr)
	}
	return s.group.End(ctx, kgo.TryCommit)
}

func (s *session) abort(ctx context.Context) error {
	_, err := s.group.End(ctx, kgo.TryAbort)
	return err
}
