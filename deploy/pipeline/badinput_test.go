package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/local/localtest"
)

// bad is a record that must be refused.
type bad struct {
	name, topic, key, value string
	headers                 []kgo.RecordHeader
	time                    time.Time // of the Kafka record; zero: now
	reason, field           string
	says                    []string // parts of the detail
	direct                  bool     // is refused only where SESSION reads the clickstream itself
}

const (
	keptBody = 256 << 10 // bytes of a refused record that are kept
	hugeBody = 20 << 20
)

// badInputTime is when the events here happened, well before the records' own time, which the producer stamps.
var badInputTime = time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)

// fields makes an event of a good one's fields, each replaced or added as key, JSON value.
func fields(good string, replace ...string) string {
	for i := 0; i < len(replace); i += 2 {
		key := `"` + replace[i] + `":`
		at := strings.Index(good, key)
		if at < 0 {
			good = good[:len(good)-1] + "," + key + replace[i+1] + "}"
			continue
		}
		end := at + strings.IndexAny(good[at:], ",}")
		if replace[i+1] == "" {
			good = strings.TrimSuffix(good[:at], ",") + good[end:] // it is not the first
			continue
		}
		good = good[:at] + key + replace[i+1] + good[end:]
	}
	return good
}

func badRecords() []bad {
	stamp := strconv.FormatInt(badInputTime.UnixMilli(), 10)
	click := `{"id":"bad","type":"page","time":` + stamp + `,"source":"web","visitor":"v"}`
	order := `{"id":"bad","type":"placed","time":` + stamp + `,"source":"erp","order":"o"}`
	delivery := `{"id":"bad","type":"packed","time":` + stamp + `,"source":"dhl","order":"o"}`
	review := `{"id":"bad","type":"posted","time":` + stamp + `,"source":"shop","review":"r","order":"o","rating":2}`
	sourceTime := func(s string) []kgo.RecordHeader {
		return []kgo.RecordHeader{{Key: "afterclick-time", Value: []byte(s)}}
	}
	millis := func(s string) string {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			panic(err)
		}
		return strconv.FormatInt(at.UnixMilli(), 10)
	}
	all := []bad{
		{name: "broken JSON", topic: "clickstream", value: click[:len(click)-9], reason: "bad_json", says: []string{"byte", "unexpected end"}},
		{name: "text behind the object", topic: "orders", value: order + "}", reason: "bad_json", says: []string{"after top-level value"}},
		{name: "no JSON at all", topic: "reviews", value: "hello", reason: "bad_json", says: []string{"invalid character 'h'"}},
		{name: "null", topic: "reviews", value: "null", reason: "wrong_type", says: []string{"an object", "null"}},
		{name: "a list", topic: "deliveries", value: "[" + delivery + "]", reason: "wrong_type", says: []string{"an object"}},
		{name: "empty", topic: "orders", value: "", reason: "bad_json", says: []string{"empty"}},
		{name: "number for text", topic: "clickstream", value: fields(click, "visitor", "7"), reason: "wrong_type", field: "visitor", says: []string{"a string", "7"}},
		{name: "text for number", topic: "orders", value: fields(order, "total", `"12,50"`), reason: "wrong_type", field: "total", says: []string{"a number", "12,50"}},
		{name: "object for list", topic: "orders", value: fields(order, "items", `{"product":"p"}`), reason: "wrong_type", field: "items", says: []string{"a list"}},
		{name: "wrong in a list", topic: "orders", value: fields(order, "items", `[{"product":"p"},{"product":"q","price":[]}]`), reason: "wrong_type", field: "items[1].price", says: []string{"a number", "[]"}},
		{name: "a date that is none", topic: "deliveries", value: fields(delivery, "time", `"2026-02-30T00:00:00Z"`), reason: "wrong_type", field: "time", says: []string{"RFC 3339", "2026-02-30"}},
		{name: "properties that are a list", topic: "clickstream", value: fields(click, "properties", `["a"]`), reason: "wrong_type", field: "properties", says: []string{"an object"}},
		{name: "20 MB", topic: "clickstream", value: fields(click, "properties", `{"x":"`+strings.Repeat("x", hugeBody)+`"}`), reason: "too_large", says: []string{"20971", "1048576"}},
		{name: "20 MB of noise", topic: "reviews", value: strings.Repeat("x", hugeBody), reason: "too_large", says: []string{"1048576"}},
		{name: "just what is kept", topic: "orders", value: strings.Repeat("x", keptBody), reason: "bad_json", says: []string{"invalid character"}},
		{name: "a byte more than is kept", topic: "orders", value: strings.Repeat("x", keptBody+1), reason: "bad_json", says: []string{"invalid character"}},
		{name: "a key of over 256 kB", topic: "orders", key: strings.Repeat("k", keptBody+1), value: "x", reason: "bad_json", says: []string{"invalid character"}},
		{name: "the day 1970 began", topic: "clickstream", value: fields(click, "time", "0"), reason: "missing_field", field: "time", says: []string{"1970"}},
		{name: "1970", topic: "clickstream", value: fields(click, "time", `"1970-06-01T00:00:00Z"`), reason: "time_past", field: "time", says: []string{"before 2000"}},
		{name: "seconds for milliseconds", topic: "orders", value: fields(order, "time", stamp[:len(stamp)-3]), reason: "time_past", field: "time", says: []string{"seconds"}},
		{name: "microseconds for milliseconds", topic: "orders", value: fields(order, "time", stamp+"000"), reason: "time_ahead", field: "time", says: []string{"microseconds"}},
		{name: "2200", topic: "deliveries", value: fields(delivery, "time", `"2200-01-01T00:00:00Z"`), reason: "time_ahead", field: "time", says: []string{"2200", "after 2100"}},
		{name: "an hour ahead", topic: "reviews", value: fields(review, "time", strconv.FormatInt(badInputTime.Add(3*time.Hour).UnixMilli(), 10)), reason: "time_ahead", field: "time", says: []string{"more than 10m"}},
		{name: "promised for 2200", topic: "orders", value: fields(order, "promise", `"2200-01-01T00:00:00Z"`), reason: "time_ahead", field: "promise", says: []string{"2200"}},
		{name: "empty id", topic: "clickstream", value: fields(click, "id", `""`), reason: "missing_field", field: "id", says: []string{"must not be empty"}},
		{name: "no visitor", topic: "clickstream", value: fields(click, "visitor", ""), reason: "missing_field", field: "visitor", says: []string{"is required"}},
		{name: "no type", topic: "clickstream", value: fields(click, "type", `""`), reason: "missing_field", field: "type", says: []string{"is required"}},
		{name: "no source", topic: "orders", value: fields(order, "source", ""), reason: "missing_field", field: "source", says: []string{"is required"}},
		{name: "an id with a NUL", topic: "clickstream", value: fields(click, "visitor", `"a\u0000b"`), reason: "bad_value", field: "visitor", says: []string{"control characters", `a\x00b`}},
		{name: "invalid UTF-8", topic: "reviews", value: fields(review, "text", "\"caf\xe9\""), reason: "bad_json", says: []string{"UTF-8", "byte"}},
		{name: "UTF-16", topic: "reviews", value: "\xff\xfe{\x00}\x00", reason: "bad_json", says: []string{"UTF-8 from byte 0"}},
		{name: "10,000 deep", topic: "clickstream", value: fields(click, "properties", strings.Repeat(`{"a":`, 10_000)+"1"+strings.Repeat("}", 10_000)), reason: "bad_json", says: []string{"deeper than 64"}},
		{name: "10,000 lists deep, and broken", topic: "orders", value: strings.Repeat("[", 10_000), reason: "bad_json", says: []string{"deeper than 64"}},
		{name: "order without a place", topic: "orders", value: fields(order, "order", ""), reason: "unplaceable", field: "order", says: []string{"no journey can have"}},
		{name: "delivery without a place", topic: "deliveries", value: fields(delivery, "order", `""`), reason: "unplaceable", field: "order", says: []string{"no journey can have"}},
		{name: "review without a place", topic: "reviews", value: fields(review, "review", ""), reason: "unplaceable", field: "review", says: []string{"no journey can have"}},
		{name: "unknown order type", topic: "orders", value: fields(order, "type", `"plaiced"`), reason: "unknown_type", field: "type", says: []string{"plaiced", "placed, paid"}},
		{name: "unknown delivery type", topic: "deliveries", value: fields(delivery, "type", `"lost"`), reason: "unknown_type", field: "type", says: []string{"lost", "exception"}},
		{name: "unknown review type", topic: "reviews", value: fields(review, "type", `"liked"`), reason: "unknown_type", field: "type", says: []string{"liked", "mention"}},
		{name: "a click in the orders", topic: "orders", value: click, reason: "unknown_type", field: "type", says: []string{"page"}},
		{name: "rating off its scale", topic: "reviews", value: fields(review, "rating", "11"), reason: "bad_value", field: "rating", says: []string{"1", "11"}},
		{name: "header that is no number", topic: "clickstream", value: click, headers: sourceTime("yesterday"), reason: "bad_value", field: "header afterclick-time", says: []string{"yesterday", "milliseconds"}},
		{name: "header that is empty", topic: "orders", value: order, headers: sourceTime(""), reason: "bad_value", field: "header afterclick-time", says: []string{"milliseconds"}},
		{name: "header in 1970", topic: "orders", value: order, headers: sourceTime(millis("1970-06-01")), reason: "bad_value", field: "header afterclick-time", says: []string{"1970", "2000"}},
		{name: "header in 2200", topic: "clickstream", value: click, headers: sourceTime(millis("2200-01-01")), reason: "bad_value", field: "header afterclick-time", says: []string{"2200", "2100"}},
		{name: "header before all time", topic: "reviews", value: review, headers: sourceTime("-9223372036854775808"), reason: "bad_value", field: "header afterclick-time"},
		{name: "header after all time", topic: "deliveries", value: delivery, headers: sourceTime("9223372036854775807"), reason: "bad_value", field: "header afterclick-time"},
		{name: "Kafka says 2200", topic: "orders", value: order, time: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), reason: "time_ahead", field: "source time", says: []string{"2200", "producer's clock"}},
		{name: "Kafka says 1970", topic: "orders", value: order, time: time.Date(1970, 6, 1, 0, 0, 0, 0, time.UTC), reason: "time_ahead", field: "time", says: []string{"1970"}},
		{name: "key that is not the visitor", topic: "clickstream", key: "somebody else", value: click, reason: "wrong_key", field: "visitor", says: []string{"somebody else", `"v"`, "keyed_by"}, direct: true},
		{name: "no key", topic: "clickstream", key: "-", value: click, reason: "wrong_key", field: "visitor", says: []string{"keyed_by"}, direct: true},
	}
	for i := range all {
		if all[i].key == "" && all[i].topic == "clickstream" {
			all[i].key = "v"
		}
	}
	return all
}

