package decode

import (
	"testing"

	"github.com/afterclick/afterclick/schemas/event"
)

var (
	segmentClicks = Options{Holds: []event.Topic{event.Clickstream}, Format: "segment", Types: map[string]string{"Basket Seen": "cart_viewed"}}
	segmentAll    = Options{Holds: []event.Topic{event.Clickstream, event.Orders, event.Reviews}, Format: "segment", Source: "segment-web",
		Types: map[string]string{"Payment Received": "paid"}}
)

func TestSegmentFixtures(t *testing.T) {
	fixtures(t, "segment", segmentClicks)
	fixtures(t, "segment-orders", segmentAll)
}

func FuzzSegment(f *testing.F) { fuzzFormat(f, "segment", segmentClicks) }

func FuzzSegmentOrders(f *testing.F) { fuzzFormat(f, "segment-orders", segmentAll) }

// A topic of orders alone takes no visits, and says so.
func TestSegmentOrdersAlone(t *testing.T) {
	reader := open(t, Options{Holds: []event.Topic{event.Orders}, Format: "segment"}).Reader(0)
	for value, want := range map[string]string{
		`{"type":"track","event":"Order Completed","messageId":"a","anonymousId":"v","timestamp":"2026-09-21T14:00:00Z","properties":{"order_id":"o"}}`: "",
		`{"type":"page","messageId":"a","anonymousId":"v","timestamp":"2026-09-21T14:00:00Z"}`:                                                          event.UnknownType,
	} {
		parts, err := reader.Read(&Record{Value: []byte(value), Time: fixtureTime}, event.DefaultRules)
		got := ""
		if err == nil && parts[0].Refusal != nil {
			got = parts[0].Refusal.Reason
		}
		if err != nil || len(parts) != 1 || got != want {
			t.Errorf("%s: %v %s", value, err, told(parts))
		}
	}
}

func BenchmarkSegment(b *testing.B) {
	value := readFixture(b, "segment/product-viewed.json")
	reader := open(b, segmentClicks).Reader(0)
	r := Record{Value: value, Time: fixtureTime}
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		if parts, err := reader.Read(&r, event.DefaultRules); err != nil || parts[0].Refusal != nil {
			b.Fatal(err, parts)
		}
	}
}
