package localtest

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestClickHouse(t *testing.T) {
	conn, options := ClickHouse(t)
	ctx := context.Background()
	if err := conn.Exec(ctx, "CREATE TABLE t (a UInt32, b LowCardinality(String)) ENGINE = MergeTree ORDER BY a"); err != nil {
		t.Fatal(err)
	}
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO t")
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Column(0).Append([]uint32{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if err := batch.Column(1).Append([]string{"x", "y", "x"}); err != nil {
		t.Fatal(err)
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
	var n, sum uint64
	if err := conn.QueryRow(ctx, "SELECT count(), sum(a) FROM "+options.Auth.Database+".t WHERE b = {b:String}", map[string]string{}).Scan(&n, &sum); err == nil {
		t.Fatal("a parameter without a value was accepted")
	}
	if err := conn.QueryRow(ctx, "SELECT count(), sum(a) FROM "+options.Auth.Database+".t WHERE b = ?", "x").Scan(&n, &sum); err != nil {
		t.Fatal(err)
	}
	if n != 2 || sum != 4 {
		t.Fatalf("got %d rows with the sum %d", n, sum)
	}
}

func TestDatabasesAreApart(t *testing.T) {
	a, _ := ClickHouse(t)
	b, _ := ClickHouse(t)
	ctx := context.Background()
	for _, conn := range []interface {
		Exec(context.Context, string, ...any) error
	}{a, b} {
		if err := conn.Exec(ctx, "CREATE TABLE same (x UInt8) ENGINE = MergeTree ORDER BY x"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKafka(t *testing.T) {
	brokers := Kafka(t, "clicks", "orders:1")
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics("clicks"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: "clicks", Value: []byte("x")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: "nobody-made-this", Value: []byte("x")}).FirstErr(); err == nil {
		t.Fatal("a topic was created by asking for it")
	}
	fetches := client.PollFetches(ctx)
	if n := fetches.NumRecords(); n != 1 {
		t.Fatalf("got %d records: %v", n, fetches.Err())
	}
}