// Every bad record becomes a row and a record that say what is wrong with it, and everything around it comes through.
func TestBadInputIsSetAside(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		settings []string
		direct   bool
	}{
		{"routed", nil, false},
		{"keyed by visitor", []string{"keyed_by=visitor"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := siteOn(t, localtest.Kafka(t, "clickstream:1", "orders:1", "deliveries:1", "reviews:1"), append(c.settings, "epoch.records=7")...)
			client, err := kgo.NewClient(append(s.kafka, kgo.ProducerBatchMaxBytes(32<<20), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
				kgo.BrokerMaxWriteBytes(64<<20), kgo.ProducerBatchCompression(kgo.NoCompression()))...)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			large := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: kadm.StringPtr(strconv.Itoa(32 << 20))}}
			if _, err := kadm.NewClient(client).AlterTopicConfigs(t.Context(), large, "clickstream", "orders", "deliveries", "reviews"); err != nil {
				t.Fatal(err)
			}
			goods := map[string]int{}
			send := func(r *kgo.Record) *kgo.Record {
				t.Helper()
				if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
					t.Fatalf("send %.100s: %v", r.Value, err)
				}
				return r
			}
			good := func(topic string) {
				t.Helper()
				goods[topic]++
				id := fmt.Sprintf("%s-%d", topic, goods[topic])
				head := fmt.Sprintf(`{"id":"%s","time":%d,"source":"test",`, id, badInputTime.UnixMilli())
				body := map[string]string{
					"clickstream": `"type":"page","visitor":"%s"}`, "orders": `"type":"placed","order":"%s"}`,
					"deliveries": `"type":"packed","order":"%s"}`, "reviews": `"type":"posted","review":"%[1]s","order":"%[1]s","rating":5}`,
				}[topic]
				send(&kgo.Record{Topic: topic, Key: []byte(id), Value: []byte(head + fmt.Sprintf(body, id))})
			}
			i := s.start(t, t.TempDir())
			var sent []*kgo.Record
			var want []bad
			for _, b := range badRecords() {
				if b.direct && !c.direct {
					continue
				}
				good(b.topic)
				key := []byte(b.key)
				if b.key == "-" {
					key = nil
				}
				sent = append(sent, send(&kgo.Record{Topic: b.topic, Key: key, Value: []byte(b.value), Headers: b.headers, Timestamp: b.time}))
				want = append(want, b)
				good(b.topic)
			}
			i.settle(t)
			// Now the clocks are known: what is older than they remember is late.
			late := badInputTime.Add(-30 * time.Hour).UnixMilli()
			send(&kgo.Record{Topic: "clickstream", Key: []byte("slow"),
				Value: fmt.Appendf(nil, `{"id":"late","type":"page","time":%d,"source":"test","visitor":"slow"}`, late)})
			late = badInputTime.AddDate(0, 0, -401).UnixMilli()
			send(&kgo.Record{Topic: "orders", Value: fmt.Appendf(nil, `{"id":"late-order","type":"placed","time":%d,"source":"test","order":"slow"}`, late)})
			good("clickstream")
			good("orders")
			i.settle(t)

			s.checkDeadLetters(t, sent, want)
			for topic, n := range goods {
				if got := s.ask(t, "SELECT toString((countIf(status = 'accepted'), uniqExactIf(id, status = 'accepted'))) FROM events WHERE topic = ?", topic); got != fmt.Sprintf("(%d,%d)", n, n) {
					t.Errorf("%s: %s good events came through, %d were sent", topic, got, n)
				}
			}
			if got := s.ask(t, "SELECT arrayStringConcat(arraySort(groupArray(id)), ' ') FROM events WHERE status = 'late'"); got != "late late-order" {
				t.Errorf("late are %q", got)
			}
			if got := s.ask(t, "SELECT toString((SELECT count() FROM sessions)) || ' ' || toString((SELECT count() FROM journeys WHERE placed IS NOT NULL)) || ' ' || toString((SELECT count() FROM reviews))"); got != fmt.Sprintf("%d %d %d", goods["clickstream"], goods["orders"], goods["reviews"]) {
				t.Errorf("sessions, orders, reviews are %s of %v", got, goods)
			}
			if n := i.Engine.Metrics.Restarts.Load(); n != 0 {
				t.Errorf("%d lanes stopped", n)
			}
			if n := i.Engine.Metrics.Refused.Load(); n != int64(len(want)) {
				t.Errorf("%d are counted as refused, %d were", n, len(want))
			}
			if n := i.Engine.Metrics.WrongKeys.Load(); (n == 2) != c.direct {
				t.Errorf("%d are counted as wrong keys", n)
			}
			i.stop(t)
		})
	}
}

