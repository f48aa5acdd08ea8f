package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest/state"
)

// restored is what a changelog gave.
type restored struct {
	id        int32
	partition *partition
	err       error
	ctx       context.Context // ended when the partition was taken away meanwhile
}

// restorer reads changelogs back.
type restorer struct {
	cfg     *Config
	group   string
	topics  keyedTopics
	metrics *Metrics
	log     *slog.Logger
	sources []string // source topics that the clock is made of; none: the machine reads its source itself
	budget  *state.Budget
}

// restore reads the changelog of one partition, and checks that the group continues where the states end. It writes a barrier
// first and reads, committed records only, until it is past it: then it has also waited for the end of any transaction that was
// still open, of an instance that died for example.
//
// What the local store has is taken from there, and the changelog read from its mark on.
func (r *restorer) restore(ctx context.Context, id int32) (*partition, error) {
	last, distrusted := int64(-1), false
	for {
		p, offset, err := r.attempt(ctx, id)
		switch {
		case errors.Is(err, errNoPosition) && !distrusted:
			distrusted = true // again, without the local store
		case errors.Is(err, errMoved) && offset != last:
			// We were slow, and another lane has the partition by now and goes on with it: we will be told. Or somebody did move
			// the offset, then the next attempt says so.
			last = offset
		default:
			return p, err
		}
	}
}

// attempt also returns the group's offset.
func (r *restorer) attempt(ctx context.Context, id int32) (_ *partition, offset int64, err error) {
	begin := time.Now()
	held := heldSet{}
	store, from, err := r.open(ctx, id, held)
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			store.Close()
		}
	}()
	local, loaded := store.Len(), time.Since(begin)
	start, reset := kgo.NewOffset().AtStart(), kgo.NewOffset().AtStart()
	if from > 0 {
		start, reset = kgo.NewOffset().At(from), kgo.NoResetOffset() // begin anew rather than miss or mix anything
	}
	opts := append([]kgo.Opt{
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.topics.changelog: {id: start}}),
		kgo.ConsumeResetOffset(reset),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
	}, r.cfg.Kafka...)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, 0, err
	}
	defer client.Close()
	mark := &kgo.Record{Topic: r.topics.changelog, Partition: id, Key: []byte(barrierKey), Value: []byte(r.cfg.Instance)}
	if err := client.ProduceSync(ctx, mark).FirstErr(); err != nil {
		return nil, 0, fmt.Errorf("write a barrier: %w", err)
	}
	c := newReplay(r.topics, r.group, id, store, from > 0, held, position{Version: positionVersion, Generation: r.cfg.Generation, Clock: clock{topics: r.sources}})
	c.logged.At = begin
	done, read, at, told := false, 0, int64(-1), begin
	first := int64(-1) // where reading really began
	for !done {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return nil, 0, err
		}
		if errs := fetches.Errors(); len(errs) > 0 {
			return nil, 0, errs[0].Err
		}
		for it := fetches.RecordIter(); !it.Done(); {
			rec := it.Next()
			if read++; first < 0 {
				first = rec.Offset
			}
			at = rec.Offset
			if err := c.take(rec); err != nil {
				return nil, 0, err
			}
			// Not: until our barrier is read. Compaction removes it when another restore has written one after it.
			done = done || rec.Offset >= mark.Offset
		}
		if now := time.Now(); now.Sub(told) > cmp.Or(r.cfg.tellEvery, 5*time.Second) && !done {
			told = now
			share, left := restoring(first, at, mark.Offset, now.Sub(begin))
			r.log.Info("restoring", "topic", r.topics.changelog, "partition", id, "states", store.Len(), "records", read,
				"percent", int(100*share), "left", left)
		}
	}
	offset, committed, err := r.committed(ctx, client, id)
	if err != nil {
		return nil, 0, err
	}
	if err := c.end(offset, committed); err != nil {
		return nil, offset, err
	}
	r.metrics.Restored.Add(int64(store.Len()))
	r.metrics.RestoredLocal.Add(int64(local))
	if store.Len() > 0 {
		r.log.Info("restored", "topic", r.topics.changelog, "partition", id, "states", store.Len(), "local", local, "records", read,
			"local_milliseconds", loaded.Milliseconds(), "milliseconds", time.Since(begin).Milliseconds())
	}
	p, err := c.partition(time.Now())
	return p, offset, err
}

