package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/afterclick/afterclick/ingest"
	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/writer"
)

var mechanisms = []string{"none", "plain", "scram-sha-256", "scram-sha-512"}

// Options returns how to connect to Kafka: brokers, encryption, login.
func (k Kafka) Options() ([]kgo.Opt, error) {
	options := []kgo.Opt{kgo.SeedBrokers(k.Brokers...), kgo.ClientID(k.Prefix)}
	if k.TLS.Enabled {
		t, err := k.TLS.config()
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.DialTLSConfig(t))
	}
	var m sasl.Mechanism
	switch user, password := k.SASL.User, k.SASL.Password.Reveal(); k.SASL.Mechanism {
	case "plain":
		m = plain.Auth{User: user, Pass: password}.AsMechanism()
	case "scram-sha-256":
		m = scram.Auth{User: user, Pass: password}.AsSha256Mechanism()
	case "scram-sha-512":
		m = scram.Auth{User: user, Pass: password}.AsSha512Mechanism()
	default:
		return options, nil
	}
	return append(options, kgo.SASL(m)), nil
}

func (t TLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka.tls.ca_file: %s has no certificate in PEM", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.cert_file and key_file: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// Options returns how to connect to ClickHouse.
func (c ClickHouse) Options() (clickhouse.Options, error) {
	o, err := writer.Options(c.Address)
	if err != nil {
		return o, fmt.Errorf("clickhouse.address: %w", err)
	}
	o.Auth = clickhouse.Auth{Database: c.Database, Username: c.User, Password: c.Password.Reveal()}
	return o, nil
}

// Engine returns the engine's configuration, as far as this one says it: not the instance's name, machines, and inserts.
func (c *Config) Engine() (ingest.Config, error) {
	e := ingest.DefaultConfig()
	var err error
	if e.Kafka, err = c.Kafka.Options(); err != nil {
		return e, err
	}
	e.Prefix, e.SessionTimeout = c.Kafka.Prefix, time.Duration(c.Kafka.SessionTimeout)
	e.Sources, e.Topics = c.sources(), ingest.OwnTopics(c.Kafka.Prefix)
	e.KeyedByVisitor = c.KeyedBy == KeyedByVisitor
	e.Rules = event.Rules{MaxAhead: time.Duration(c.MaxAhead)}
	e.MaxEvent, e.DeadLetterSize = int(c.MaxEvent), int(c.DeadLetter.Size)
	e.RouteLanes, e.SessionLanes, e.JourneyLanes = c.Lanes.Route, c.Lanes.Session, c.Lanes.Journey
	e.Epoch, e.EpochRecords, e.Hold = time.Duration(c.Epoch.Interval), c.Epoch.Records, time.Duration(c.Hold)
	if c.States.Checkpoint > 0 {
		e.StateDir, e.StateMemory, e.Checkpoint = filepath.Join(c.DataDir, "states"), int64(c.States.Memory), time.Duration(c.States.Checkpoint)
	}
	e.Generation = max(1, c.Generation)
	e.Partitions, e.Replication = int32(c.Topics.Partitions), int16(c.Topics.Replication)
	return e, nil
}

// sources are the shop's topics as the engine wants them. A word that is none of ours is left out: Validate names it.
func (c *Config) sources() (all []ingest.Source) {
	for _, s := range c.Sources {
		r := s.Registry
		o := decode.Options{Format: s.Format, Source: event.Source(s.Source), Fields: s.Fields, Types: s.Types, Statuses: s.Statuses, Zone: s.Zone,
			Registry: decode.Registry{URL: r.URL, User: r.User, Password: r.Password.Reveal(), CA: r.CA}}
		for _, word := range s.Holds {
			if kind := kindOf(word); kind != 0 {
				o.Holds = append(o.Holds, kind)
			}
		}
		all = append(all, ingest.Source{Topic: s.Topic, Options: o})
	}
	return all
}

func kindOf(word string) event.Topic {
	for _, kind := range event.SourceTopics {
		if kind.String() == word {
			return kind
		}
	}
	return 0
}
