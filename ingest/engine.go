// Package ingest is Kafka in and ClickHouse out: it consumes, decodes, sets aside what is bad, routes, and runs machines in lanes
// and epochs over keyed state with a changelog, exactly once. The way of an event: session.poll → lane.gather → task.take (router
// or keyed) → task.finish → lane.write (insert, then one transaction) → task.committed.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/afterclick/afterclick/ingest/state"
	"github.com/afterclick/afterclick/schemas/event"
)

// Engine runs the lanes of one instance.
type Engine struct {
	cfg     Config
	Metrics Metrics
	sources []OpenSource
	groups  map[string][]string // our groups with the topics that they read, of the parts that run
	members map[string][]string // our groups with the names of our lanes in them, of the parts that run
	quiet   []*atomic.Bool
	counts  partitionCounts
	ready   atomic.Bool
	failing sync.Map // lane → error, while it keeps failing
}

// New checks the config and does nothing else.
func New(cfg Config) (*Engine, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	e := &Engine{cfg: cfg, groups: map[string][]string{}, members: map[string][]string{}}
	var err error
	if e.sources, err = cfg.OpenSources(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	t := &e.cfg.Topics
	for _, part := range cfg.Parts {
		switch part {
		case PartRoutes:
			e.groups[e.group(part)] = cfg.routed()
		case PartSessions:
			e.groups[e.group(part)] = []string{cfg.clicks()}
		case PartJourneys:
			e.groups[e.group(part)] = []string{t.Journeys}
		default:
			return nil, fmt.Errorf("engine: there is no part %q, only %v", part, Parts)
		}
	}
	return e, nil
}

func (e *Engine) group(part string) string { return e.cfg.Prefix + "." + part }

// Run blocks until ctx ends, then finishes the epochs at hand. An error means that the instance cannot work at all; whatever may
// pass is retried.
func (e *Engine) Run(ctx context.Context) error {
	counts, err := prepare(ctx, &e.cfg)
	if err != nil {
		return err
	}
	e.counts = counts
	group, ctx := errgroup.WithContext(ctx)
	start := func(part string, lanes int, run func(ctx context.Context, name string, quiet *atomic.Bool) error) {
		if !slices.Contains(e.cfg.Parts, part) {
			return
		}
		for i := range lanes {
			name := laneName(e.group(part), e.cfg.Instance, i)
			quiet := &atomic.Bool{}
			e.quiet = append(e.quiet, quiet)
			e.members[e.group(part)] = append(e.members[e.group(part)], name)
			group.Go(func() error { return e.keepRunning(ctx, name, quiet, run) })
		}
	}
	start(PartRoutes, e.cfg.RouteLanes, e.runRouter)
	start(PartSessions, e.cfg.SessionLanes, e.runSessions)
	start(PartJourneys, e.cfg.JourneyLanes, e.runJourneys)
	e.ready.Store(true)
	return group.Wait()
}

// maxRestartWait is how long at most a lane is down once what stopped it is over. A broker that is away stops all that want to start.
const maxRestartWait = 10 * time.Second

// keepRunning starts a lane again and again until ctx ends.
func (e *Engine) keepRunning(ctx context.Context, name string, quiet *atomic.Bool, run func(context.Context, string, *atomic.Bool) error) error {
	wait := 500 * time.Millisecond
	for ctx.Err() == nil {
		begin := time.Now()
		err := guard(func() error { return run(ctx, name, quiet) })
		quiet.Store(false)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(begin) > time.Minute {
			wait = 500 * time.Millisecond
		}
		e.failing.Store(name, err)
		e.Metrics.Restarts.Add(1)
		e.cfg.Log.Error("lane stopped, starting it again", "lane", name, "in", wait, "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		wait = min(2*wait, maxRestartWait)
	}
	return nil
}

// guard turns a panic into an error: a state that a machine cannot read stops its lane, with a reason, and not the others.
func guard(run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v\n%s", p, debug.Stack())
		}
	}()
	return run()
}

// lane has the effects that do not depend on where records come from; link adds the others.
func (e *Engine) lane(name string, t task, quiet *atomic.Bool) *lane {
	return &lane{
		name: name, task: t, well: func() { e.failing.Delete(name) }, waits: func(err error) { e.failing.Store(name, err) }, every: e.cfg.Epoch, most: e.cfg.EpochRecords, grace: e.cfg.Grace, metrics: &e.Metrics, log: e.cfg.Log, quiet: quiet,
		do: effects{insert: e.cfg.Insert, now: time.Now, within: context.WithTimeout, rest: rest},
	}
}

func (l *lane) link(s *session, reassign func(context.Context) error) *lane {
	l.do.poll, l.do.commit, l.do.abort, l.do.lease, l.do.reassign = s.poll, s.commit, s.abort, s.lease, reassign
	return l
}

