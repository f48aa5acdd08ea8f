package ingest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/ingest/state"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
)

// What stands in Kafka out there, as some version wrote it. It must never change: a version that writes something else adds a line.
var keptByVersion = []struct{ version, hex string }{
	{"1", "0101803ea0a89c010000746865206d616368696e652773206f776e206279746573"},
	{"2", "0201803ea0a89c010000b27ebcc4746865206d616368696e652773206f776e206279746573"},
}

const keptTime = event.Time(1772355600000) // 2026-03-01 09:00 UTC

func intern(b []byte) string { return string(b) }

func TestKeptVersions(t *testing.T) {
	for _, k := range keptByVersion {
		b, err := hex.DecodeString(k.hex)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkKept([]byte("ann"), b); err != nil {
			t.Error(err)
		}
		if !keptHeld(b) || keptExpires(b) != keptTime || string(keptState(b)) != "the machine's own bytes" {
			t.Errorf("version %s: %v %d %q", k.version, keptHeld(b), keptExpires(b), keptState(b))
		}
	}
	e := newEpoch()
	now := keep(e, nil, []byte("the machine's own bytes"))
	sealKept([]byte("ann"), now, true, keptTime)
	if last := keptByVersion[len(keptByVersion)-1]; hex.EncodeToString(now) != last.hex {
		t.Errorf("this version writes %x, the last line is\n%s: add a line", now, last.hex)
	}
}

// TestPositionVersions: testdata/kept/v1-position.json is what version 1 wrote.
func TestPositionVersions(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "kept", "v1-position.json"))
	if err != nil {
		t.Fatal(err)
	}
	p := position{Clock: clock{topics: []string{"orders", "reviews", "deliveries"}, Sources: map[string][]sourceClock{"gone": {{}}}}}
	if err := p.unmarshal(b); err != nil {
		t.Fatal(err)
	}
	want := position{Version: 1, Generation: 3, Offset: 4711, Clock: clock{Now: keptTime, topics: []string{"orders", "reviews", "deliveries"}, Sources: map[string][]sourceClock{
		"orders": {{Time: keptTime, Heard: true}, {Time: keptTime + 3_600_000, Heard: true, Idle: true}}, "reviews": {{}}}}}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
	// It goes on from there: one source that was not heard of holds the clock.
	if err := p.Clock.routed(&origin{place: flow.Place{Topic: "reviews"}, partitions: 1, time: keptTime + 1, state: originRecord}); err != nil || p.Clock.Now != keptTime {
		t.Error(p.Clock.Now, err)
	}
	for _, bad := range []string{"", "{}", "null", `{"version":1,"offset":-1}`, `{"version":2}`, `{"version":1,"clock":3}`} {
		if err := p.unmarshal([]byte(bad)); err == nil || !strings.Contains(err.Error(), "@position") {
			t.Errorf("%s: %v", bad, err)
		}
		if !reflect.DeepEqual(p, want) && p.Offset != want.Offset {
			t.Errorf("%s: half of it was taken", bad)
		}
	}
}

