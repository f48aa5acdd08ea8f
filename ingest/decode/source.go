package decode

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/afterclick/afterclick/schemas/event"
)

// Options say how the records of a source topic are written. Formats name the options that they take; all others must be left out.
type Options struct {
	// Holds are the kinds of events in the topic, the main one first. Most formats take one.
	Holds []event.Topic
	// Format is the name of a format: "segment". An envelope names what is in it, too: "cloudevents+segment"; canonical JSON if it
	// does not. Empty: canonical JSON.
	Format string
	// Source is event.Header.Source of events that name none; empty: the format's name.
	Source event.Source
	// Fields says where our fields stand in their records, by our name.
	Fields map[string]string
	// Types says what their types of events are, by their name. Statuses does so for the codes of a carrier.
	Types, Statuses map[string]string
	// Zone is where the clocks are whose times come without a zone: "Europe/Berlin"; empty: UTC.
	Zone string
	// Registry is where schemas are.
	Registry Registry
}

// Registry is a schema registry, as Confluent's speaks.
type Registry struct {
	URL, User, Password string
	CA                  string // PEM file of the authority that signed its certificate, if the system does not know it
}

// Names of options, as the config has them.
const (
	OptionSource   = "source"
	OptionFields   = "fields"
	OptionTypes    = "types"
	OptionStatuses = "statuses"
	OptionZone     = "zone"
	OptionRegistry = "registry"
)

// given are the names of the options that are set.
func (o *Options) given() (names []string) {
	for _, n := range []struct {
		name string
		set  bool
	}{{OptionSource, o.Source != ""}, {OptionFields, len(o.Fields) > 0}, {OptionTypes, len(o.Types) > 0}, {OptionStatuses, len(o.Statuses) > 0},
		{OptionZone, o.Zone != ""}, {OptionRegistry, o.Registry != Registry{}}} {
		if n.set {
			names = append(names, n.name)
		}
	}
	return names
}

// definition is a format or an envelope: a file of this package has one, and definitions lists it.
type definition struct {
	name string
	// holds are the kinds that a topic of this format may hold; several, if one topic may hold more than one of them. An envelope
	// leaves them out: they are those of what is in it.
	holds   []event.Topic
	several bool
	options []string // that it takes, besides source
	// open checks the options and returns what makes a Format for each goroutine; what formats share, such as a cache, is made here. It
	// does no I/O. Errors begin with the name of the option.
	open func(o *Options) (func() Format, error)
	// wrap is open of an envelope: the Format that it makes gives what it finds to the inner one.
	wrap func(o *Options, inner func() Format) (func() Format, error)
}

// definitions are all formats and envelopes.
var definitions = []definition{
	canonicalDefinition,
	batchDefinition,
	segmentDefinition,
	snowplowDefinition,
	ga4Definition,
	cloudEventsDefinition,
	aftershipDefinition,
	easypostDefinition,
	deliveryDefinition,
	avroDefinition,
	protobufDefinition,
	jsonschemaDefinition,
	mappingDefinition,
}

// Formats are the names of all formats and envelopes.
func Formats() (names []string) {
	for _, d := range definitions {
		names = append(names, d.name)
	}
	return names
}

// Canonical is the name of our own format.
const Canonical = "json"

// UnknownFormat says that a name is no format's.
type UnknownFormat struct{ Name string }

func (u *UnknownFormat) Error() string {
	return fmt.Sprintf("%q is no format, which are: %s", u.Name, strings.Join(Formats(), ", "))
}

func define(name string) (*definition, error) {
	i := slices.IndexFunc(definitions, func(d definition) bool { return d.name == name })
	if i < 0 {
		return nil, fmt.Errorf("format: %w", &UnknownFormat{name})
	}
	return &definitions[i], nil
}

// Source is how the records of a topic are read. It may be used by several goroutines; its readers may not.
type Source struct {
	options Options
	name    string // of the whole format
	make    func() Format
	direct  bool // canonical JSON as it is
}

