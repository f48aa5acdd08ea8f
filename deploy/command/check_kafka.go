package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/ingest"
	"github.com/afterclick/afterclick/schemas/event"
)

// checkKafka looks at brokers, topics and rights. It only asks for descriptions and offsets.
func checkKafka(ctx context.Context, c *config.Config, r *report) {
	engine, err := c.Engine()
	if err != nil {
		r.add(wrong, "kafka", "%v", err)
		return
	}
	client, err := kgo.NewClient(engine.Kafka...)
	if err != nil {
		r.add(wrong, "kafka", "%v", err)
		return
	}
	defer client.Close()
	admin := kadm.NewClient(client)

	t := engine.Topics
	var sources []string
	clicks := t.Clicks
	for _, s := range engine.Sources {
		sources = append(sources, s.Topic)
		if engine.KeyedByVisitor && slices.Contains(s.Holds, event.Clickstream) {
			clicks = s.Topic
		}
	}
	own := []string{t.Clicks, t.Journeys, t.DeadLetters, t.SessionStates, t.JourneyStates}
	topics, brokers, err := describeTopics(ctx, client, append(sources, own...))
	if err != nil {
		r.add(wrong, "kafka", "%s: %v%s", strings.Join(c.Kafka.Brokers, ", "), err, kafkaAdvice(err, c))
		return
	}
	r.add(fine, "kafka", "%d brokers, %s", brokers, kafkaVersion(ctx, admin))
	if c.Topics.Replication > brokers {
		r.add(wrong, "kafka", "topics.replication is %d, but there are %d brokers: lower it, or start more", c.Topics.Replication, brokers)
	}

	for _, name := range sources {
		topics[name].check(r, kmsg.ACLOperationRead, wrong, "is not there: create it, or name the shop's own under sources")
	}
	for _, name := range own {
		topics[name].check(r, kmsg.ACLOperationWrite, worth, "is not there yet; it is created at the first start, if it is needed")
	}
	checkMembership(ctx, admin, engine.Prefix, r)
	for _, pair := range [][2]string{{clicks, t.SessionStates}, {t.Journeys, t.JourneyStates}} {
		a, b := topics[pair[0]].partitions, topics[pair[1]].partitions
		if a > 0 && b > 0 && a != b {
			r.add(wrong, "topic "+pair[1], "has %d partitions, but %s, whose states it keeps, has %d: keys have moved. afterclick rebuild makes tables and states for the new number; or give %s its old one", b, pair[0], a, pair[0])
		}
	}
}

// checkMembership asks about our groups and a transactional id, as somebody without rights to them could not.
func checkMembership(ctx context.Context, admin *kadm.Client, prefix string, r *report) {
	for _, part := range ingest.Parts {
		group := prefix + "." + part
		_, err := admin.FetchOffsets(ctx, group)
		if auth := (*kadm.AuthError)(nil); errors.As(err, &auth) || errors.Is(err, kerr.GroupAuthorizationFailed) {
			r.add(wrong, "group "+group, "%v: allow our user to read groups that begin with %s", err, prefix)
		}
	}
	described, err := admin.DescribeTransactions(ctx, prefix+".check")
	if err == nil {
		err = described[prefix+".check"].Err
	}
	if errors.Is(err, kerr.TransactionalIDAuthorizationFailed) {
		r.add(wrong, "transactions", "%v: allow our user to describe and write transactional ids that begin with %s", err, prefix)
	}
}

// topic is what Kafka says about one.
type topic struct {
	name       string
	err        error
	partitions int
	leaderless []string
	may        []kmsg.ACLOperation
}

// describeTopics returns topics by name, and how many brokers there are. kadm's Metadata would fail as a whole on the first topic that
// we must not see.
func describeTopics(ctx context.Context, client *kgo.Client, names []string) (map[string]topic, int, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.IncludeTopicAuthorizedOperations = true
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		request.Topics = append(request.Topics, t)
	}
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, 0, err
	}
	topics := map[string]topic{}
	for _, t := range response.Topics {
		if t.Topic == nil {
			continue
		}
		d := topic{name: *t.Topic, err: kerr.ErrorForCode(t.ErrorCode), partitions: len(t.Partitions), may: kadm.DecodeACLOperations(t.AuthorizedOperations)}
		for _, p := range t.Partitions {
			if p.Leader < 0 {
				d.leaderless = append(d.leaderless, fmt.Sprint(p.Partition))
			}
		}
		topics[d.name] = d
	}
	return topics, len(response.Brokers), nil
}

// check reports on a topic that we must be able to use in a way; absent and its text are the finding if it is not there.
func (t topic) check(r *report, use kmsg.ACLOperation, absent level, text string) {
	about := "topic " + t.name
	switch {
	case errors.Is(t.err, kerr.UnknownTopicOrPartition):
		r.add(absent, about, "%s", text)
	case t.err != nil:
		r.add(wrong, about, "%v: allow our user to describe, read and, if it is one of ours, create and write it", t.err)
	// Brokers without access rules may not say what is allowed.
	case len(t.may) > 0 && !slices.Contains(t.may, use) && !slices.Contains(t.may, kmsg.ACLOperationAll):
		r.add(wrong, about, "we must not %s it: allow that to our user", strings.ToLower(use.String()))
	case len(t.leaderless) > 0:
		r.add(wrong, about, "partitions %s have no leader: look at the brokers", strings.Join(t.leaderless, ", "))
	default:
		r.add(fine, about, "%d partitions", t.partitions)
	}
}

// kafkaVersion returns what the brokers' APIs say about their version.
func kafkaVersion(ctx context.Context, admin *kadm.Client) string {
	brokers, err := admin.ApiVersions(ctx)
	if err != nil {
		return "Kafka of unknown version"
	}
	var versions []string
	for _, b := range brokers.Sorted() {
		if v := b.VersionGuess(); b.Err == nil && !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	return "Kafka " + strings.Join(versions, " and ")
}

func kafkaAdvice(err error, c *config.Config) string {
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState):
		return "; see kafka.sasl"
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed):
		return "; give our user more rights"
	case strings.Contains(err.Error(), "tls:"), strings.Contains(err.Error(), "x509:"):
		return "; see kafka.tls"
	case strings.Contains(err.Error(), "EOF") && c.Kafka.SASL.Mechanism == "none" && !c.Kafka.TLS.Enabled:
		return "; brokers that hang up at once often want kafka.tls or kafka.sasl"
	}
	return "; is it running, and is kafka.brokers right?"
}