// restoring tells which share of the offsets of a changelog is read, and how long the rest will take.
func restoring(first, at, end int64, took time.Duration) (share float64, left time.Duration) {
	if first < 0 || end <= first {
		return 0, 0
	}
	share = min(1, float64(at-first+1)/float64(end-first+1))
	return share, time.Duration(float64(took) * (1 - share) / share).Round(time.Second)
}

// open returns the states of the local store, and where to read on in the changelog. What is held back of them goes to held.
func (r *restorer) open(ctx context.Context, id int32, held heldSet) (*state.Store, int64, error) {
	if r.cfg.StateDir == "" {
		return state.New(), 0, nil
	}
	client, err := kgo.NewClient(r.cfg.Kafka...)
	if err != nil {
		return nil, 0, err
	}
	defer client.Close()
	topic, admin := r.topics.changelog, kadm.NewClient(client)
	o := state.Options{
		Dir:   filepath.Join(r.cfg.StateDir, fmt.Sprintf("%s-%d", topic, id)),
		Every: r.cfg.Checkpoint, Budget: r.budget, Log: r.log,
		Check: func(key, kept []byte) error {
			err := checkKept(key, kept)
			if err == nil {
				held.note(state.Hash(key), kept)
			}
			return err
		},
	}
	meta, err := admin.Metadata(ctx, topic)
	if err == nil {
		err = meta.Topics[topic].Err
	}
	if err != nil {
		return nil, 0, fmt.Errorf("look up topic %s: %w", topic, err)
	}
	o.Origin = state.Origin{Cluster: meta.Cluster, Topic: topic, Partition: id}
	if t := meta.Topics[topic].ID; t != (kadm.TopicID{}) {
		o.Origin.TopicID = t.String()
	}
	for _, at := range []struct {
		list func(context.Context, ...string) (kadm.ListedOffsets, error)
		into *int64
	}{{admin.ListStartOffsets, &o.First}, {admin.ListEndOffsets, &o.End}} {
		listed, err := at.list(ctx, topic)
		l, _ := listed.Lookup(topic, id)
		if err = cmp.Or(err, l.Err); err != nil {
			return nil, 0, fmt.Errorf("list the offsets of %s: %w", topic, err)
		}
		*at.into = l.Offset
	}
	o.MaxAge = tombstoneAge(ctx, admin, topic) / 2
	return state.Open(ctx, o)
}

// tombstoneAge is how long at least a topic keeps deletions, 0 if it is not known.
func tombstoneAge(ctx context.Context, admin *kadm.Client, topic string) time.Duration {
	configs, err := admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return 0
	}
	c, err := configs.On(topic, nil)
	if err != nil || c.Err != nil {
		return 0
	}
	for _, kv := range c.Configs {
		if kv.Key == "delete.retention.ms" && kv.Value != nil {
			ms, _ := strconv.ParseInt(*kv.Value, 10, 64)
			return time.Duration(min(ms, int64(math.MaxInt64/time.Millisecond))) * time.Millisecond
		}
	}
	return 0
}

// committed is the group's stable offset, once no transaction that might change it is open: whoever had the partition before may
// be ending one just now, or has left one that Kafka ends after its timeout.
func (r *restorer) committed(ctx context.Context, client *kgo.Client, id int32) (int64, bool, error) {
	admin := kadm.NewClient(client)
	for {
		// Of the whole group, but only our partition counts: of the others some transaction is always ending.
		all, err := admin.FetchOffsets(kadm.RequireStable(ctx), r.group)
		o, ok := all.Lookup(r.topics.input, id)
		if err == nil && ok {
			err = o.Err
		}
		if err == nil {
			return o.At, ok && o.At >= 0, nil
		}
		if errors.Is(err, kerr.GroupIDNotFound) { // nobody has joined it yet
			return 0, false, nil
		}
		if !errors.Is(err, kerr.UnstableOffsetCommit) {
			return 0, false, fmt.Errorf("read the offsets of group %s: %w", r.group, err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return 0, false, ctx.Err()
		}
	}
}
