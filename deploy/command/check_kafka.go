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
	sources := []string{t.Clickstream, t.Orders, t.Deliveries, t.Reviews}
	own := []string{t.Clicks, t.Journeys, t.DeadLetters, t.SessionStates, t.JourneyStates}
	meta, err := admin.Metadata(kadm.WithAuthorizedOps(ctx), append(sources, own...)...)
	if err != nil {
		r.add(wrong, "kafka", "%s: %v%s", strings.Join(c.Kafka.Brokers, ", "), err, kafkaAdvice(err, c))
		return
	}
	if err := client.Ping(ctx); err != nil {
		r.add(wrong, "kafka", "%s: %v%s", strings.Join(c.Kafka.Brokers, ", "), err, kafkaAdvice(err, c))
		return
	}
	r.add(fine, "kafka", "%d brokers, %s", len(meta.Brokers), kafkaVersion(ctx, admin))
	if n := len(meta.Brokers); c.Topics.Replication > n {
		r.add(wrong, "kafka", "topics.replication is %d, but there are %d brokers: lower it, or start more", c.Topics.Replication, n)
	}

	for _, name := range sources {
		checkSource(meta.Topics[name], name, r)
	}
	offsets, err := admin.ListEndOffsets(ctx, sources...)
	if err == nil {
		err = offsets.Error()
	}
	if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		r.add(wrong, "kafka", "read the end offsets of the shop's topics: %v%s", err, kafkaAdvice(err, c))
	}
	for _, name := range own {
		checkOwn(meta.Topics[name], name, r)
	}
	clicks := t.Clicks
	if engine.KeyedByVisitor {
		clicks = t.Clickstream
	}
	for _, pair := range [][2]string{{clicks, t.SessionStates}, {t.Journeys, t.JourneyStates}} {
		a, b := len(meta.Topics[pair[0]].Partitions), len(meta.Topics[pair[1]].Partitions)
		if a > 0 && b > 0 && a != b {
			r.add(wrong, "topic "+pair[1], "has %d partitions, but %s, whose states it keeps, has %d: keys have moved. Choose a new kafka.prefix, or give %s its old number of partitions", b, pair[0], a, pair[0])
		}
	}
}

func checkSource(d kadm.TopicDetail, name string, r *report) {
	about := "topic " + name
	switch {
	case d.Err == nil && len(d.Partitions) > 0:
		if missing := denied(d, kmsg.ACLOperationRead, kmsg.ACLOperationDescribe); missing != "" {
			r.add(wrong, about, "we must not %s it: allow that to our user", missing)
			return
		}
		r.add(fine, about, "%d partitions", len(d.Partitions))
		checkLeaders(d, about, r)
	case d.Err == nil || errors.Is(d.Err, kerr.UnknownTopicOrPartition):
		r.add(wrong, about, "is not there: create it, or name the shop's own under topics")
	default:
		r.add(wrong, about, "%v: allow our user to describe and read it", d.Err)
	}
}

func checkOwn(d kadm.TopicDetail, name string, r *report) {
	about := "topic " + name
	switch {
	case d.Err == nil && len(d.Partitions) > 0:
		if missing := denied(d, kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe); missing != "" {
			r.add(wrong, about, "we must not %s it: allow that to our user", missing)
			return
		}
		r.add(fine, about, "%d partitions", len(d.Partitions))
		checkLeaders(d, about, r)
	case d.Err == nil || errors.Is(d.Err, kerr.UnknownTopicOrPartition):
		r.add(worth, about, "is not there yet; it is created at the first start, if it is needed")
	default:
		r.add(wrong, about, "%v: allow our user to create, read and write topics that begin with kafka.prefix", d.Err)
	}
}

func checkLeaders(d kadm.TopicDetail, about string, r *report) {
	var without []string
	for _, p := range d.Partitions.Sorted() {
		if p.Leader < 0 || p.Err != nil {
			without = append(without, fmt.Sprint(p.Partition))
		}
	}
	if len(without) > 0 {
		r.add(wrong, about, "partitions %s have no leader: look at the brokers", strings.Join(without, ", "))
	}
}

// denied returns which of these we may not do, where the broker says so; brokers without access rules may say nothing.
func denied(d kadm.TopicDetail, need ...kmsg.ACLOperation) string {
	if len(d.AuthorizedOperations) == 0 || slices.Contains(d.AuthorizedOperations, kmsg.ACLOperationAll) {
		return ""
	}
	var missing []string
	for _, op := range need {
		if !slices.Contains(d.AuthorizedOperations, op) {
			missing = append(missing, strings.ToLower(op.String()))
		}
	}
	return strings.Join(missing, ", ")
}

// kafkaVersion returns what the brokers' APIs say about their version.
func kafkaVersion(ctx context.Context, admin *kadm.Client) string {
	brokers, err := admin.ApiVersions(ctx)
	if err != nil {
		return "of unknown version"
	}
	var versions []string
	for _, b := range brokers.Sorted() {
		if v := b.VersionGuess(); b.Err == nil && !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	return "version " + strings.Join(versions, " and ")
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
