// Package config reads how Afterclick is to run: defaults, then one YAML file, then the environment, then the command line.
// All of them go through the same keys, so all of them have the same names, checks and errors.
package config

import (
	"time"

	"github.com/afterclick/afterclick/ingest"
)

// Config is the whole configuration. Each key's comment is its tag `about`; Print and the example file are made from it.
type Config struct {
	Kafka      Kafka      `yaml:"kafka" about:"Where the events come from."`
	Sources    []Source   `yaml:"sources" about:"The shop's topics, and how their records are written. Of each:"`
	Topics     Topics     `yaml:"topics" about:"How our own topics are made."`
	ClickHouse ClickHouse `yaml:"clickhouse" about:"Where the tables are."`
	DataDir    string     `yaml:"data_dir" about:"Folder of this instance: its name, and a cache of states. Keep it over restarts; it may be lost."`
	KeyedBy    string     `yaml:"keyed_by" about:"visitor: the clickstream's records have the visitor as key, so they need not be routed. Otherwise: none."`
	Session    Session    `yaml:"session" about:"What one visit is."`
	Horizon    Horizon    `yaml:"horizon" about:"How long a quiet one is remembered. What comes later is stored as late and changes nothing."`
	MaxAhead   Duration   `yaml:"max_ahead" about:"How far an event's time may be ahead of its record's time before it is refused."`
	MaxEvent   Size       `yaml:"max_event" about:"Larger records are refused."`
	DeadLetter DeadLetter `yaml:"dead_letter" about:"What is kept of refused records."`
	Lanes      Lanes      `yaml:"lanes" about:"Workers of each part in this instance. Two overlap each other's waiting."`
	Epoch      Epoch      `yaml:"epoch" about:"One round: read, compute, insert, commit. Longer ones cost less and show later."`
	States     States     `yaml:"states" about:"What is known of visitors and orders. The topics ending in .state have it all; memory and data_dir are caches of them."`
	Hold       Duration   `yaml:"hold" about:"Rows of a session that merely grew are written this often at most."`
	Enrich     Enrich     `yaml:"enrich" about:"What is known besides the events. What nobody tells is unknown in the tables. Files are read again when they change."`
	Timezone   string     `yaml:"timezone" about:"Whose days the views show."`
	Admin      Admin      `yaml:"admin" about:"Metrics and health."`
	Log        Log        `yaml:"log" about:"What is written to standard error."`

	// Ignored are variables of the environment that begin with our prefix and name no key. They are no error, because
	// Kubernetes sets some for a service that is called afterclick.
	Ignored []string `yaml:"-"`

	// Generation of the tables that database, groups and topics are of, see At; 0: the first.
	Generation uint16 `yaml:"-"`
}

// Kafka says how to reach the brokers.
type Kafka struct {
	Brokers []string `yaml:"brokers" about:"host:port of one or more brokers; the others are found."`
	Prefix  string   `yaml:"prefix" about:"Begins the names of our consumer groups, topics and transactions. Two installations on one cluster need two."`
	// It is also how long a rolling restart may keep an instance away without moving its partitions.
	SessionTimeout Duration `yaml:"session_timeout" about:"How long an instance may be away until the others take over its partitions."`
	TLS            TLS      `yaml:"tls" about:"Encryption."`
	SASL           SASL     `yaml:"sasl" about:"Who we are."`
}

// TLS says how to encrypt and whom to trust.
type TLS struct {
	Enabled bool   `yaml:"enabled" about:"Encrypt the connection."`
	CA      string `yaml:"ca_file" about:"PEM file of the authority that signed the brokers' certificates, if the system does not know it."`
	Cert    string `yaml:"cert_file" about:"PEM file of our certificate, if the brokers ask for one."`
	Key     string `yaml:"key_file" about:"PEM file of its key."`
}

