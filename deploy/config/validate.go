package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // timezone must work where there is no zoneinfo

	"github.com/afterclick/afterclick/ingest"
	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/spell"
	"github.com/afterclick/afterclick/schemas/writer"
)

var (
	topicName    = regexp.MustCompile(`^[A-Za-z0-9._-]{1,200}$`) // Kafka's rule, with room for our endings
	currency     = regexp.MustCompile(`^[A-Z]{3}$`)
	databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// Validate returns everything that is wrong, one line each, by key.
func (c *Config) Validate() error {
	var wrong []error
	must := func(ok bool, key, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf("%s: "+format, append([]any{key}, args...)...))
		}
	}
	oneOf := func(key, value string, words ...string) {
		must(slices.Contains(words, value), key, "must be one of %s, is %q", strings.Join(words, ", "), value)
	}

	must(len(c.Kafka.Brokers) > 0, "kafka.brokers", "must name a broker, like localhost:9092")
	for _, b := range c.Kafka.Brokers {
		_, port, err := net.SplitHostPort(b)
		must(err == nil && port != "", "kafka.brokers", "%q must be host:port", b)
	}
	must(topicName.MatchString(c.Kafka.Prefix), "kafka.prefix", "must be letters, digits, dots, dashes and underscores, is %q", c.Kafka.Prefix)
	timeout := time.Duration(c.Kafka.SessionTimeout)
	must(timeout >= 6*time.Second && timeout <= 30*time.Minute, "kafka.session_timeout", "must be from 6s to 30m, as brokers want it, is %s", c.Kafka.SessionTimeout)
	tls, sasl := c.Kafka.TLS, c.Kafka.SASL
	must(tls.Enabled || tls.CA == "" && tls.Cert == "" && tls.Key == "", "kafka.tls.enabled", "must be true for the files beside it to have a meaning")
	must((tls.Cert == "") == (tls.Key == ""), "kafka.tls.cert_file", "goes with kafka.tls.key_file: set both or none")
	oneOf("kafka.sasl.mechanism", sasl.Mechanism, mechanisms...)
	if sasl.Mechanism != "none" {
		must(sasl.User != "", "kafka.sasl.user", "is required with mechanism %s", sasl.Mechanism)
		must(sasl.Password != "", "kafka.sasl.password_file", "or %sKAFKA_SASL_PASSWORD is required with mechanism %s", Prefix, sasl.Mechanism)
	}

	wrong = append(wrong, c.validateSources()...)
	must(c.Topics.Partitions >= 1 && c.Topics.Partitions <= 10_000, "topics.partitions", "must be from 1 to 10000, is %d", c.Topics.Partitions)
	must(c.Topics.Replication == -1 || c.Topics.Replication >= 1 && c.Topics.Replication <= 100, "topics.replication", "must be -1 or at least 1, is %d", c.Topics.Replication)

	_, err := writer.Options(c.ClickHouse.Address)
	must(err == nil, "clickhouse.address", "%v", err)
	if address, err := url.Parse(c.ClickHouse.Address); err == nil && strings.Contains(c.ClickHouse.Address, "://") {
		must(address.User == nil && strings.Trim(address.Path, "/") == "", "clickhouse.address",
			"must be without user, password and database: they have keys of their own")
		must(slices.Contains([]string{"clickhouse", "tcp", "http", "https"}, address.Scheme), "clickhouse.address",
			"must begin with clickhouse://, http:// or https://, is %s://", address.Scheme)
	}
	must(databaseName.MatchString(c.ClickHouse.Database), "clickhouse.database", "must be letters, digits and underscores, is %q", c.ClickHouse.Database)

	must(c.DataDir != "", "data_dir", "must name a folder")
	oneOf("keyed_by", c.KeyedBy, KeyedByNone, KeyedByVisitor)
	oneOf("session.by", c.Session.By, ByGap, ByTracker)
	positive := func(key string, d Duration) { must(d > 0, key, "must be more than 0") }
	positive("session.gap", c.Session.Gap)
	must(c.Session.MaxLength >= c.Session.Gap, "session.max_length", "must be at least session.gap, is %s", c.Session.MaxLength)
	must(c.Horizon.Session >= c.Session.Gap, "horizon.session", "must be at least session.gap, is %s", c.Horizon.Session)
	must(c.Horizon.Journey >= Duration(day), "horizon.journey", "must be at least a day, is %s", c.Horizon.Journey)
	must(c.MaxEvent >= 1<<10 && c.MaxEvent <= 64<<20, "max_event", "must be from 1kB to 64MB, is %s", c.MaxEvent)
	must(c.DeadLetter.Size <= 16<<20, "dead_letter.size", "must be at most 16MB, is %s", c.DeadLetter.Size)
	for _, l := range []struct {
		key string
		n   int
	}{{"lanes.route", c.Lanes.Route}, {"lanes.session", c.Lanes.Session}, {"lanes.journey", c.Lanes.Journey}} {
		must(l.n >= 1 && l.n <= 256, l.key, "must be from 1 to 256, is %d", l.n)
	}
	must(c.Epoch.Interval >= Duration(10*time.Millisecond) && c.Epoch.Interval <= Duration(30*time.Second), "epoch.interval", "must be from 10ms to 30s, is %s", c.Epoch.Interval)
	must(c.Epoch.Records >= 1, "epoch.records", "must be at least 1, is %d", c.Epoch.Records)
	_, err = time.LoadLocation(c.Timezone)
	must(err == nil && c.Timezone != "" && c.Timezone != "Local", "timezone", "must be a name like UTC or Europe/Berlin, is %q", c.Timezone)
	must(currency.MatchString(c.Enrich.Currency), "enrich.currency", "must be three capital letters as in ISO 4217, like EUR, is %q", c.Enrich.Currency)
	must(c.Enrich.MaxEntries >= 1, "enrich.max_entries", "must be at least 1, is %d", c.Enrich.MaxEntries)
	for _, l := range [][3]string{{"enrich.products", c.Enrich.Products.Topic, c.Enrich.Products.File}, {"enrich.customers", c.Enrich.Customers.Topic, c.Enrich.Customers.File}} {
		must(l[1] == "" || l[2] == "", l[0], "has both a topic and a file, must have one")
		must(l[1] == "" || topicName.MatchString(l[1]), l[0]+".topic", "must be letters, digits, dots, dashes and underscores, is %q", l[1])
		isSource := slices.ContainsFunc(c.Sources, func(s Source) bool { return s.Topic == l[1] })
		must(l[1] == "" || !isSource, l[0]+".topic", "%s is one of the sources", l[1])
		must(l[1] == "" || !strings.HasPrefix(l[1], c.Kafka.Prefix+"."), l[0]+".topic", "%q begins like our own topics", l[1])
	}
	if c.Admin.Address != "" {
		_, _, err = net.SplitHostPort(c.Admin.Address)
		must(err == nil, "admin.address", "%q must be host:port, like localhost:9464", c.Admin.Address)
	}
	oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf("log.format", c.Log.Format, "text", "json")
	return errors.Join(wrong...)
}

