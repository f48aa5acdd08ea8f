package pipeline_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/local/kafkatest"
	"github.com/afterclick/afterclick/ingest"
	"github.com/afterclick/afterclick/processors/oracle"
	"github.com/afterclick/afterclick/schemas/event"
)

// A shop that writes in transactions, of which some are aborted and one is never ended, while the only instance is killed again and
// again: markers and what was aborted leave holes in the offsets, on both sides of the router, and none of them is a loss. What is
// deleted by hand is named by its offsets, across such holes.
func TestKafkaReceipt(t *testing.T) {
	t.Parallel()
	binary := build(t)
	s := siteBeside(t, realKafka(t, kafkatest.Start(t, 1, kafkatest.Set("transaction.abort.timed.out.transaction.cleanup.interval.ms", "500"))))
	records := simulated(t, 9, 12, 150)
	dir := t.TempDir()
	k := s.keep(binary, dir)
	defer k.stop(t)
	shop := func(id string) *kgo.Client {
		client, err := kgo.NewClient(append([]kgo.Opt{kgo.TransactionalID(id), kgo.TransactionTimeout(2 * time.Second),
			kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil))}, s.kafka...)...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		return client
	}
	client, dead := shop("shop"), shop("dead")
	write := func(c *kgo.Client, from, to int) {
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		var batch []*kgo.Record
		for _, r := range records[from:to] {
			batch = append(batch, &kgo.Record{Topic: s.topics(r.Topic), Key: r.Key, Value: r.Value,
				Headers: []kgo.RecordHeader{{Key: ingest.TimeHeader, Value: fmt.Append(nil, int64(r.Arrival))}}})
		}
		if err := c.ProduceSync(t.Context(), batch...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	end := func(how kgo.TransactionEndTry) {
		if err := client.EndTransaction(context.Background(), how); err != nil {
			t.Fatal(err)
		}
	}
	const chunk = 800
	for n, from := 0, 0; from < len(records); n, from = n+1, from+chunk {
		to := min(from+chunk, len(records))
		if n%3 == 0 {
			write(client, from, to)
			end(kgo.TryAbort)
		}
		if n == 3 {
			write(dead, from, to) // and it is never heard of again
		}
		write(client, from, to)
		end(kgo.TryCommit)
		if n%4 == 3 {
			time.Sleep(1500 * time.Millisecond)
			k.kill()
		}
	}
	s.wait(t, 1)
	k.kill()
	k.stop(t)
	if len(k.wrong) > 0 || k.killed < 2 {
		t.Errorf("%d kills, %v", k.killed, k.wrong)
	}
	s.finish(t, dir)
	s.expect(t, oracle.Of(oracle.Default, decoded(t, records)))
	s.expectRouted(t)
	all := s.balance(t, binary)
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), s.topics(event.Clickstream), s.topics(event.Orders), s.topics(event.Deliveries), s.topics(event.Reviews))
	if err != nil {
		t.Fatal(err)
	}
	offsets := int64(0)
	ends.Each(func(o kadm.ListedOffset) { offsets += o.Offset })
	if all.Delivered != int64(len(records)) || offsets < all.Delivered+int64(len(records))/4 {
		t.Errorf("%d records of %d offsets were compared, %d were written: there must be holes, and no more records than that", all.Delivered, offsets, len(records))
	}

	// The records on both sides of a hole are deleted, and one far from it is doubled.
	topic := s.topics(event.Clickstream)
	var at []int64
	for line := range strings.Lines(s.ask(t, "SELECT arrayStringConcat(arraySort(groupArray(toString(offset))), '\n') FROM events WHERE topic = '"+topic+"' AND partition = 1")) {
		var offset int64
		fmt.Sscan(line, &offset)
		at = append(at, offset)
	}
	slices.Sort(at)
	hole := 10
	for at[hole+1] == at[hole]+1 {
		hole++
	}
	from, to, twice := at[hole-2], at[hole+3], at[len(at)-2]
	for _, statement := range []string{
		fmt.Sprintf("ALTER TABLE stored_events DELETE WHERE topic = '%s' AND partition = 1 AND offset BETWEEN %d AND %d SETTINGS mutations_sync = 2", topic, from, to),
		fmt.Sprintf("INSERT INTO stored_events SELECT * REPLACE(time + INTERVAL 3 DAY AS time) FROM (SELECT * FROM stored_events FINAL WHERE topic = '%s' AND partition = 1 AND offset = %d)", topic, twice),
	} {
		if err := s.conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	code, r := s.verified(t, binary)
	var says []string
	for _, f := range r.Findings {
		says = append(says, f.String())
	}
	if code != 1 || len(says) != 2 || !strings.HasPrefix(says[0], fmt.Sprintf("missing  %s/1 offsets %d–%d (6 events), machine → table", topic, from, to)) ||
		!strings.HasPrefix(says[1], fmt.Sprintf("doubled  %s/1 offset %d", topic, twice)) {
		t.Errorf("exit code %d, deleted %d–%d, doubled %d: %q", code, from, to, twice, says)
	}
	t.Logf("%d records in %d offsets, %d kills, %v", all.Delivered, offsets, k.killed, says)
}
