package decode

import (
	"testing"

	"github.com/afterclick/afterclick/schemas/event"
)

var snowplowOptions = Options{Format: "snowplow", Holds: []event.Topic{event.Clickstream, event.Orders}}

func TestSnowplow(t *testing.T) { fixtures(t, snowplowOptions) }

// FuzzSnowplow: whatever comes, it is an event or a dead letter that says why; what is taken is canonical JSON that the decoder of our own
// format reads, and both forms of a record say the same.
func FuzzSnowplow(f *testing.F) {
	for _, r := range fixtureRecords(f, "snowplow") {
		f.Add(r)
	}
	s, err := Open(snowplowOptions)
	if err != nil {
		f.Fatal(err)
	}
	reader := s.Reader(0)
	var d Decoder
	f.Fuzz(func(t *testing.T, value []byte) { checkParts(t, &d, reader, &Record{Value: value}) })
}

func BenchmarkSnowplow(b *testing.B) {
	for _, name := range []string{"web.txt", "json.txt", "shop.txt"} {
		b.Run(name[:len(name)-4], func(b *testing.B) {
			benchRecord(b, snowplowOptions, fixtureRecordsOf(b, "testdata/snowplow/"+name)[0])
		})
	}
}