// checkDeadLetters compares the rows and the topic of dead letters with what was sent.
func (s *site) checkDeadLetters(t *testing.T, sent []*kgo.Record, want []bad) {
	t.Helper()
	type place struct {
		topic  string
		offset int64
	}
	onTopic := map[place]*kgo.Record{}
	reader, err := kgo.NewClient(append(s.kafka, kgo.ConsumeTopics("afterclick.deadletters"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	text := func(r *kgo.Record, key string) string {
		for _, h := range r.Headers {
			if h.Key == key {
				return string(h.Value)
			}
		}
		return "no header " + key
	}
	for len(onTopic) < len(sent) && ctx.Err() == nil {
		reader.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			n, _ := strconv.ParseInt(text(r, "offset"), 10, 64)
			at := place{text(r, "topic"), n}
			if onTopic[at] != nil {
				t.Errorf("two dead letters of %v", at)
			}
			onTopic[at] = r
		})
	}
	if n := s.ask(t, "SELECT toString(count()) FROM dead_letters"); n != strconv.Itoa(len(sent)) || len(onTopic) != len(sent) {
		t.Errorf("%s rows and %d records of %d bad ones", n, len(onTopic), len(sent))
	}
	for i, r := range sent {
		b := want[i]
		body, key := r.Value, r.Key
		if len(body) > keptBody {
			body = nil
		}
		if len(key) > keptBody {
			key = nil
		}
		hash := xxhash.Sum64(r.Value)
		var row struct {
			Partition                        int32
			SourceTime                       time.Time
			Reason, Field, Detail, Key, Body string
			Size, Hash                       uint64
		}
		err := s.conn.QueryRow(t.Context(), "SELECT partition, source_time, reason, field, detail, key, body, size, hash FROM dead_letters WHERE topic = ? AND offset = ?", r.Topic, r.Offset).
			Scan(&row.Partition, &row.SourceTime, &row.Reason, &row.Field, &row.Detail, &row.Key, &row.Body, &row.Size, &row.Hash)
		if err != nil {
			t.Errorf("%s: no dead letter: %v", b.name, err)
			continue
		}
		if row.Reason != b.reason || row.Field != b.field {
			t.Errorf("%s: refused for %s in %q, want %s in %q: %s", b.name, row.Reason, row.Field, b.reason, b.field, row.Detail)
		}
		for _, says := range b.says {
			if !strings.Contains(row.Detail, says) {
				t.Errorf("%s: %q does not say %q", b.name, row.Detail, says)
			}
		}
		if len(row.Detail) < 10 || len(row.Detail) > 500 {
			t.Errorf("%s: a detail of %d bytes", b.name, len(row.Detail))
		}
		if row.Partition != r.Partition || row.Key != string(key) || row.Body != string(body) || row.Size != uint64(len(r.Value)) || row.Hash != hash {
			t.Errorf("%s: the row has partition %d, %d bytes of key, %d bytes of body, size %d, hash %d", b.name, row.Partition, len(row.Key), len(row.Body), row.Size, row.Hash)
		}
		if !row.SourceTime.Equal(r.Timestamp.Truncate(time.Millisecond)) {
			t.Errorf("%s: the row has the time %s, the record %s", b.name, row.SourceTime, r.Timestamp)
		}
		d := onTopic[place{r.Topic, r.Offset}]
		if d == nil {
			t.Errorf("%s: is not on the topic", b.name)
			continue
		}
		for key, value := range map[string]string{"reason": row.Reason, "field": row.Field, "detail": row.Detail, "partition": strconv.Itoa(int(r.Partition)),
			"time": r.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z"), "size": strconv.Itoa(len(r.Value)), "xxhash64": strconv.FormatUint(hash, 16)} {
			if got := text(d, key); got != value {
				t.Errorf("%s: on the topic %s is %q, want %q", b.name, key, got, value)
			}
		}
		if !bytes.Equal(d.Key, key) || !bytes.Equal(d.Value, body) {
			t.Errorf("%s: on the topic are %d bytes of key, %d of body", b.name, len(d.Key), len(d.Value))
		}
	}
}

// What is just allowed must come through, however it grows on its way: a record with its origin, or a state with all its texts.
func TestLargestEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t, "epoch.records=50")
	client, err := kgo.NewClient(append(s.kafka, kgo.ProducerBatchMaxBytes(32<<20), kgo.BrokerMaxWriteBytes(64<<20))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	large := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: kadm.StringPtr(strconv.Itoa(32 << 20))}}
	if _, err := kadm.NewClient(client).AlterTopicConfigs(t.Context(), large, "clickstream", "orders", "deliveries", "reviews"); err != nil {
		t.Fatal(err)
	}
	n := 0
	noise := rand.NewChaCha8([32]byte{1})
	send := func(topic, format string, size int) {
		t.Helper()
		n++
		head := fmt.Sprintf(format, n, badInputTime.UnixMilli())
		// Letters that do not compress well.
		fill := make([]byte, size-len(head)+2)
		noise.Read(fill)
		for i := range fill {
			fill[i] = 'a' + fill[i]%26
		}
		value := strings.Replace(head, "%s", string(fill), 1)
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: fmt.Append(nil, n), Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	const allowed = 1 << 20
	for _, topic := range []string{"clickstream", "orders", "deliveries", "reviews"} {
		types := map[string]string{"clickstream": "page", "orders": "placed", "deliveries": "packed", "reviews": "posted"}
		for range 3 {
			send(topic, `{"id":"%d","time":%d,"type":"`+types[topic]+`","source":"s","visitor":"v","order":"o","review":"r","rating":5,"properties":{"x":"%%s"}}`, allowed)
		}
	}
	for i := range 60 { // an order that everybody writes about at length
		send("reviews", fmt.Sprintf(`{"id":"%%d","time":%%d,"type":"posted","source":"s","order":"much","review":"r%d","rating":1,"text":"%%%%s"}`, i), 127<<10)
	}
	i := s.start(t, t.TempDir())
	i.settle(t)
	if got := s.ask(t, "SELECT toString((count(), countIf(status = 'accepted'))) FROM events"); got != fmt.Sprintf("(%d,%[1]d)", n) {
		t.Errorf("events, accepted are %s of %d", got, n)
	}
	if n := i.Engine.Metrics.Restarts.Load(); n != 0 {
		t.Errorf("%d lanes stopped", n)
	}
	if n := s.ask(t, "SELECT toString(count()) FROM dead_letters"); n != "0" {
		t.Errorf("%s dead letters, for example %s", n, s.ask(t, "SELECT any(detail) FROM dead_letters"))
	}
	t.Logf("%s reviews of the order are told", s.ask(t, `SELECT toString(count()) FROM reviews WHERE "order" = 'much'`))
}
