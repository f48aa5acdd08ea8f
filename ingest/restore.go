package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
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
	sources int // source topics that the clock waits for; 0: the machine reads its source itself
}

// restore reads the changelog of one partition, and checks that the group continues where the states end. It writes a barrier
// first and reads, committed records only, until it is past it: then it has also waited for the end of any transaction that was
// still open, of an instance that died for example.
func (r *restorer) restore(ctx context.Context, id int32) (*partition, error) {
	begin := time.Now()
	opts := append([]kgo.Opt{
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.topics.changelog: {id: kgo.NewOffset().AtStart()}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
	}, r.cfg.Kafka...)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	mark := &kgo.Record{Topic: r.topics.changelog, Partition: id, Key: []byte(barrierKey), Value: []byte(r.cfg.Instance)}
	if err := client.ProduceSync(ctx, mark).FirstErr(); err != nil {
		return nil, fmt.Errorf("write a barrier: %w", err)
	}
	store := state.New()
	pos := position{Version: positionVersion, Generation: r.cfg.Generation, Clock: clock{topics: r.sources}}
	known, done, read, told := false, false, 0, begin
	for !done {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return nil, err
		}
		if errs := fetches.Errors(); len(errs) > 0 {
			return nil, errs[0].Err
		}
		for it := fetches.RecordIter(); !it.Done(); {
			rec := it.Next()
			read++
			switch {
			case len(rec.Key) > 0 && rec.Key[0] == statePrefix:
				if rec.Value == nil {
					store.Delete(rec.Key[1:])
				} else if err := checkKept(rec.Value); err != nil {
					return nil, fmt.Errorf("offset %d: %w", rec.Offset, err)
				} else {
					store.Put(rec.Key[1:], rec.Value, keptExpires(rec.Value))
				}
			case string(rec.Key) == positionKey:
				if err := pos.unmarshal(rec.Value); err != nil {
					return nil, fmt.Errorf("offset %d: %w", rec.Offset, err)
				}
				known = true
			}
			// Not: until our barrier is read. Compaction removes it when another restore has written one after it.
			done = done || rec.Offset >= mark.Offset
		}
		if now := time.Now(); now.Sub(told) > 5*time.Second {
			told = now
			r.log.Info("restoring", "topic", r.topics.changelog, "partition", id, "records", read, "states", store.Len(),
				"of", mark.Offset, "seconds", int(now.Sub(begin).Seconds()))
		}
	}
	offset, committed, err := r.committed(ctx, client, id)
	if err != nil {
		return nil, err
	}
	switch {
	case !known && store.Len() > 0:
		return nil, fmt.Errorf("the changelog has states but no @position: it is damaged; rebuild it")
	case known && !committed:
		return nil, fmt.Errorf("the group %s has no offset for %s/%d any more, but the states end at %d: set the group's offset to that, for example with kafka-consumer-groups --reset-offsets --to-offset %d",
			r.group, r.topics.input, id, pos.Offset, pos.Offset)
	case committed && pos.Offset != offset:
		return nil, fmt.Errorf("the group %s stands at offset %d of %s/%d, but the states end at %d: somebody moved the group's offset or deleted the changelog; set the offset to %d, or start with a new group prefix",
			r.group, offset, r.topics.input, id, pos.Offset, pos.Offset)
	}
	pos.Clock.topics = r.sources
	r.metrics.Restored.Add(int64(store.Len()))
	if store.Len() > 0 {
		r.log.Info("restored", "topic", r.topics.changelog, "partition", id, "states", store.Len(), "records", read,
			"milliseconds", time.Since(begin).Milliseconds())
	}
	return newPartition(id, store, pos, time.Now()), nil
}

// committed is the group's stable offset, once no transaction that might change it is open.
func (r *restorer) committed(ctx context.Context, client *kgo.Client, id int32) (int64, bool, error) {
	all, err := kadm.NewClient(client).FetchOffsetsForTopics(kadm.RequireStable(ctx), r.group, r.topics.input)
	if err != nil {
		return 0, false, fmt.Errorf("read the offsets of group %s: %w", r.group, err)
	}
	o, ok := all.Lookup(r.topics.input, id)
	if ok && o.Err != nil {
		return 0, false, fmt.Errorf("read the offsets of group %s: %w", r.group, o.Err)
	}
	return o.At, ok && o.At >= 0, nil
}