// validateSources says what is wrong with the sources.
func (c *Config) validateSources() (wrong []error) {
	must := func(ok bool, i int, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf("sources[%d]."+format, append([]any{i}, args...)...))
		}
	}
	if len(c.Sources) == 0 {
		return []error{errors.New("sources: must name the shop's topics")}
	}
	kinds := make([]string, len(event.SourceTopics))
	for i, kind := range event.SourceTopics {
		kinds[i] = kind.String()
	}
	formats := decode.Formats()
	for i, s := range c.Sources {
		must(topicName.MatchString(s.Topic), i, "topic: must be letters, digits, dots, dashes and underscores, is %q", s.Topic)
		must(!strings.HasPrefix(s.Topic, c.Kafka.Prefix+"."), i, "topic: %q begins like our own topics: choose another kafka.prefix", s.Topic)
		must(len(s.Holds) > 0, i, "holds: is required: what the topic holds, %s", strings.Join(kinds, ", "))
		for _, word := range s.Holds {
			must(slices.Contains(kinds, word), i, "holds: must be one of %s, is %q%s", strings.Join(kinds, ", "), word, spell.DidYouMean(kinds, word))
		}
		for _, name := range strings.Split(s.Format, "+") {
			must(name == "" && s.Format == "" || slices.Contains(formats, name), i, "format: %q is no format, which are: %s%s", name, strings.Join(formats, ", "), spell.DidYouMean(formats, name))
		}
		if address := s.Registry.URL; address != "" {
			u, err := url.Parse(address)
			must(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", i, "registry.url: must begin with http:// or https://, is not such an address")
			must(err != nil || u.User == nil, i, "registry.url: must be without user and password: they have keys of their own")
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	e := ingest.Config{Sources: c.sources(), Topics: ingest.OwnTopics(c.Kafka.Prefix), KeyedByVisitor: c.KeyedBy == KeyedByVisitor}
	if _, err := e.OpenSources(); err != nil {
		wrong = append(wrong, err)
	}
	return wrong
}

// LogLevel returns the level to log from.
func (l Log) LogLevel() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		panic("config: log.level was not validated: " + l.Level)
	}
	return level
}