// SASL says how to log in.
type SASL struct {
	Mechanism    string `yaml:"mechanism" about:"none, plain, scram-sha-256 or scram-sha-512."`
	User         string `yaml:"user" about:"User name."`
	Password     Secret `yaml:"password" about:"Better: password_file, or AFTERCLICK_KAFKA_SASL_PASSWORD."`
	PasswordFile string `yaml:"password_file" about:"File with the password on its only line."`
}

// Source is a topic of the shop.
type Source struct {
	Topic    string            `yaml:"topic" about:"its name."`
	Holds    Words             `yaml:"holds" about:"clickstream, orders, deliveries or reviews; a list of them, if the format can."`
	Format   string            `yaml:"format" about:"json is our own, the others are in ingest/decode/FORMATS.md. An envelope and what is in it: cloudevents+segment."`
	Source   string            `yaml:"source" about:"who told the events that do not say it."`
	Fields   map[string]string `yaml:"fields" about:"where our fields stand in their records: {order: $.checkout.ref}."`
	Types    map[string]string `yaml:"types" about:"their types of events and ours: {Basket Seen: cart_viewed}."`
	Statuses map[string]string `yaml:"statuses" about:"a carrier's codes and our types: {AttemptFail: attempted}."`
	Zone     string            `yaml:"zone" about:"where clocks are that do not say so: Europe/Berlin; UTC if left out."`
	Registry Registry          `yaml:"registry" about:"where schemas are."`
}

// Registry says how to reach a schema registry.
type Registry struct {
	URL          string `yaml:"url" about:"http:// or https:// address."`
	User         string `yaml:"user" about:"user name."`
	Password     Secret `yaml:"password" about:"better: password_file."`
	PasswordFile string `yaml:"password_file" about:"file with the password on its only line."`
	CA           string `yaml:"ca_file" about:"PEM file of the authority that signed its certificate, if the system does not know it."`
}

// Topics says how our own topics are made.
type Topics struct {
	Partitions  int `yaml:"partitions" about:"Of the topics that we create. It bounds how many lanes can share the work; only afterclick rebuild changes it later."`
	Replication int `yaml:"replication" about:"Of the topics that we create; -1 takes the brokers' default."`
}

// ClickHouse says how to reach the server.
type ClickHouse struct {
	Address      string `yaml:"address" about:"clickhouse://host:9000, clickhouse://host:9440?secure=true, http://host:8123 or https://host:8443."`
	Database     string `yaml:"database" about:"All our tables are in this one."`
	User         string `yaml:"user" about:"User name."`
	Password     Secret `yaml:"password" about:"Better: password_file, or AFTERCLICK_CLICKHOUSE_PASSWORD."`
	PasswordFile string `yaml:"password_file" about:"File with the password on its only line."`
}

// Session says where a visitor's activity is cut.
type Session struct {
	Gap       Duration `yaml:"gap" about:"A longer silence begins a new session."`
	MaxLength Duration `yaml:"max_length" about:"Longer sessions are cut."`
	By        string   `yaml:"by" about:"gap, or tracker: sessions are what the tracker's session ids say."`
}

// Horizon says how long states live.
type Horizon struct {
	Session Duration `yaml:"session" about:"Of visitors."`
	Journey Duration `yaml:"journey" about:"Of orders and opinions."`
}

// DeadLetter says what is kept of refused records.
type DeadLetter struct {
	Size Size `yaml:"size" about:"Of larger ones only the size and a hash are kept."`
}

// Lanes says how many workers there are.
type Lanes struct {
	Route   int `yaml:"route" about:"They decode and check."`
	Session int `yaml:"session" about:"They have most of the work."`
	Journey int `yaml:"journey" about:"They join what belongs to an order."`
}

// States says where states are kept.
type States struct {
	Memory     Size     `yaml:"memory" about:"Of each lane that has states; the oldest beyond it are on disk alone."`
	Checkpoint Duration `yaml:"checkpoint" about:"How often the states on disk are brought up to date; 0: no states on disk, and all of them in memory."`
}

// Epoch bounds a round.
type Epoch struct {
	Interval Duration `yaml:"interval" about:"It collects for this long,"`
	Records  int      `yaml:"records" about:"or until it has this many."`
}

