package pipeline_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"golang.org/x/text/language"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/ingest/verify"
	"github.com/afterclick/afterclick/processors/oracle"
	"github.com/afterclick/afterclick/schemas/event"
)

// Schemas of a shop that writes Avro. Orders have two, because schemas change.
const (
	avroClick = `{"type":"record","name":"Click","fields":[{"name":"id","type":"string"},{"name":"type","type":"string"},
		{"name":"time","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"source","type":"string"},{"name":"visitor","type":"string"},
		{"name":"customer","type":["null","string"],"default":null},{"name":"session","type":["null","string"],"default":null},
		{"name":"url","type":["null","string"],"default":null},{"name":"referrer","type":["null","string"],"default":null},
		{"name":"user_agent","type":["null","string"],"default":null},{"name":"country","type":["null","string"],"default":null},
		{"name":"product","type":["null","string"],"default":null},{"name":"order","type":["null","string"],"default":null},
		{"name":"step","type":["null","string"],"default":null},{"name":"value","type":["null","double"],"default":null},
		{"name":"currency","type":["null","string"],"default":null}]}`
	avroItem = `{"type":"record","name":"Item","fields":[{"name":"product","type":"string"},{"name":"category","type":["null","string"],"default":null},
		{"name":"brand","type":["null","string"],"default":null},{"name":"seller","type":["null","string"],"default":null},
		{"name":"quantity","type":"double","default":1},{"name":"price","type":"double"}]}`
	avroOrder = `{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"type","type":{"type":"enum","name":"Type","symbols":
		["placed","paid","promised","warranty_added","cancelled","return_requested","returned","refunded","replacement_sent"]}},
		{"name":"time","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"source","type":"string"},{"name":"order","type":"string"},
		{"name":"customer","type":["null","string"],"default":null},{"name":"visitor","type":["null","string"],"default":null},
		{"name":"channel","type":["null","string"],"default":null},{"name":"items","type":{"type":"array","items":"Item"},"default":[]},
		{"name":"total","type":"double","default":0},{"name":"currency","type":["null","string"],"default":null},
		{"name":"promise","type":["null",{"type":"long","logicalType":"timestamp-millis"}],"default":null},
		{"name":"warehouse","type":["null","string"],"default":null},{"name":"country","type":["null","string"],"default":null},
		{"name":"region","type":["null","string"],"default":null},{"name":"amount","type":"double","default":0},
		{"name":"reason","type":["null","string"],"default":null}%s]}`
)

// avroWriter writes events as a serializer of a schema registry does.
type avroWriter struct {
	id     uint32
	schema *avro.Schema
}

func (w avroWriter) write(t *testing.T, value []byte) []byte {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(value, &fields); err != nil {
		t.Fatal(err)
	}
	delete(fields, "properties")
	out, err := w.schema.AppendEncode(binary.BigEndian.AppendUint32([]byte{0}, w.id), fields)
	if err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	return out
}

// webhooks is what AfterShip tells of an order's parcel: more with every webhook.
type webhooks struct {
	msg         map[string]any
	checkpoints []map[string]any
	estimate    event.Time
}

// aftershipTags are tags and subtags; of exceptions, by kind.
var aftershipTags = map[string][2]string{
	"packed": {"InfoReceived", "InfoReceived_001"}, "handed_over": {"InTransit", "InTransit_002"}, "in_transit": {"InTransit", "InTransit_003"},
	"out_for_delivery": {"OutForDelivery", "OutForDelivery_001"}, "attempted": {"AttemptFail", "AttemptFail_002"}, "delivered": {"Delivered", "Delivered_001"},
	"late": {"Exception", "Exception_005"}, "lost": {"Exception", "Exception_013"}, "damaged": {"Exception", "Exception_012"}, "refused": {"Exception", "Exception_003"},
}

