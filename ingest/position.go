package ingest

import (
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/segmentio/encoding/json"
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

// unmarshal reads what marshal wrote, by this version or an older one: a field that is new is 0 where it was not told.
func (p *position) unmarshal(b []byte) error {
	next := position{Clock: clock{topics: p.Clock.topics}}
	err := json.Unmarshal(b, &next)
	switch {
	case err != nil:
		return fmt.Errorf("read @position %.60q: %w", b, err)
	case next.Version > positionVersion:
		return fmt.Errorf("the changelog was written by a newer version of Afterclick (@position version %d, this one knows %d): upgrade this instance", next.Version, positionVersion)
	case next.Version < 1 || next.Offset < 0:
		return fmt.Errorf("read @position %.60q: it is damaged", b)
	}
	*p = next
	return nil
}

// partitionOf is the partition of a machine's topic that owns a key. It must never change: states stand where it says.
func partitionOf(key string, partitions int32) int32 {
	return int32(xxhash.Sum64String(key) % uint64(partitions))
}