func (e *Engine) runRouter(ctx context.Context, name string, quiet *atomic.Bool) error {
	group := e.group(PartRoutes)
	s, err := openSession(ctx, &e.cfg, group, name, e.groups[group], e.cfg.Log)
	if err != nil {
		return err
	}
	defer s.close()
	t := newRouter(&e.cfg, &e.Metrics, e.sources, e.counts)
	admin := kadm.NewClient(s.client)
	lags, asked := map[string]map[int32]int64{}, map[string]time.Time{} // Kafka is asked once a second and topic
	t.ended = func(topic string, partition int32) bool {
		if now := time.Now(); now.Sub(asked[topic]) > time.Second {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			lag, err := lagOf(ctx, admin, group, topic)
			if err != nil {
				lag = nil
			}
			lags[topic], asked[topic] = lag, now
		}
		lag, ok := lags[topic][partition]
		return ok && lag == 0
	}
	reassign := func(ctx context.Context) error {
		for _, n := range s.take() {
			if n.gone {
				t.revoked(n.topic, n.partition)
				continue
			}
			if n.partition >= t.sources[n.topic].partitions {
				now, err := count(ctx, admin, n.topic)
				if err != nil {
					return err
				}
				t.sources[n.topic].partitions = now[n.topic]
			}
			t.assigned(n.topic, n.partition, time.Now())
			s.client.ResumeFetchPartitions(map[string][]int32{n.topic: {n.partition}})
		}
		return nil
	}
	return e.lane(name, t, quiet).link(s, reassign).run(ctx)
}

func (e *Engine) sessionTopics() keyedTopics {
	t := keyedTopics{input: e.cfg.clicks(), carries: []event.Topic{event.Clickstream}, changelog: e.cfg.Topics.SessionStates,
		messages: e.cfg.Topics.Journeys, messagePartitions: e.counts[e.cfg.Topics.Journeys]}
	if e.cfg.KeyedByVisitor {
		t.direct = event.Clickstream
	}
	return t
}

func (e *Engine) runSessions(ctx context.Context, name string, quiet *atomic.Bool) error {
	return e.runMachine(ctx, name, PartSessions, e.sessionTopics(), e.cfg.NewSession(), quiet)
}

func (e *Engine) runJourneys(ctx context.Context, name string, quiet *atomic.Bool) error {
	t := keyedTopics{input: e.cfg.Topics.Journeys, carries: []event.Topic{event.Orders, event.Deliveries, event.Reviews, event.Touches},
		changelog: e.cfg.Topics.JourneyStates}
	return e.runMachine(ctx, name, PartJourneys, t, e.cfg.NewJourney(), quiet)
}

func (e *Engine) restorer(group string, topics keyedTopics) *restorer {
	return &restorer{cfg: &e.cfg, group: group, topics: topics, metrics: &e.Metrics, log: e.cfg.Log, sources: e.cfg.feeding(topics.input), budget: state.NewBudget(e.cfg.StateMemory)}
}

// runMachine runs a lane of a machine.
func (e *Engine) runMachine(ctx context.Context, name, part string, topics keyedTopics, m Machine, quiet *atomic.Bool) error {
	group := e.group(part)
	s, err := openSession(ctx, &e.cfg, group, name, []string{topics.input}, e.cfg.Log)
	if err != nil {
		return err
	}
	defer s.close()
	ctx, cancel := context.WithCancel(ctx)
	t := newKeyed(&e.cfg, &e.Metrics, topics, m)
	defer func() { t.gauges.report(gauges{}, &e.Metrics) }()
	r := e.restorer(group, topics)
	a := newAssignment(s, t, r)
	defer a.close()
	defer cancel()
	return e.lane(name, t, quiet).link(s, a.apply).run(ctx)
}

// Failing returns the lanes that cannot work, with the error that stopped each last.
func (e *Engine) Failing() map[string]error {
	all := map[string]error{}
	e.failing.Range(func(lane, err any) bool {
		all[lane.(string)] = err.(error)
		return true
	})
	return all
}

// CaughtUp says whether every group of this instance's parts has read all there is, and nothing is held back. It is true only when
// Kafka could be asked.
func (e *Engine) CaughtUp(ctx context.Context) (bool, error) {
	quiet := func() bool {
		for _, q := range e.quiet {
			if !q.Load() {
				return false
			}
		}
		return true
	}
	if !e.ready.Load() || !quiet() {
		return false, nil
	}
	lag, err := e.Lag(ctx)
	return err == nil && lag == 0 && quiet(), err
}

// Lag is the number of records that the groups of this instance's parts have not committed yet, by all instances together. It counts
// transaction markers as records.
func (e *Engine) Lag(ctx context.Context) (total int64, err error) {
	client, err := kgo.NewClient(e.cfg.Kafka...)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	// In the order of the flow, so that what moves on while we count is not missed.
	for _, part := range Parts {
		for _, topic := range e.groups[e.group(part)] {
			lags, err := lagOf(ctx, admin, e.group(part), topic)
			if err != nil {
				return 0, err
			}
			for _, n := range lags {
				total += n
			}
		}
	}
	return total, nil
}

// lagOf returns by partition how many records a group has not committed.
func lagOf(ctx context.Context, admin *kadm.Client, group, topic string) (map[int32]int64, error) {
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("list the start offsets of %s: %w", topic, err)
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("list the end offsets of %s: %w", topic, err)
	}
	committed, err := admin.FetchOffsetsForTopics(ctx, group, topic)
	if err != nil {
		return nil, fmt.Errorf("read the offsets of group %s: %w", group, err)
	}
	lag := map[int32]int64{}
	var failed error
	ends.Each(func(o kadm.ListedOffset) {
		if o.Err != nil {
			failed = errors.Join(failed, o.Err)
			return
		}
		at := int64(0)
		if s, ok := starts.Lookup(topic, o.Partition); ok && s.Err == nil {
			at = s.Offset
		}
		if c, ok := committed.Lookup(topic, o.Partition); ok && c.Err == nil {
			at = max(at, c.At)
		}
		lag[o.Partition] = max(0, o.Offset-at)
	})
	return lag, failed
}