// Open checks the options. Errors begin with the name of an option.
func Open(o Options) (*Source, error) {
	s := &Source{options: o, name: o.Format}
	if s.name == "" {
		s.name = Canonical
	}
	parts := strings.Split(s.name, "+")
	last, err := define(parts[len(parts)-1])
	if err != nil {
		return nil, err
	}
	if last.wrap != nil {
		parts = append(parts, Canonical)
		if last, err = define(Canonical); err != nil {
			return nil, err
		}
	}
	s.direct = last.name == Canonical && len(parts) == 1
	takes := append([]string{OptionSource}, last.options...)
	if err := last.fits(o.Holds); err != nil {
		return nil, err
	}
	var envelopes []*definition
	for _, name := range parts[:len(parts)-1] {
		d, err := define(name)
		if err != nil {
			return nil, err
		}
		if d.wrap == nil {
			return nil, fmt.Errorf("format: %s holds events itself: nothing can be put into it, so +%s is too much", name, parts[len(parts)-1])
		}
		envelopes, takes = append(envelopes, d), append(takes, d.options...)
	}
	if s.direct {
		takes = nil // a record that names no source is refused
	}
	for _, name := range o.given() {
		if !slices.Contains(takes, name) {
			slices.Sort(takes)
			can := "which takes no options"
			if len(takes) > 0 {
				can = "which takes: " + strings.Join(slices.Compact(takes), ", ")
			}
			return nil, fmt.Errorf("%s: is no option of format %s, %s", name, s.name, can)
		}
	}
	if s.options.Source == "" {
		s.options.Source = event.Source(parts[len(parts)-1])
	}
	if s.make, err = last.open(&s.options); err != nil {
		return nil, err
	}
	for _, d := range slices.Backward(envelopes) {
		if s.make, err = d.wrap(&s.options, s.make); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Custom is a source whose format is made by somebody else.
func Custom(o Options, format func() Format) *Source {
	return &Source{options: o, name: o.Format, make: format}
}

// fits checks what the topic is said to hold.
func (d *definition) fits(holds []event.Topic) error {
	if len(holds) == 0 {
		return errors.New("holds: is required: " + list(event.SourceTopics))
	}
	if len(holds) > 1 && !d.several {
		return fmt.Errorf("holds: a record of format %s does not say of which kind it is, so its topic holds one kind, not %s", d.name, list(holds))
	}
	for i, h := range holds {
		if !slices.Contains(d.holds, h) {
			return fmt.Errorf("holds: format %s has no %s, only %s", d.name, h, list(d.holds))
		}
		if slices.Contains(holds[:i], h) {
			return fmt.Errorf("holds: %s is there twice", h)
		}
	}
	return nil
}

func list(topics []event.Topic) string {
	words := make([]string, len(topics))
	for i, t := range topics {
		words[i] = t.String()
	}
	return strings.Join(words, ", ")
}

// Direct says that the records are canonical JSON, so that what is routed is the record as it came.
func (s *Source) Direct() bool { return s.direct }

// Format returns a new Format, for who has no use for a Reader.
func (s *Source) Format() Format { return s.make() }

// Holds are the kinds of events that the source gives.
func (s *Source) Holds() []event.Topic { return s.options.Holds }

// typeOf checks a table of event types and returns it: every one of ours must be a type of a kind that the topic holds. Of the
// clickstream any type may be.
func typeOf(option string, holds []event.Topic, table map[string]string) (map[string]event.Type, error) {
	types := map[string]event.Type{}
	for _, theirs := range slices.Sorted(maps.Keys(table)) {
		ours := event.Type(table[theirs])
		known := false
		var all []string
		for _, h := range holds {
			of := typesOf(h)
			known = known || slices.Contains(of, ours) || h == event.Clickstream && ours != ""
			for _, t := range of {
				all = append(all, string(t))
			}
		}
		if !known {
			return nil, fmt.Errorf("%s: %s: %q is no type of %s, which are: %s", option, theirs, ours, list(holds), strings.Join(all, ", "))
		}
		types[theirs] = ours
	}
	return types, nil
}

func typesOf(kind event.Topic) []event.Type {
	switch kind {
	case event.Clickstream:
		return event.ClickTypes
	case event.Orders:
		return event.OrderTypes
	case event.Deliveries:
		return event.DeliveryTypes
	case event.Reviews:
		return event.ReviewTypes
	}
	return nil
}
