package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/deploy/lookup/lookuptest"
	"github.com/afterclick/afterclick/ingest/verify"
)

// TestEnrich: what files, a topic and a database of addresses tell is in the tables, from the first event on; an address is nowhere but on
// the shop's own topic, and the receipt holds all the same.
func TestEnrich(t *testing.T) {
	for _, direct := range []bool{false, true} {
		t.Run(fmt.Sprintf("keyed by visitor=%v", direct), func(t *testing.T) {
			const address = "203.0.113.77"
			dir := t.TempDir()
			file := func(name, text string) string {
				name = filepath.Join(dir, name)
				if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				return name
			}
			settings := []string{"enrich.mmdb_file=" + lookuptest.MMDB(t, map[string]lookuptest.Place{"203.0.113.0/24": {Country: "DE", Region: "Berlin"}}),
				"enrich.customers.file=" + file("customers.csv", "customer,segment,birth_year,country,first_order\nann,gold,1984,AT,2024-05-31\n"),
				"enrich.rates.file=" + file("rates.csv", "date,currency,rate\n2020-01-01,USD,0.5\n"), "enrich.products.topic=products", "keyed_by=none"}
			if direct {
				settings[len(settings)-1] = "keyed_by=visitor"
			}
			s := siteOn(t, localtest.Kafka(t, "clickstream", "orders", "deliveries", "reviews", "products"), settings...)
			client, err := kgo.NewClient(s.kafka...)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			at := time.Now().Add(-time.Minute).UnixMilli()
			send := func(topic, key, value string) {
				t.Helper()
				value = strings.ReplaceAll(value, "AT", fmt.Sprint(at))
				if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value)}).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			send("products", "p1", `{"category":"shoes","brand":"acme","price":30}`)
			send("clickstream", "v1", `{"id":"1","type":"product","time":AT,"source":"web","visitor":"v1","customer":"ann","ip":"`+address+`","product":"p1"}`)
			send("clickstream", "v2", `{"id":"2","type":"page","time":AT,"source":"web","visitor":"v2","country":"FR","ip":"`+address+`"}`)
			send("clickstream", "v3", `{"id":"3","type":"product","time":AT,"source":"web","visitor":"v3","ip":"10.1.2.3","product":"p9"}`)
			send("clickstream", "v4", `{"id":"4","type":"page","time":AT,"source":"web","visitor":"v4","properties":{"ip":"`+address+`","x":1}}`)
			send("clickstream", "v5", `{"id":"","type":"page","time":AT,"source":"web","visitor":"v5","ip":"`+address+`"}`) // refused
			send("clickstream", "v6", `{"id":"6","ip":"`+address+``)                                                        // no JSON
			send("orders", "o1", `{"id":"5","type":"placed","time":AT,"source":"erp","order":"o1","customer":"ann","total":60,"currency":"USD","items":[{"product":"p1"}]}`)
			s.finish(t, t.TempDir())

			same := func() {
				t.Helper()
				for query, want := range map[string]string{
					"SELECT toString(groupArray((visitor, country, region, category, segment, generation, home_country))) FROM (SELECT * FROM sessions ORDER BY visitor)": "[('v1','DE','Berlin','shoes','gold','millennial','AT')," +
						"('v2','FR','unknown','','','',''),('v3','unknown','unknown','unknown','','',''),('v4','unknown','unknown','','','','')]",
					"SELECT toString((value, value_from, refund_value, segment, generation, home_country, toDate(customer_since), items.category, items.brand)) FROM journeys": "(30,'total',NULL,'gold','millennial','AT','2024-05-31',['shoes'],['acme'])",
					"SELECT toString(count()) FROM events":       "5",
					"SELECT toString(count()) FROM dead_letters": "2",
					"SELECT body FROM events WHERE id = '1'":     strings.ReplaceAll(`{"id":"1","type":"product","time":AT,"source":"web","visitor":"v1","customer":"ann","product":"p1"}`, "AT", fmt.Sprint(at)),
				} {
					if got := s.ask(t, query); got != want {
						t.Errorf("%s\n  is   %s\n  want %s", query, got, want)
					}
				}
			}
			same()
			// Nowhere, whatever the column.
			for _, table := range []string{"stored_events", "stored_dead_letters", "stored_sessions", "stored_journeys"} {
				if n := s.ask(t, "SELECT toString(countIf(toString(tuple(*)) LIKE '%"+address+"%')) FROM "+table); n != "0" {
					t.Errorf("%s has the address in %s rows", table, n)
				}
			}
			if n := s.holding(t, []byte(address)); n != 0 {
				t.Errorf("%d records of our topics have the address", n)
			}
			e, err := s.config(t, t.TempDir()).Engine()
			if err != nil {
				t.Fatal(err)
			}
			r, err := verify.Run(t.Context(), verify.Config{Engine: e, ClickHouse: s.conn, Settle: 100 * time.Millisecond})
			if err != nil || !r.Clean {
				t.Errorf("the receipt: %v %+v", err, r)
			}
			// What only the tables have is known after a rebuild, although nobody kept the address.
			s.truncate(t, 1)
			if err := s.rebuilding(t, t.TempDir(), nil, settings...).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			same()
		})
	}
}

// holding counts the records of our own topics that have some bytes in them.
func (s *site) holding(t *testing.T, bytesOf []byte) (n int) {
	t.Helper()
	client, err := kgo.NewClient(append(s.kafka, kgo.ConsumeRegex(), kgo.ConsumeTopics("^"+s.prefix+`\..*`), kgo.KeepControlRecords())...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]int64{}
	records := 0
	ends.Each(func(o kadm.ListedOffset) {
		if strings.HasPrefix(o.Topic, s.prefix+".") && o.Offset > 0 {
			left[fmt.Sprint(o.Topic, o.Partition)] = o.Offset
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for len(left) > 0 && ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			records++
			if key := fmt.Sprint(r.Topic, r.Partition); r.Offset+1 >= left[key] {
				delete(left, key)
			}
			found := bytes.Contains(r.Value, bytesOf) || bytes.Contains(r.Key, bytesOf)
			for _, h := range r.Headers {
				found = found || bytes.Contains(h.Value, bytesOf)
			}
			if found {
				n++
			}
		})
	}
	if ctx.Err() != nil || records == 0 {
		t.Fatalf("could not read our topics: %d records, left %v", records, left)
	}
	return n
}
