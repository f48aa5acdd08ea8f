package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

// Parts of the engine that an instance can run.
const (
	PartRoutes   = "routes"
	PartSessions = "sessions"
	PartJourneys = "journeys"
)

// Parts are all parts, in the order of the flow.
var Parts = []string{PartRoutes, PartSessions, PartJourneys}

// Config is all that the engine must be given. New checks it.
type Config struct {
	// Kafka says how to connect: seed brokers, TLS, SASL, client id.
	Kafka []kgo.Opt
	// Prefix begins the names of our groups and topics: "afterclick".
	Prefix string
	// Instance is this instance's stable name, from its data directory: with it come static group membership and transactional ids.
	Instance string
	// Sources are the shop's topics.
	Sources []Source
	Topics  Topics
	// KeyedByVisitor: the clickstream's records have the visitor as key, so SESSION may read it itself.
	KeyedByVisitor bool
	Rules          event.Rules
	MaxEvent       int // bytes; a larger record is a dead letter
	DeadLetterSize int // bytes of a refused record that are kept

	Parts []string
	// RouteLanes, SessionLanes and JourneyLanes are how many lanes this instance runs; they overlap each other's waiting.
	RouteLanes, SessionLanes, JourneyLanes int

	Epoch        time.Duration // how long an epoch collects
	EpochRecords int           // ... at most
	Hold         time.Duration // how long rows of one key may be held back
	Grace        time.Duration // for the epoch at hand when told to stop; closing takes some more

	// StateDir is where the states are kept on disk between starts, and where they go when memory is full; empty: nowhere.
	StateDir string
	// StateMemory is how many bytes of states one lane may hold in memory; 0 is no limit. It needs a StateDir.
	StateMemory int64
	Checkpoint  time.Duration // how often the states on disk are brought up to date

	// Generation is the tables' generation, see flow.Revision.
	Generation uint16
	// Partitions and Replication are for topics that the engine creates. Replication -1 takes the broker's default.
	Partitions  int32
	Replication int16

	tellEvery time.Duration // how often a restore says how far it is; 0: every 5 s

	SessionTimeout     time.Duration // until a dead instance's partitions go to others
	TransactionTimeout time.Duration

	// NewSession and NewJourney make the machines, one a lane.
	NewSession, NewJourney func() Machine
	// NewLocator makes what looks up addresses, one a lane; nil: nothing does.
	NewLocator func() Locator
	// Insert returns when all rows are durable, and retries until then.
	Insert func(ctx context.Context, rows *table.Batch) error
	Log    *slog.Logger
}

// Topics are the names of our own topics.
type Topics struct {
	Clicks, Journeys, DeadLetters string
	SessionStates, JourneyStates  string // compacted
}

// OwnTopics are our topics of a prefix.
func OwnTopics(prefix string) Topics {
	return Topics{Clicks: prefix + ".clicks", Journeys: prefix + ".journeys", DeadLetters: prefix + ".deadletters",
		SessionStates: prefix + ".sessions.state", JourneyStates: prefix + ".journeys.state"}
}

// DefaultConfig has everything but connections, machines, and names that only the caller knows.
func DefaultConfig() Config {
	return Config{
		Prefix:   "afterclick",
		Sources:  DefaultSources(),
		Topics:   OwnTopics("afterclick"),
		Rules:    event.DefaultRules,
		MaxEvent: 1 << 20, DeadLetterSize: 256 << 10,
		Parts:      Parts,
		RouteLanes: 1, SessionLanes: 2, JourneyLanes: 1,
		Epoch: time.Second, EpochRecords: 100_000, Hold: time.Minute, Grace: 8 * time.Second,
		Checkpoint: time.Minute,
		Generation: 1, Partitions: 12, Replication: -1,
		SessionTimeout: 30 * time.Second, TransactionTimeout: time.Minute,
		Log: slog.Default(),
	}
}

func (c *Config) validate() error {
	var wrong []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	need(len(c.Kafka) > 0, "no Kafka options")
	need(c.Prefix != "", "no prefix")
	need(c.Instance != "", "no instance name")
	need(c.Insert != nil, "nothing to insert with")
	need(c.NewSession != nil && c.NewJourney != nil, "no machines")
	need(c.Epoch > 0 && c.EpochRecords > 0, "an epoch needs a length and a size")
	need(c.Partitions > 0, "partitions must be positive")
	need(c.StateDir == "" || c.Checkpoint > 0, "checkpoints need an interval")
	need(c.StateDir != "" || c.StateMemory == 0, "a limit of memory for states needs a directory for the others")
	need(c.Generation > 0, "generations begin at 1")
	need(len(c.Parts) > 0, "no part to run")
	if _, err := c.OpenSources(); err != nil {
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}
