package local

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func kafka(t testing.TB, dir string, topics ...Topic) *Kafka {
	t.Helper()
	k, err := StartKafka(context.Background(), KafkaConfig{Dir: dir, Topics: topics})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func client(t testing.TB, address string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner())}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseAllowingRebalance)
	return c
}

// committed reads what a read-committed consumer sees, by partition, to the end that the log had at the beginning.
func committed(t testing.TB, address, topic string) map[int32][]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ends, err := kadm.NewClient(client(t, address)).ListCommittedOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, address, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	out, left := map[int32][]string{}, map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	for len(left) > 0 {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("read %s: %v; the ends that were not reached: %v", topic, err, left)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				out[r.Partition] = append(out[r.Partition], string(r.Value))
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return out
}

func TestKafkaKeepsTransactions(t *testing.T) {
	dir := t.TempDir()
	topic := Topic{Name: "t", Partitions: 3, Configs: map[string]string{"cleanup.policy": "compact"}}
	k := kafka(t, dir, topic)
	ctx := context.Background()
	producer := client(t, k.Address, kgo.TransactionalID("tx"))
	write := func(value string, commit bool) {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for p := range topic.Partitions {
			if err := producer.ProduceSync(ctx, &kgo.Record{Topic: "t", Partition: p, Key: []byte(value), Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := producer.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
			t.Fatal(err)
		}
	}
	write("a", true)
	write("b", false)
	write("c", true)
	if err := producer.ProduceSync(ctx, &kgo.Record{Topic: "nobody-made-this", Value: []byte("x")}).FirstErr(); err == nil {
		t.Error("a topic was made by asking for it")
	}
	producer.Close()
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}

	// The second start finds the data, makes the topic that is new, and takes a fixed port.
	address := k.Address
	k, err := StartKafka(ctx, KafkaConfig{Dir: dir, Address: address, Topics: []Topic{topic, {Name: "u", Partitions: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if k.Address != address {
		t.Errorf("listens on %s, asked for %s", k.Address, address)
	}
	got := committed(t, k.Address, "t")
	for p := range topic.Partitions {
		if !slices.Equal(got[p], []string{"a", "c"}) {
			t.Errorf("partition %d: %v", p, got[p])
		}
	}
	if err := client(t, k.Address).ProduceSync(ctx, &kgo.Record{Topic: "u", Value: []byte("x")}).FirstErr(); err != nil {
		t.Error(err)
	}
}

// crashTopics are what the killed Kafka of TestKafkaSurvivesKill holds.
var crashTopics = []Topic{{Name: "in", Partitions: 1}, {Name: "out", Partitions: 24}, {Name: "state", Partitions: 8, Configs: map[string]string{"cleanup.policy": "compact"}}}

// TestKafkaSurvivesKill runs what a lane does (read, write to many partitions, commit the offsets with it) against a
// Kafka in another process that is killed in the middle, again and again on the same data, and once in between closed
// in order. Afterwards every transaction must be there in all partitions and in the group's offset, or nowhere, and
// every one that was acknowledged must be there.
func TestKafkaSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	rounds := 5
	if testing.Short() {
		rounds = 3
	}
	random := rand.New(rand.NewPCG(1, 2))
	acknowledged := -1
	for round := range rounds {
		cmd, address := spawn(t, "kafka", dir)
		feed := client(t, address)
		for i := range 2000 {
			feed.Produce(context.Background(), &kgo.Record{Topic: "in", Value: []byte(strconv.Itoa(i))}, nil)
		}
		if err := feed.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		feed.Close()
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Duration(400+random.IntN(600))*time.Millisecond, func() {
			cmd.Process.Kill() // SIGKILL
			cmd.Wait()
			cancel()
		})
		acknowledged = max(acknowledged, lane(t, ctx, address))
		cancel()

		k := kafka(t, dir)
		checkLane(t, k.Address, acknowledged, round)
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			return
		}
	}
	if acknowledged < 10*rounds {
		t.Errorf("only %d transactions were acknowledged: this tested little", acknowledged)
	}
}

// lane copies records of "in" to every partition of "out" and "state" until Kafka dies, and returns the offset of the
// last record whose transaction was acknowledged.
func lane(t testing.TB, ctx context.Context, address string) (last int) {
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(address), kgo.TransactionalID("lane"), kgo.ConsumerGroup("g"),
		kgo.ConsumeTopics("in"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.RetryTimeout(time.Second), kgo.RecordDeliveryTimeout(time.Second), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		session.Client().LeaveGroupContext(gone)
		session.Client().CloseAllowingRebalance()
	}()
	last = -1
	for ctx.Err() == nil {
		fetches := session.PollRecords(ctx, 1)
		if fetches.NumRecords() == 0 {
			continue
		}
		record := fetches.Records()[0]
		if err := session.Begin(); err != nil {
			return last
		}
		for _, topic := range crashTopics[1:] {
			for p := range topic.Partitions {
				session.Produce(ctx, &kgo.Record{Topic: topic.Name, Partition: p, Key: []byte(fmt.Sprint(record.Offset % 5)), Value: []byte(fmt.Sprint(record.Offset))}, nil)
			}
		}
		committed, err := session.End(ctx, kgo.TryCommit)
		if err != nil {
			return last
		}
		if committed {
			last = int(record.Offset)
		}
	}
	return last
}

// checkLane holds the partitions, the group's offset and the acknowledgements against each other.
func checkLane(t testing.TB, address string, acknowledged, round int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	offsets, err := kadm.NewClient(client(t, address)).FetchOffsets(ctx, "g")
	if err != nil {
		t.Fatal(err)
	}
	done := -1
	if o, ok := offsets.Lookup("in", 0); ok {
		done = int(o.At) - 1
	}
	if done < acknowledged {
		t.Errorf("round %d: offset %d was acknowledged, the group is at %d", round, acknowledged, done)
	}
	out := committed(t, address, "out")
	for p := range crashTopics[1].Partitions {
		values := out[p]
		if len(values) != done+1 || done >= 0 && values[done] != strconv.Itoa(done) {
			t.Errorf("round %d: out/%d holds %d records, the last %v; the group is at %d", round, p, len(values), values[max(0, len(values)-3):], done)
		}
		for i, v := range values {
			if v != strconv.Itoa(i) {
				t.Errorf("round %d: out/%d: %s at place %d", round, p, v, i)
				break
			}
		}
	}
	for p, values := range committed(t, address, "state") {
		if done >= 0 && values[len(values)-1] != strconv.Itoa(done) {
			t.Errorf("round %d: state/%d ends with %s, the group is at %d", round, p, values[len(values)-1], done)
		}
	}
}

func TestKafkaAddressTaken(t *testing.T) {
	k := kafka(t, "")
	defer k.Close()
	if _, err := StartKafka(context.Background(), KafkaConfig{Address: k.Address}); err == nil {
		t.Error("two listen on one port")
	}
	if _, err := StartKafka(context.Background(), KafkaConfig{Address: "0.0.0.0:0"}); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("listens for other machines: %v", err)
	}
}

// TestKafkaTakesBackHalfACommit kills a broker, as the files say, after the markers of a commit and before its end.
func TestKafkaTakesBackHalfACommit(t *testing.T) {
	dir := t.TempDir()
	cmd, address := spawn(t, "kafka", dir)
	ctx := context.Background()
	producer := client(t, address, kgo.TransactionalID("tx"))
	for _, value := range []string{"a", "b"} {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for p := range crashTopics[1].Partitions {
			if err := producer.ProduceSync(ctx, &kgo.Record{Topic: "out", Partition: p, Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := producer.EndTransaction(ctx, kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	}
	producer.Close()
	cmd.Process.Kill()
	cmd.Wait()
	raw, err := os.ReadFile(filepath.Join(dir, intentFile))
	if err != nil {
		t.Fatal(err)
	}
	last := parseIntent(raw)
	if last == nil || !ended(dir, last) {
		t.Fatalf("the commit of b is not noted as ended: %+v", last)
	}
	if err := os.Truncate(filepath.Join(dir, "pids.log"), last.pidsSize); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second start finds a folder that was closed in order
		k := kafka(t, dir)
		for p, values := range committed(t, k.Address, "out") {
			if !slices.Equal(values, []string{"a"}) {
				t.Errorf("partition %d: %v", p, values)
			}
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
