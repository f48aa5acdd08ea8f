package decode

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/schemas/event"
)

var (
	aftershipOptions = Options{Format: "aftership", Holds: []event.Topic{event.Deliveries}}
	easypostOptions  = Options{Format: "easypost", Holds: []event.Topic{event.Deliveries}}
	deliveryOptions  = Options{Format: "delivery", Holds: []event.Topic{event.Deliveries}, Source: "nordpost", Zone: "Europe/Berlin",
		Fields: map[string]string{"order": "$.shipment.customer_reference", "status": "$.event.code", "time": "$.event.at", "tracking": "$.shipment.barcode",
			"carrier": "$.carrier", "country": "$.shipment.to.country", "estimate": "$.event.eta", "reason": "$.event.text"},
		Statuses: map[string]string{"MAN": "packed", "ACC": "handed_over", "HUB": "in_transit", "OFD": "out_for_delivery", "NAH": "attempted", "DLV": "delivered",
			"ETA": "estimate_changed", "BRK": "damaged", "RTS": "refused", "90": "in_transit", "SCN": "ignore"}}
)

func TestAfterShip(t *testing.T) { scenarios(t, aftershipOptions) }
func TestEasyPost(t *testing.T)  { scenarios(t, easypostOptions) }
func TestDelivery(t *testing.T)  { scenarios(t, deliveryOptions) }

// TestEasyPostBody reads a webhook that EasyPost's own client library is tested with, where it is at hand.
func TestEasyPostBody(t *testing.T) {
	raw, err := os.ReadFile(filepath.FromSlash("../../../../shared/data/easypost/event-body.json"))
	if err != nil {
		t.Skip("no data from outside: ", err)
	}
	if says := saysOf(t, easypostOptions, &Record{Value: raw}); !strings.Contains(says, "unplaceable: $.result.reference") {
		t.Errorf("a tracker without an order says %s", says)
	}
	o := easypostOptions
	o.Fields = map[string]string{"order": "$.result.id"}
	s := open(t, o)
	parts, err := s.Reader(0).Read(&Record{Value: raw, Time: event.Time(1_722_626_812_000)}, event.DefaultRules)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, p := range parts {
		if p.Refusal != nil {
			t.Fatal(p.Refusal)
		}
		var d Decoder
		e, err := d.Decode(p.Kind, p.Body)
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, string(e.Delivery.Type)+" "+e.Delivery.Time.String())
		if e.Delivery.Type == event.EstimateChanged && e.Delivery.Estimate.String() != "2024-08-05T23:59:59.999Z" {
			t.Errorf("to arrive by %s", e.Delivery.Estimate)
		}
	}
	want := `packed 2024-07-31T15:00:00.000Z, in_transit 2024-07-31T19:27:00.000Z, in_transit 2024-07-31T22:35:00.000Z, in_transit 2024-08-01T14:42:13.000Z, ` +
		`in_transit 2024-08-02T02:46:19.000Z, in_transit 2024-08-02T18:35:20.000Z, in_transit 2024-08-02T18:50:00.000Z, estimate_changed 2024-08-02T19:26:51.000Z`
	if got := strings.Join(types, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func fuzzTracker(f *testing.F, o Options) {
	for _, r := range scenarioRecords(f, o.Format) {
		f.Add(r)
	}
	if o.Format != "delivery" {
		o.Holds = []event.Topic{event.Deliveries, event.Orders}
	}
	s := open(f, o)
	f.Fuzz(func(t *testing.T, value []byte) { checkParts(t, s, &Record{Value: value, Time: fixtureTime}) })
}

func FuzzAfterShip(f *testing.F) { fuzzTracker(f, aftershipOptions) }
func FuzzEasyPost(f *testing.F)  { fuzzTracker(f, easypostOptions) }
func FuzzDelivery(f *testing.F)  { fuzzTracker(f, deliveryOptions) }

// The records of these say seven events each.
func BenchmarkAfterShip(b *testing.B) {
	benchRecord(b, aftershipOptions, scenarioRecordsOf(b, "testdata/aftership/way.txt")[1])
}

func BenchmarkEasyPost(b *testing.B) {
	o := easypostOptions
	o.Fields = map[string]string{"order": "$.result.metadata.order"}
	benchRecord(b, o, scenarioRecordsOf(b, "testdata/easypost/way.txt")[1])
}

func BenchmarkDelivery(b *testing.B) {
	benchRecord(b, deliveryOptions, scenarioRecordsOf(b, "testdata/delivery/events.txt")[0])
}

func TestTrackerOptions(t *testing.T) {
	for _, c := range []struct {
		change func(o *Options)
		says   string
	}{
		{func(o *Options) { o.Fields = map[string]string{"order": "$.o", "status": "$.s"} }, "fields: must say where time is"},
		{func(o *Options) { o.Fields["colour"] = "$.c" }, `fields: "colour" is no field of a delivery`},
		{func(o *Options) { o.Fields["order"] = "shipment.ref" }, `fields: order: "shipment.ref" is no path, like $.parcel.reference`},
		{func(o *Options) { o.Fields["order"] = "$.shipments[0" }, "is no path"},
		{func(o *Options) { o.Statuses = nil }, "statuses: is required"},
		{func(o *Options) { o.Statuses = map[string]string{"X": "shipped"} }, `statuses: X: "shipped" is no type of a delivery (packed,`},
		{func(o *Options) { o.Statuses = map[string]string{"X": "exception"} }, "no kind of an exception (late, lost, damaged, refused)"},
		{func(o *Options) { o.Zone = "Berlin" }, `zone: "Berlin" is no time zone`},
		{func(o *Options) { o.Zone = "Local" }, "is no time zone"},
		{func(o *Options) { o.Holds = []event.Topic{event.Orders} }, "holds: "},
		{func(o *Options) { o.Format, o.Holds = "easypost", []event.Topic{event.Orders} }, "holds: must have deliveries"},
		{func(o *Options) { o.Format = "aftership" }, "fields: carrier: this format knows where it is"},
	} {
		o := deliveryOptions
		o.Fields, o.Statuses = maps.Clone(o.Fields), maps.Clone(o.Statuses)
		c.change(&o)
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("got %v, want %s", err, c.says)
		}
	}
}
