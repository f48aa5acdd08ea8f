package verify_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/ingest/verify"
	"github.com/afterclick/afterclick/schemas/event"
)

// packed makes lists of up to so many records of a topic that follow each other, with a broken one in every tenth list, and returns how
// many elements that are.
func packed(records []feed.Record, most int, topics ...event.Topic) (all []feed.Record, elements int) {
	open := map[event.Topic]*feed.Record{}
	counts := map[event.Topic]int{}
	lists := 0
	end := func(topic event.Topic) {
		if r := open[topic]; r != nil {
			if lists++; lists%10 == 0 {
				r.Value = append(r.Value, `,{"id":"broken"}`...)
				elements++
			}
			r.Value = append(r.Value, ']')
			all = append(all, *r)
			delete(open, topic)
		}
	}
	for _, r := range records {
		if !slices.Contains(topics, r.Topic) {
			all, elements = append(all, r), elements+1
			continue
		}
		o := open[r.Topic]
		if o == nil {
			o = &feed.Record{Topic: r.Topic, Key: r.Key, Value: []byte("[")}
			open[r.Topic], counts[r.Topic] = o, 0
		} else {
			o.Value = append(o.Value, ',')
		}
		o.Value, o.Arrival = append(o.Value, bytes.TrimSpace(r.Value)...), r.Arrival
		elements++
		if counts[r.Topic]++; counts[r.Topic] > elements%most {
			end(r.Topic)
		}
	}
	for _, topic := range topics {
		end(topic)
	}
	return all, elements
}

// TestBatches: of a record that holds several events each is in one row, and what is done to the rows of one of them is found.
func TestBatches(t *testing.T) {
	s := newSite(t, "sources=[{topic: clickstream, holds: clickstream, format: batch}, {topic: orders, holds: orders, format: batch+json}, "+
		"{topic: deliveries, holds: deliveries}, {topic: reviews, holds: reviews}]")
	lists, elements := packed(simulated(t, 4, 100), 5, event.Clickstream, event.Orders)
	s.send(t, lists)
	s.finish(t, "routes")
	all := sum(s.verify(t, nil))
	if all.UnderWay+all.Refused != int64(elements) || all.Records != int64(len(lists)) || all.Refused == 0 {
		t.Errorf("%d events in %d records are routed: %+v", elements, len(lists), all)
	}
	s.finish(t)
	r := s.verify(t, nil)
	if all = sum(r); !r.Clean || all.Delivered != int64(elements) || all.Records != int64(len(lists)) || all.UnderWay != 0 || len(r.Findings) > 0 {
		t.Fatalf("%d events in %d records: %+v %q", elements, len(lists), all, says(r))
	}
	if events, records, holes := s.number(t, "SELECT sum(events) FROM ledger"), s.number(t, "SELECT sum(records) FROM ledger"), s.number(t, "SELECT sum(holes) FROM ledger"); events != int64(elements) || records != int64(len(lists)) || holes != 0 {
		t.Errorf("the ledger says %d events in %d records, %d holes", events, records, holes)
	}
	const at = "topic = 'clickstream' AND partition = 0 AND part = 1 AND offset"
	some := func(n int) string {
		return fmt.Sprintf("(SELECT arraySort(groupUniqArray(offset))[%d] FROM events WHERE topic = 'clickstream' AND partition = 0 AND part = 1 AND status = 'accepted')", n)
	}
	one, two, three := s.number(t, "SELECT "+some(2)), s.number(t, "SELECT "+some(4)), s.number(t, "SELECT "+some(6))
	s.exec(t, fmt.Sprintf("ALTER TABLE stored_events DELETE WHERE %s = %d", at, one))
	s.exec(t, fmt.Sprintf("ALTER TABLE stored_events UPDATE body = '{}' WHERE %s = %d", at, two))
	s.exec(t, fmt.Sprintf("INSERT INTO stored_events SELECT * REPLACE (77 AS part) FROM (SELECT * FROM stored_events WHERE %s = %d)", at, three))
	s.exec(t, fmt.Sprintf("INSERT INTO stored_events SELECT * REPLACE (time + INTERVAL 3 DAY AS time) FROM (SELECT * FROM stored_events WHERE %s = %d)", at, three))
	r = s.verify(t, nil)
	want := []string{
		fmt.Sprintf("missing  clickstream/0 offset %d, machine → table: routed, at afterclick.clicks/", one),
		fmt.Sprintf("altered  clickstream/0 offset %d: the body in events is not what Kafka's record says", two),
		fmt.Sprintf("doubled  clickstream/0 offset %d: events has it under several days", three),
		fmt.Sprintf("stray  clickstream/0 offset %d: events has it, but the record has no such event", three),
	}
	got := says(r)
	for _, w := range want {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, w) }) {
			t.Errorf("%q does not say %q", got, w)
		}
	}
	if all := sum(r); len(got) != len(want) || all.Missing != 1 {
		t.Errorf("%+v %q", all, got)
	}
	// Decoded in another way it is something else, and that is said.
	r = s.verify(t, func(c *verify.Config) { c.Engine.Sources[0].Format, c.Engine.Sources[0].Source = "json", "" })
	if r.Clean || !strings.Contains(fmt.Sprint(says(r)), "clickstream/0") {
		t.Errorf("read as single events: %.300q", says(r))
	}
}
