package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/ingest"
	"github.com/afterclick/afterclick/schemas/migrate"
)

// Remains are what is left of a generation that is not current.
type Remains struct {
	migrate.Generation
	What     string // "retired", "abandoned", "unfinished"
	Database string // of its tables; the first generation's also holds the views, which stay
	Bytes    uint64 // on ClickHouse's disks
	Topics   []string
	Groups   []string
	Members  []string // who is still in its groups
}

// Leftovers finds what is left of generations that are not current. One that a rebuild is just making is not among them.
func Leftovers(ctx context.Context, c *config.Config) (all []Remains, err error) {
	conn, generations, err := Generations(ctx, c)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	e, err := c.Engine()
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(e.Kafka...)
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	there, err := kadm.NewClient(client).ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("list Kafka's topics: %w", err)
	}
	current := generations.Current().Number
	for _, g := range generations {
		r := Remains{Generation: g, What: "retired"}
		switch {
		case g.Number == current || g.State == migrate.Dropped:
			continue
		case g.State == migrate.Abandoned:
			r.What = "abandoned"
		case g.Number > current && g.Age < alive:
			continue
		case g.Number > current:
			r.What = "unfinished, afterclick rebuild would go on with it"
		}
		at := c.At(g.Number)
		if e, err = at.Engine(); err != nil {
			return nil, err
		}
		r.Database = at.ClickHouse.Database
		err := conn.QueryRow(ctx, "SELECT sum(total_bytes) FROM system.tables WHERE database = ? AND total_bytes IS NOT NULL", r.Database).Scan(&r.Bytes)
		if err != nil {
			return nil, fmt.Errorf("look how large %s is: %w", r.Database, err)
		}
		for _, topic := range []string{e.Topics.Clicks, e.Topics.Journeys, e.Topics.DeadLetters, e.Topics.SessionStates, e.Topics.JourneyStates} {
			if there.Has(topic) {
				r.Topics = append(r.Topics, topic)
			}
		}
		for _, part := range ingest.Parts {
			r.Groups = append(r.Groups, e.Group(part))
		}
		if r.Members, err = e.Members(ctx, ""); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// Remove drops them: groups first, because Kafka refuses to delete one that has members, then topics, then tables.
func (r Remains) Remove(ctx context.Context, c *config.Config) error {
	conn, generations, err := Generations(ctx, c)
	if err != nil {
		return err
	}
	defer conn.Close()
	if generations.Current().Number == r.Number {
		return fmt.Errorf("generation %d is the current one: it is not dropped", r.Number)
	}
	e, err := c.Engine()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(e.Kafka...)
	if err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	deleted, err := admin.DeleteGroups(ctx, r.Groups...)
	for _, g := range deleted {
		if !errors.Is(g.Err, kerr.GroupIDNotFound) {
			err = errors.Join(err, g.Err)
		}
	}
	if err != nil {
		return fmt.Errorf("delete the groups of generation %d: %w", r.Number, err)
	}
	gone, err := admin.DeleteTopics(ctx, r.Topics...)
	for _, t := range gone {
		if !errors.Is(t.Err, kerr.UnknownTopicOrPartition) {
			err = errors.Join(err, t.Err)
		}
	}
	if err != nil {
		return fmt.Errorf("delete the topics of generation %d: %w", r.Number, err)
	}
	return migrate.Drop(ctx, conn, c.ClickHouse.Database, r.Generation)
}
