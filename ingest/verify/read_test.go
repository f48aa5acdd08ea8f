package verify

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/ingest"
)

// TestDeletedMeanwhile: Kafka deletes what was to be read next. It is told, and reading goes on behind it.
func TestDeletedMeanwhile(t *testing.T) {
	kafka := []kgo.Opt{kgo.SeedBrokers(localtest.Kafka(t, "orders:1")...)}
	client, err := kgo.NewClient(kafka...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range 10 {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := kadm.NewClient(client).DeleteRecords(t.Context(), kadm.Offsets{"orders": {0: {Topic: "orders", At: 6}}}); err != nil {
		t.Fatal(err)
	}
	v := &verifier{cfg: &Config{Engine: ingest.Config{Kafka: kafka}}}
	var read, gone []int64
	err = v.read(t.Context(), &part{topic: "orders"}, 2, 9, func(r *kgo.Record) error {
		read = append(read, r.Offset)
		return nil
	}, func(start int64) { gone = append(gone, start) })
	if err != nil || !slices.Equal(read, []int64{6, 7, 8}) || !slices.Equal(gone, []int64{6}) || v.done.Load() != 7 {
		t.Errorf("read %v, gone %v, %d done, %v", read, gone, v.done.Load(), err)
	}
}

// TestRanges: a range ends where a record was found otherwise, or for another reason.
func TestRanges(t *testing.T) {
	r := ranges{part: &part{topic: "orders", id: 1}}
	r.found(Missing, 3, "", "")
	r.found(Missing, 7, "", "") // what lies between was not delivered
	r.found(Doubled, 8, "", "why")
	r.close(Missing)
	r.found(Missing, 9, "", "")
	r.found(Doubled, 9, "", "another")
	r.closeAll()
	var got []string
	for _, f := range r.closed {
		got = append(got, f.String())
	}
	slices.Sort(got)
	want := []string{"doubled  orders/1 offset 8: why", "doubled  orders/1 offset 9: another", "missing  orders/1 offset 9", "missing  orders/1 offsets 3–7 (2 events)"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for i := range int64(keptFindings + 5) {
		r.found(Stray, 2*i, "", "")
		r.close(Stray)
	}
	if len(r.closed) != keptFindings || r.omitted != 4+5 {
		t.Errorf("%d kept, %d omitted", len(r.closed), r.omitted)
	}
}
