package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/afterclick/afterclick/schemas/migrate"
)

// At is the configuration of one generation of the tables: of the first as it stands; a later one has a database, groups and topics of its
// own, all beginning like those of the first, so that rights by prefix reach them.
func (c *Config) At(generation uint16) *Config {
	at := *c
	if at.Generation = max(1, generation); generation > 1 {
		at.ClickHouse.Database = migrate.DatabaseOf(c.ClickHouse.Database, generation)
		at.Kafka.Prefix = fmt.Sprintf("%s.g%d", c.Kafka.Prefix, generation)
	}
	return &at
}

// shaping are the keys that the same events give other rows with, however they are replayed.
var shaping = []string{"keyed_by", "session.gap", "session.max_length", "session.by", "horizon.session", "horizon.journey"}

// Settings are the keys that all instances that write to one generation of the tables must agree on, a line each: key=value.
func (c *Config) Settings() string {
	var lines []string
	for _, k := range c.keys() {
		for _, name := range shaping {
			if k.path == name {
				lines = append(lines, fmt.Sprintf("%s=%v", k.path, k.value.Interface()))
			}
		}
	}
	return strings.Join(lines, "\n")
}

// Differ names the settings that are other than those of a generation: "session.gap is 30m, the tables are made with 10m". It is empty
// if there are none, or if those of the generation are not known. A key that the generation does not name is new since, and not compared.
func (c *Config) Differ(generation string) (differences []string) {
	made := map[string]string{}
	for line := range strings.Lines(generation) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		made[key] = value
	}
	for line := range strings.Lines(c.Settings()) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if was, ok := made[key]; ok && was != value {
			differences = append(differences, fmt.Sprintf("%s is %s, the tables are made with %s", key, value, was))
		}
	}
	return differences
}

// Changed are those of the Settings that are not the default.
func (c *Config) Changed() (settings string) {
	usual := strings.Split(Default().Settings(), "\n")
	for line := range strings.Lines(c.Settings()) {
		if !slices.Contains(usual, strings.TrimSpace(line)) {
			settings += line
		}
	}
	return settings
}

// Adopt takes over the settings of a generation: for who has no configuration of his own.
func (c *Config) Adopt(generation string) error {
	for line := range strings.Lines(generation) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		for _, k := range c.keys() {
			if k.path == name {
				if err := k.set(value); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
	}
	return c.Validate()
}
