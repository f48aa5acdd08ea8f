package ingest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/schemas/event"
)

// Source is a topic of the shop, and how its records are read.
type Source struct {
	Topic string
	decode.Options
}

// DefaultSources are a topic of canonical JSON for each kind, named after it.
func DefaultSources() (sources []Source) {
	for _, kind := range event.SourceTopics {
		sources = append(sources, Source{kind.String(), decode.Options{Holds: []event.Topic{kind}, Format: decode.Canonical}})
	}
	return sources
}

// OpenSource is a source whose options were checked.
type OpenSource struct {
	Topic string
	*decode.Source
	// Targets are the machines' topics that its events are routed to; none if SESSION reads it itself.
	Targets []string
}

// OpenSources checks the sources, one by one and whether they go together. Errors begin with the index of a source, as the config has it.
func (c *Config) OpenSources() (open []OpenSource, err error) {
	var wrong []error
	topics := map[string]int{}
	clicks, journeys := 0, false
	for i, s := range c.Sources {
		fail := func(format string, args ...any) {
			wrong = append(wrong, fmt.Errorf("sources[%d].%w", i, fmt.Errorf(format, args...)))
		}
		if first, twice := topics[s.Topic]; twice {
			fail("topic: %s is the topic of sources[%d], too", s.Topic, first)
			continue
		}
		topics[s.Topic] = i
		source, err := decode.Open(s.Options)
		if err != nil {
			fail("%w", err)
			continue
		}
		o := OpenSource{Topic: s.Topic, Source: source}
		for _, kind := range s.Holds {
			target := c.Topics.Journeys
			if kind == event.Clickstream {
				target, clicks = c.Topics.Clicks, clicks+1
			}
			journeys = journeys || target == c.Topics.Journeys
			if !slices.Contains(o.Targets, target) {
				o.Targets = append(o.Targets, target)
			}
		}
		if c.KeyedByVisitor && slices.Contains(s.Holds, event.Clickstream) {
			o.Targets = nil
			switch {
			case !source.Direct():
				fail("format: keyed_by: visitor lets clicks be read as they are, without routing, so they must be canonical JSON, format json: set keyed_by: none")
			case clicks > 1:
				fail("holds: keyed_by: visitor lets one topic be read without routing, and there is another one with the clickstream: set keyed_by: none")
			}
		}
		open = append(open, o)
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	if !journeys {
		return nil, errors.New("sources: none of them holds orders, deliveries or reviews, so there would be no journeys: add one, even if its topic is empty " +
			"yet, or let one of them hold orders, too, if its format can (holds: [clickstream, orders])")
	}
	if c.KeyedByVisitor && clicks == 0 {
		return nil, errors.New("sources: keyed_by: visitor is about the clickstream, but none of them holds it: set keyed_by: none")
	}
	return open, nil
}

// direct returns the topic that SESSION reads itself, or "".
func (c *Config) direct() string {
	if c.KeyedByVisitor {
		return c.holding(event.Clickstream)
	}
	return ""
}

// holding returns the first topic that holds a kind, or "".
func (c *Config) holding(kind event.Topic) string {
	for _, s := range c.Sources {
		if slices.Contains(s.Holds, kind) {
			return s.Topic
		}
	}
	return ""
}

// Canonical returns the topic that canonical JSON of a kind can be written to, or "": that of the first such source.
func (c *Config) Canonical(kind event.Topic) string {
	for _, s := range c.Sources {
		if slices.Contains(s.Holds, kind) && (s.Format == decode.Canonical || s.Format == "") {
			return s.Topic
		}
	}
	return ""
}

// clicks is the topic that SESSION reads.
func (c *Config) clicks() string {
	if t := c.direct(); t != "" {
		return t
	}
	return c.Topics.Clicks
}

// routed are the source topics that ROUTE reads.
func (c *Config) routed() (topics []string) {
	for _, s := range c.Sources {
		if s.Topic != c.direct() {
			topics = append(topics, s.Topic)
		}
	}
	return topics
}

// feeding are the source topics whose events are routed to a machine's topic: what its clock is made of.
func (c *Config) feeding(target string) (topics []string) {
	for _, s := range c.Sources {
		if s.Topic != c.direct() && slices.ContainsFunc(s.Holds, func(kind event.Topic) bool { return c.target(kind) == target }) {
			topics = append(topics, s.Topic)
		}
	}
	return topics
}

// target is the topic of the machine that owns a kind.
func (c *Config) target(kind event.Topic) string {
	if kind == event.Clickstream {
		return c.Topics.Clicks
	}
	return c.Topics.Journeys
}