// TestDamagedChangelog: a restore that meets a damaged state stops, and says which one and what to do. What is older than checksums is
// believed.
func TestDamagedChangelog(t *testing.T) {
	good := keep(newEpoch(), nil, []byte("state"))
	sealKept([]byte("ann"), good, false, keptTime)
	for _, c := range []struct {
		key    string
		change func(b []byte) []byte
		want   string
	}{
		{"/ann", func(b []byte) []byte { return b }, ""},
		{"/bob", func(b []byte) []byte { return b }, "its checksum is"},
		{"/ann", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, "its checksum is"},
		{"/ann", func(b []byte) []byte { b[5] ^= 1; return b }, "its checksum is"},
		{"/ann", func(b []byte) []byte { b[11] ^= 1; return b }, "its checksum is"},
		{"/ann", func(b []byte) []byte { b[1] = 8; return b }, "its flags are 00001000"},
		{"/ann", func(b []byte) []byte { return b[:13] }, "it has 13 bytes"},
		{"/ann", func(b []byte) []byte { return b[:0] }, "it has 0 bytes"},
		{"/ann", func(b []byte) []byte { b[0] = 0; return b }, "it has 19 bytes"},
		{"/ann", func(b []byte) []byte { b[0] = 3; return b }, "newer version"},
		{"@position", func([]byte) []byte { return []byte("{") }, "read @position"},
	} {
		r := newReplay(keyedTopics{input: "in"}, "g", 2, state.New(), false, heldSet{}, position{})
		err := r.take(&kgo.Record{Topic: "sessions.state", Partition: 2, Offset: 17, Key: []byte(c.key), Value: c.change(bytes.Clone(good))})
		if c.want == "" {
			if err != nil || r.store.Len() != 1 {
				t.Errorf("%s: %v", c.key, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "sessions.state/2 offset 17") || r.store.Len() != 0 {
			t.Errorf("%s: %v, want %q", c.key, err, c.want)
		}
		if strings.Contains(c.want, "checksum") && !strings.Contains(err.Error(), `the state of "`+c.key[1:]) {
			t.Errorf("%v: does not name %s", err, c.key)
		}
	}
}

// FuzzKept: no change of a kept state goes unnoticed, but for the flags, of which only those are taken that there are.
func FuzzKept(f *testing.F) {
	for _, k := range keptByVersion {
		b, _ := hex.DecodeString(k.hex)
		f.Add([]byte("ann"), b, uint16(3), byte(1))
	}
	f.Add([]byte(""), []byte{2}, uint16(0), byte(0))
	f.Fuzz(func(t *testing.T, key, b []byte, at uint16, bit byte) {
		if err := checkKept(key, b); err == nil {
			keptState(b)
			keptHeld(b)
			keptExpires(b)
		}
		e := newEpoch()
		own := keep(e, nil, b)
		sealKept(key, own, true, keptTime)
		if err := checkKept(key, own); err != nil || !bytes.Equal(keptState(own), b) {
			t.Fatalf("%x does not come back: %v", own, err)
		}
		i := int(at) % len(own)
		own[i] ^= 1 << (bit % 8)
		if err := checkKept(key, own); err == nil && i > 1 && keptVersion == own[0] {
			t.Fatalf("bit %d of byte %d of %x was changed, and nobody noticed", bit%8, i, own)
		}
	})
}

// FuzzChangelog: whatever stands in a changelog is folded in or refused with its place, and never half of it.
func FuzzChangelog(f *testing.F) {
	for _, k := range keptByVersion {
		b, _ := hex.DecodeString(k.hex)
		f.Add([]byte("/ann"), b, false)
		f.Add([]byte("/ann"), b, true)
	}
	position, _ := os.ReadFile(filepath.Join("testdata", "kept", "v1-position.json"))
	f.Add([]byte(positionKey), position, false)
	f.Add([]byte(barrierKey), []byte("instance"), false)
	f.Add([]byte(""), []byte(nil), true)
	f.Fuzz(func(t *testing.T, key, value []byte, gone bool) {
		if gone {
			value = nil
		}
		r := newReplay(keyedTopics{input: "in"}, "g", 2, state.New(), false, heldSet{}, positionOf(4))
		err := r.take(&kgo.Record{Topic: "c", Partition: 2, Offset: 17, Key: key, Value: value})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "c/2 offset 17: ") || r.store.Len() != 0 || !reflect.DeepEqual(r.pos, positionOf(4)) {
				t.Fatalf("%q %q: %v, and some of it was taken", key, value, err)
			}
			return
		}
		if r.known {
			again, err := r.pos.marshal()
			if err != nil {
				t.Fatal(err)
			}
			back := positionOf(0)
			if err := back.unmarshal(again); err != nil || fmt.Sprint(back) != fmt.Sprint(r.pos) {
				t.Fatalf("%s reads back as %+v instead of %+v: %v", again, back, r.pos, err)
			}
		}
	})
}

func positionOf(offset int64) position { return position{Version: 1, Offset: offset} }