func (w *webhooks) tell(t *testing.T, d *event.Delivery) []byte {
	t.Helper()
	set := func(key, value string) {
		if value != "" {
			w.msg[key] = value
		}
	}
	w.msg["order_number"] = string(d.Order)
	set("destination_state", d.Region)
	if d.Country != "" {
		set("destination_country_region", language.MustParseRegion(d.Country).ISO3())
	}
	w.msg["updated_at"] = d.Time.String()
	name := "tracking_update"
	if d.Type == event.EstimateChanged {
		name, w.estimate = "edd_revise", d.Estimate
		w.msg["latest_estimated_delivery"] = map[string]any{"type": "specific", "source": "carrier", "datetime": d.Estimate.String()}
	} else {
		word := string(d.Type)
		if d.Type == event.Exception {
			word = d.Exception
		}
		tag := aftershipTags[word]
		w.msg["tag"], w.msg["subtag"] = tag[0], tag[1]
		w.checkpoints = append(w.checkpoints, map[string]any{"checkpoint_time": d.Time.String(), "created_at": d.Time.String(), "tag": tag[0], "subtag": tag[1],
			"message": d.Reason, "slug": w.msg["slug"]})
	}
	w.msg["checkpoints"] = w.checkpoints
	body, err := json.Marshal(map[string]any{"event": name, "event_id": d.ID, "ts": d.Time / 1000, "msg": w.msg})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestCarriersAndSchemas: clicks and orders come as Avro, under a registry that is away at first, and deliveries as AfterShip's webhooks,
// each of which repeats all that was told before. The tables are what the oracle makes of the events that the shop meant.
func TestCarriersAndSchemas(t *testing.T) {
	t.Parallel()
	f := srfake.New(srfake.WithAuth("Basic " + base64.StdEncoding.EncodeToString([]byte("shop:"+password))))
	defer f.Close()
	var asked atomic.Int32
	f.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		if asked.Add(1) > 6 {
			return false
		}
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return true
	})
	var cache avro.SchemaCache
	parse := func(text string) *avro.Schema {
		s, err := cache.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	item := sr.Schema{Schema: avroItem}
	parse(avroItem)
	f.SeedSchema("item", 1, 1, item)
	clicks := avroWriter{2, parse(avroClick)}
	f.SeedSchema("clickstream-value", 1, 2, sr.Schema{Schema: avroClick})
	var orders []avroWriter
	for i, more := range []string{"", `,{"name":"gift_wrap","type":"boolean","default":false}`} {
		text := strings.Replace(fmt.Sprintf(avroOrder, more), `"Order"`, fmt.Sprintf(`"Order%d"`, i), 1)
		text = strings.Replace(text, `"Type"`, fmt.Sprintf(`"Type%d"`, i), 1)
		orders = append(orders, avroWriter{uint32(3 + i), parse(text)})
		f.SeedSchema("orders-value", 1+i, 3+i, sr.Schema{Schema: text, References: []sr.SchemaReference{{Name: "Item", Subject: "item", Version: 1}}})
	}

	var sent []feed.Record
	var meant []*event.Event
	parcels := map[event.OrderID]*webhooks{}
	told := 0 // events that the records say
	records := simulated(t, 6, 12, 150)
	all := decoded(t, records)
	for _, e := range all {
		if d := e.Delivery; d != nil && d.Tracking != "" && parcels[d.Order] == nil {
			parcels[d.Order] = &webhooks{msg: map[string]any{"slug": d.Carrier, "tracking_number": d.Tracking}}
		}
	}
	for i, e := range all {
		r := records[i]
		switch e.Topic {
		case event.Clickstream:
			r.Value = clicks.write(t, r.Value)
		case event.Orders:
			r.Value = orders[i%2].write(t, r.Value)
		case event.Deliveries:
			if e.Delivery.Type == event.Confirmed {
				continue // by the customer: no carrier knows
			}
			w := parcels[e.Delivery.Order]
			if w == nil {
				continue // it was only packed yet: AfterShip has no number to track
			}
			e.Delivery.Warehouse = "" // no carrier knows that, either
			e.Delivery.Carrier, e.Delivery.Tracking = w.msg["slug"].(string), w.msg["tracking_number"].(string)
			r.Value = w.tell(t, e.Delivery)
			told += len(w.checkpoints) - 1 // and one below
			switch estimated := w.estimate != 0 && w.msg["tag"] != "Delivered"; {
			case estimated && e.Delivery.Type == event.EstimateChanged:
				told++
			case estimated: // what was estimated is said again
				told++
				again := *e.Delivery
				again.ID, again.Type, again.Exception, again.Estimate = again.ID+"-estimate", event.EstimateChanged, "", w.estimate
				meant = append(meant, &event.Event{Topic: event.Deliveries, Delivery: &again})
			}
		}
		told++
		sent, meant = append(sent, r), append(meant, e)
	}
	want := oracle.Of(oracle.Default, meant)

	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	registry := "registry: {url: '" + f.URL() + "', user: shop, password_file: '" + file + "'}"
	s := newSite(t, "sources=[{topic: clickstream, holds: clickstream, format: avro, "+registry+"}, {topic: orders, holds: orders, format: avro+json, "+registry+
		"}, {topic: deliveries, holds: deliveries, format: aftership, fields: {order: $.msg.order_number}}, {topic: reviews, holds: reviews}]")
	s.send(t, sent)
	s.finish(t, t.TempDir())
	s.expect(t, want)
	if rows := s.count(t, "events"); rows != told {
		t.Errorf("%d events are in the tables, the records tell %d", rows, told)
	}
	if n := s.count(t, "dead_letters"); n != 0 {
		t.Errorf("%d dead letters, for example %s", n, s.ask(t, "SELECT any(detail) FROM dead_letters"))
	}
	engine, err := s.config(t, t.TempDir()).Engine()
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := verify.Run(t.Context(), verify.Config{Engine: engine, ClickHouse: s.conn})
	if err != nil || !receipt.Clean {
		t.Errorf("the receipt: %+v, %v", receipt, err)
	}
	if asked.Load() <= 6 {
		t.Errorf("the registry was asked %d times only", asked.Load())
	}
	t.Logf("%d records told %d events, %d webhooks among them; the registry was asked %d times", len(sent), told, len(parcels), asked.Load())
}
