package lookup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// topic is a compacted one: a JSON object by the id as key, a tombstone where there is no such thing any more.
type topic struct {
	name   string
	kind   kind
	to     *entries
	of     *Lookups
	client *kgo.Client
	full   bool // there were more than fit
	read   bool // to where it ended when it was loaded
}

// quiet is how long nothing must come until a topic counts as read to its end although records are missing there: compaction and
// transactions leave offsets that are never delivered.
const quiet = 3 * time.Second

// load reads the topic to where it ends now.
func (t *topic) load(ctx context.Context) error {
	if t.read {
		return nil
	}
	wrap := func(err error) error {
		return fmt.Errorf("enrich.%s.topic: read %s: %w", t.kind.name, t.name, err)
	}
	client, err := kgo.NewClient(append(t.of.cfg.Kafka[:len(t.of.cfg.Kafka):len(t.of.cfg.Kafka)], kgo.ConsumeTopics(t.name),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())...)
	if err != nil {
		return wrap(err)
	}
	t.client = client
	admin := kadm.NewClient(client)
	starts, err := admin.ListStartOffsets(ctx, t.name)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return wrap(err)
	}
	ends, err := admin.ListCommittedOffsets(ctx, t.name)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return wrap(err)
	}
	left := map[int32]int64{} // partition → where it ends
	ends.Each(func(o kadm.ListedOffset) {
		if s, ok := starts.Lookup(o.Topic, o.Partition); !ok || s.Offset < o.Offset {
			left[o.Partition] = o.Offset
		}
	})
	begin := time.Now()
	said, last := begin, begin
	records := 0
	for len(left) > 0 {
		polling, cancel := context.WithTimeout(ctx, quiet)
		fetches := client.PollFetches(polling)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, e := range fetches.Errors() {
			if !errors.Is(e.Err, context.DeadlineExceeded) {
				return wrap(e.Err)
			}
		}
		now := time.Now()
		if fetches.Empty() && now.Sub(last) >= quiet {
			break
		}
		fetches.EachRecord(func(r *kgo.Record) {
			last = now
			records++
			t.take(r)
			if end, ok := left[r.Partition]; ok && r.Offset+1 >= end {
				delete(left, r.Partition)
			}
		})
		if t.full {
			return wrap(&errFull{t.kind.name, t.to.most})
		}
		if now.Sub(said) > 5*time.Second {
			said = now
			t.of.cfg.Log.Info("reading what is known", "of", t.kind.name, "topic", t.name, "records", records, "entries", t.to.len())
		}
	}
	t.read = true
	t.of.cfg.Log.Info("read what is known", "of", t.kind.name, "topic", t.name, "records", records, "entries", t.to.len(),
		"bytes", t.to.size(), "seconds", time.Since(begin).Seconds())
	return nil
}

// follow goes on after load, until ctx ends.
func (t *topic) follow(ctx context.Context) {
	if t.client == nil {
		return
	}
	for ctx.Err() == nil {
		fetches := t.client.PollFetches(ctx)
		if fetches.IsClientClosed() || ctx.Err() != nil {
			return
		}
		for _, e := range fetches.Errors() {
			t.of.problem("topic "+t.name, e.Err)
		}
		fetches.EachRecord(t.take)
		if len(fetches.Errors()) == 0 && !t.full {
			t.of.problem("topic "+t.name, nil)
		}
		if len(fetches.Errors()) > 0 {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}
}

// take folds in a record. One that is of no use is counted and told, and what was known of its key stays.
func (t *topic) take(r *kgo.Record) {
	if r.Attrs.IsControl() {
		return
	}
	if len(r.Value) == 0 {
		t.to.remove(string(r.Key))
		return
	}
	err := error(nil)
	if len(r.Key) == 0 {
		err = errors.New("it has no key, which must be the id")
	} else {
		err = t.kind.parseJSON(t.to, string(r.Key), r.Value)
	}
	if full := (*errFull)(nil); errors.As(err, &full) {
		if !t.full {
			t.full = true
			t.of.problem("topic "+t.name, err)
			t.of.cfg.Log.Error("what is new is not taken in any more, and unknown", "topic", t.name, "error", err)
		}
		return
	}
	if err != nil {
		if n := t.of.BadRecords.Add(1); n <= 10 || n%10_000 == 0 {
			t.of.cfg.Log.Warn("a record is of no use", "topic", t.name, "partition", r.Partition, "offset", r.Offset, "so_far", n, "error", err)
		}
	}
}

func (t *topic) close() {
	if t.client != nil {
		t.client.Close()
	}
}
