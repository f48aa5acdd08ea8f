package ingest

import (
	"testing"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
)

// A routed clock is the minimum of its busy sources, unknown until all have been heard of, and never goes back.
func TestRoutedClock(t *testing.T) {
	c := clock{topics: []string{"orders", "reviews"}}
	for i, step := range []struct {
		topic      string
		partition  int32
		partitions int32
		time       event.Time
		state      byte
		want       event.Time
	}{
		{"orders", 0, 2, 100, originRecord, 0}, // orders/1 and all reviews have not been heard of
		{"orders", 1, 2, 50, originRecord, 0},
		{"reviews", 0, 1, 70, originTick, 50}, // now all have: the minimum
		{"orders", 1, 2, 90, originRecord, 70},
		{"reviews", 0, 1, 70, originIdle, 90},    // an idle source holds nothing back
		{"orders", 0, 2, 20, originRecord, 90},   // a late record moves nothing
		{"orders", 1, 2, 300, originTick, 100},   // orders/0 is still at 100
		{"reviews", 0, 1, 80, originRecord, 100}, // busy again and behind: the clock stands
		{"orders", 0, 2, 400, originRecord, 100},
		{"reviews", 0, 1, 350, originRecord, 300},
		{"orders", 2, 3, 310, originRecord, 300}, // a partition was added
		{"orders", 1, 3, 500, originRecord, 310},
		{"orders", 0, 3, 400, originIdle, 310},
		{"orders", 1, 3, 500, originIdle, 310},
		{"orders", 2, 3, 310, originIdle, 350},
		{"reviews", 0, 1, 350, originIdle, 500}, // all idle: the latest of all
	} {
		o := origin{place: flow.Place{Topic: step.topic, Partition: step.partition}, partitions: step.partitions, time: step.time, state: step.state}
		if err := c.routed(&o); err != nil {
			t.Fatal(err)
		}
		if c.Now != step.want {
			t.Errorf("after step %d the clock is %d, want %d", i, c.Now, step.want)
		}
	}
}

// What a position remembers of a clock is all that it needs to go on.
func TestClockSurvivesItsPosition(t *testing.T) {
	c := clock{topics: []string{"orders"}}
	for p := range int32(3) {
		if err := c.routed(&origin{place: flow.Place{Topic: "orders", Partition: p}, partitions: 3, time: event.Time(100 + p), state: originRecord}); err != nil {
			t.Fatal(err)
		}
	}
	pos := position{Version: positionVersion, Generation: 3, Offset: 42, Clock: c}
	b, err := pos.marshal()
	if err != nil {
		t.Fatal(err)
	}
	var again position
	if err := again.unmarshal(b); err != nil {
		t.Fatal(err)
	}
	again.Clock.topics = []string{"orders"}
	o := origin{place: flow.Place{Topic: "orders", Partition: 0}, partitions: 3, time: 500, state: originRecord}
	if err := again.Clock.routed(&o); err != nil {
		t.Fatal(err)
	}
	if again.Clock.Now != 101 || again.Offset != 42 || again.Generation != 3 {
		t.Errorf("goes on with %+v", again)
	}
	if err := again.unmarshal([]byte(`{"version":99}`)); err == nil {
		t.Error("a position of a newer version was accepted")
	}
}

func TestClockRefusesForeignOrigins(t *testing.T) {
	c := clock{topics: []string{"orders"}}
	for _, o := range []origin{{partitions: 1 << 30}, {partitions: 2, place: flow.Place{Partition: 2}}, {partitions: 2, place: flow.Place{Partition: -1}}} {
		if c.routed(&o) == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

// FuzzOrigin: a header that is taken is what the router writes, and whatever it says moves the clock or is refused.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"orders 2 2 6 4711 1772355600000 r", " 1 0 1 0 0 t", "a.b 4 99999 100000 9 -1 i", "in 5 0 0 0 0 m", "orders 0 0 1 0 0 r",
		"orders 300 0 1 0 0 r", "orders 2 4294967296 6 0 0 r", "orders 2 2 6 4711 1772355600000 x", "o 1 -1 -1 -1 - r", "", "      r"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := parseOrigin(b, intern)
		if err != nil {
			return
		}
		again, err := parseOrigin(o.append(nil), intern)
		if err != nil || again != o {
			t.Fatalf("%q is %+v, written %q it is %+v: %v", b, o, o.append(nil), again, err)
		}
		c := clock{topics: []string{o.place.Topic}}
		if err := c.routed(&o); err == nil && c.Sources[o.place.Topic] == nil {
			t.Fatalf("%q moved nothing", b)
		}
	})
}