// Enrich says where what is known besides the events comes from.
type Enrich struct {
	MMDBFile   string    `yaml:"mmdb_file" about:"Database of addresses in MaxMind's format, such as GeoLite2-City.mmdb: gives clicks with an ip their country and region."`
	Products   Products  `yaml:"products" about:"The catalogue: what products are."`
	Customers  Customers `yaml:"customers" about:"What customers are."`
	Rates      Rates     `yaml:"rates" about:"What other currencies are worth."`
	Currency   string    `yaml:"currency" about:"The reporting currency: the tables have the value of orders in it, too."`
	MaxEntries int       `yaml:"max_entries" about:"Of products, and of customers. More are refused, not forgotten. An entry takes about 100 bytes of memory."`
}

// Products says where the catalogue is.
type Products struct {
	Topic string `yaml:"topic" about:"Compacted topic with the product's id as key and {\"category\": …, \"brand\": …, \"price\": …} as value,"`
	File  string `yaml:"file" about:"or a .csv file with the columns product, category, brand, price, or a .jsonl file with such an object on each line."`
}

// Customers says where the customers are.
type Customers struct {
	Topic string `yaml:"topic" about:"Compacted topic with the customer's id as key and {\"segment\": …, \"birth_year\": …, \"country\": …, \"first_order\": \"2024-05-31\"} as value,"`
	File  string `yaml:"file" about:"or a .csv file with the columns customer, segment, birth_year, country, first_order, or a .jsonl file with such an object on each line."`
}

// Rates says where the rates are.
type Rates struct {
	File string `yaml:"file" about:"CSV file with the columns date, currency, rate: what 1 unit was worth in the reporting currency from that day on."`
}

// Admin says where the instance can be watched.
type Admin struct {
	Address string `yaml:"address" about:"host:port for /metrics and /health; empty: nowhere."`
}

// Log says what is logged.
type Log struct {
	Level  string `yaml:"level" about:"debug, info, warn or error."`
	Format string `yaml:"format" about:"text or json."`
}

// Words that keys may have.
const (
	KeyedByNone    = "none"
	KeyedByVisitor = "visitor"
	ByGap          = "gap"
	ByTracker      = "tracker"
)

const day = 24 * time.Hour

func defaultSources() (all []Source) {
	for _, s := range ingest.DefaultSources() {
		all = append(all, Source{Topic: s.Topic, Holds: Words{s.Holds[0].String()}, Format: s.Format})
	}
	return all
}

// Default is a server of each kind on this machine.
func Default() *Config {
	return &Config{
		Kafka:      Kafka{Brokers: []string{"localhost:9092"}, Prefix: "afterclick", SessionTimeout: Duration(30 * time.Second), SASL: SASL{Mechanism: "none"}},
		Sources:    defaultSources(),
		Topics:     Topics{Partitions: 12, Replication: -1},
		ClickHouse: ClickHouse{Address: "clickhouse://localhost:9000", Database: "afterclick", User: "default"},
		DataDir:    "data",
		KeyedBy:    KeyedByNone,
		Session:    Session{Gap: Duration(30 * time.Minute), MaxLength: Duration(day), By: ByGap},
		Horizon:    Horizon{Session: Duration(day), Journey: Duration(400 * day)},
		MaxAhead:   Duration(10 * time.Minute),
		MaxEvent:   1 << 20,
		DeadLetter: DeadLetter{Size: 256 << 10},
		Lanes:      Lanes{Route: 1, Session: 2, Journey: 1},
		Epoch:      Epoch{Interval: Duration(time.Second), Records: 100_000},
		States:     States{Memory: 256 << 20, Checkpoint: Duration(time.Minute)},
		Hold:       Duration(time.Minute),
		Enrich:     Enrich{Currency: "EUR", MaxEntries: 5_000_000},
		Timezone:   "UTC",
		Admin:      Admin{Address: "localhost:9464"},
		Log:        Log{Level: "info", Format: "text"},
	}
}
