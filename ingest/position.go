package ingest

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/schemas/event"
)

// position is the record @position of a changelog: what the states beside it are a function of.
type position struct {
	Version    int    `json:"version"`
	Generation uint16 `json:"generation"`
	// Offset is the next record to read in the machine's topic.
	Offset int64 `json:"offset"`
	Clock  clock `json:"clock"`
}

// positionVersion is raised when an older binary could not continue from what a newer one wrote.
const positionVersion = 1

// Keys of a changelog. States have a slash before their key, so that no visitor can be named like our own records.
const (
	positionKey = "@position"
	barrierKey  = "@barrier"
	statePrefix = '/'
)

// clone copies p with the clock's slots, which change in place.
func (p *position) clone() position {
	c := *p
	c.Clock.Sources = make(map[string][]sourceClock, len(p.Clock.Sources))
	for topic, list := range p.Clock.Sources {
		c.Clock.Sources[topic] = slices.Clone(list)
	}
	return c
}

func (p *position) marshal() ([]byte, error) { return json.Marshal(p) }

func (p *position) unmarshal(b []byte) error {
	if err := json.Unmarshal(b, p); err != nil {
		return fmt.Errorf("read @position %.60q: %w", b, err)
	}
	if p.Version > positionVersion {
		return fmt.Errorf("the changelog was written by a newer version of Afterclick (@position version %d, this one knows %d): upgrade this instance", p.Version, positionVersion)
	}
	return nil
}

// A kept state is what stands in the changelog and in the store: version, flags, expiry, then the machine's own bytes.
const (
	keptVersion = 1
	keptHeader  = 10
	flagHeld    = 1
)

// maxTime is the expiry of a state that never expires.
const maxTime = event.Time(math.MaxInt64)

func putKept(b []byte, held bool, expires event.Time) {
	b[0], b[1] = keptVersion, 0
	if held {
		b[1] |= flagHeld
	}
	binary.LittleEndian.PutUint64(b[2:], uint64(expires))
}

func keptState(b []byte) []byte       { return b[keptHeader:] }
func keptHeld(b []byte) bool          { return b[1]&flagHeld != 0 }
func keptExpires(b []byte) event.Time { return event.Time(binary.LittleEndian.Uint64(b[2:])) }

// checkKept refuses what was not written by putKept.
func checkKept(b []byte) error {
	if len(b) < keptHeader || b[0] == 0 {
		return fmt.Errorf("a state of %d bytes is damaged", len(b))
	}
	if b[0] > keptVersion {
		return fmt.Errorf("a state was written by a newer version of Afterclick (version %d, this one knows %d): upgrade this instance", b[0], keptVersion)
	}
	return nil
}

// partitionOf is the partition of a machine's topic that owns a key. It must never change: states stand where it says.
func partitionOf(key string, partitions int32) int32 {
	return int32(xxhash.Sum64String(key) % uint64(partitions))
}
