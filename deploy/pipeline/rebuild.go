package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/ingest"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/table"
)

// Rebuild makes the next generation of the tables from all the events there are, and switches to it. It goes on where a former one was
// stopped, unless the settings are others now.
//
// The current generation is only read. Whatever happens to a rebuild, instances go on with it, until one row is written: that the next
// generation is current.
type Rebuild struct {
	Config     *config.Config // of the first generation, as everywhere
	Log        *slog.Logger
	AcceptLoss bool // go on although nobody has some of the events any more
	PlanOnly   bool
	// Planned is given the plan, before it is judged.
	Planned func(*Plan)
	// Say is told each step, in a sentence.
	Say func(format string, args ...any)
	// Progress is told how much of the step at hand is done.
	Progress func(doing string, done, total int64)

	conn    clickhouse.Conn // public
	options clickhouse.Options
	current migrate.Generation
	next    migrate.Generation
	mu      sync.Mutex // guards next.State, against the heart's beat
}

// ErrAtWork means that another rebuild is being made.
var ErrAtWork = errors.New("another rebuild is at work")

// Run returns when the new generation is current and the instances have gone over to it.
func (r *Rebuild) Run(ctx context.Context) (err error) {
	c := r.Config
	if r.options, err = c.ClickHouse.Options(); err != nil {
		return err
	}
	var all migrate.Generations
	if r.conn, all, err = Generations(ctx, c); err != nil {
		return err
	}
	defer r.conn.Close()
	r.current = all.Current()
	if done, err := r.finishSwitch(ctx); done || err != nil {
		return err
	}
	continues := false
	if r.next, continues, err = r.target(ctx, all); err != nil {
		return err
	}
	at := c.At(r.next.Number)
	was, err := r.connect(ctx, c.At(r.current.Number))
	if err != nil {
		return err
	}
	defer was.Close()
	p, err := plan(ctx, c, was, all)
	if err != nil {
		return err
	}
	p.To, p.Continues, p.Database = r.next.Number, continues, at.ClickHouse.Database
	if r.Planned(p); r.PlanOnly {
		return p.Err()
	}
	if err := p.Err(); err != nil && !r.AcceptLoss {
		return err
	}
	if last := all.Last(); last.Number > r.current.Number && last.Number != r.next.Number && last.State != migrate.Dropped {
		last.State = migrate.Abandoned
		if err := migrate.NoteGeneration(ctx, r.conn, last); err != nil {
			return err
		}
	}
	r.next.State = migrate.Building
	if err := migrate.NoteGeneration(ctx, r.conn, r.next); err != nil {
		return err
	}
	stop := r.beat(ctx)
	defer stop()
	if _, err := migrate.UpGeneration(ctx, r.options, r.next.Number); err != nil {
		return err
	}
	at.DataDir = filepath.Join(c.DataDir, fmt.Sprintf("rebuild-g%d", r.next.Number)) // its own name, and its own caches
	at.Hold = min(at.Hold, config.Duration(time.Second))                             // what was held back would be missing in the views right after the switch
	if err := r.past(ctx, at, was, p); err != nil {
		return err
	}
	return r.log(ctx, at, p, stop)
}

// connect opens the tables of a generation.
func (r *Rebuild) connect(ctx context.Context, at *config.Config) (clickhouse.Conn, error) {
	options, err := at.ClickHouse.Options()
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(&options)
	if err != nil {
		return nil, fmt.Errorf("clickhouse.address: %w", err)
	}
	if err := ready(ctx, conn, at); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// finishSwitch writes the views of the current generation if the rebuild that made it died before it had.
func (r *Rebuild) finishSwitch(ctx context.Context) (done bool, err error) {
	if r.current.Number <= 1 || r.PlanOnly {
		return false, nil
	}
	shown, err := migrate.Shown(ctx, r.conn, r.options.Auth.Database, r.current.Number)
	if shown || err != nil {
		return false, err
	}
	if _, err := migrate.Show(ctx, r.options, r.current.Number); err != nil {
		return false, err
	}
	r.Say("Generation %d was current already, but not all views read it: now they do. Nothing else was done", r.current.Number)
	return true, nil
}

// target is the generation to be made: one that was begun with the same settings, else the next number. Numbers are not used again.
func (r *Rebuild) target(ctx context.Context, all migrate.Generations) (next migrate.Generation, continues bool, err error) {
	last := all.Last()
	next = migrate.Generation{Number: last.Number + 1, Settings: r.Config.Settings()}
	if last.Number <= r.current.Number || last.State != migrate.Building && last.State != migrate.Switching {
		return next, false, nil
	}
	if last.Age < alive && !r.PlanOnly {
		r.Say("Generation %d was noted as %s %s ago: waiting whether somebody is at it", last.Number, last.State, last.Age.Round(100*time.Millisecond))
		for noted := last.At; last.Age < alive; {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return next, false, ctx.Err()
			}
			if all, err = migrate.ReadGenerations(ctx, r.conn); err != nil {
				return next, false, err
			}
			if last = all.Last(); last.At != noted {
				return next, false, fmt.Errorf("%w: on generation %d of the tables", ErrAtWork, last.Number)
			}
		}
	}
	if last.Settings == next.Settings {
		return last, true, nil
	}
	return next, false, nil
}

// beat notes again and again that somebody is at it, until the returned function has returned.
func (r *Rebuild) beat(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-time.After(noteEvery):
			case <-ctx.Done():
				return
			}
			r.mu.Lock()
			next := r.next
			r.mu.Unlock()
			if err := migrate.NoteGeneration(ctx, r.conn, next); err != nil && ctx.Err() == nil {
				r.Log.Warn("could not note that the rebuild is at work", "error", err)
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// note changes the state of the generation that is being made.
func (r *Rebuild) note(ctx context.Context, s migrate.State) error {
	r.mu.Lock()
	r.next.State = s
	next := r.next
	r.mu.Unlock()
	return migrate.NoteGeneration(ctx, r.conn, next)
}

// farBehind is how many records may wait for the machines until feeding them from the tables pauses.
const farBehind = 200_000

// past processes what only the tables of the current generation have. Kafka may delete more meanwhile: then that, too.
func (r *Rebuild) past(ctx context.Context, at *config.Config, was clickhouse.Conn, p *Plan) error {
	records, _ := p.Records()
	if records == 0 {
		return nil
	}
	r.Say("Replaying %d records out of the tables, which Kafka has no longer", records)
	done := map[string]int64{} // where Kafka's log began, by topic and partition
	for {
		var parts []ingest.PastPart
		fresh, total := false, int64(0)
		for _, one := range p.Partitions {
			if one.Past == 0 {
				continue
			}
			part := ingest.PastPart{Topic: one.Topic, Partition: one.Partition, Begin: one.First, End: one.LogStart}
			key := fmt.Sprintf("%s/%d", part.Topic, part.Partition)
			fresh = fresh || done[key] < part.End
			done[key] = part.End
			parts, total = append(parts, part), total+one.Past
		}
		if !fresh {
			return nil
		}
		sources, err := opened(at)
		if err != nil {
			return err
		}
		if err := r.copyRefused(ctx, at, sources, parts); err != nil {
			return err
		}
		if err := r.replayPast(ctx, at, was, sources, parts, total); err != nil {
			return err
		}
		all, err := migrate.ReadGenerations(ctx, r.conn)
		if err != nil {
			return err
		}
		if p, err = plan(ctx, r.Config, was, all); err != nil {
			return err
		}
		if err := p.Err(); err != nil && !r.AcceptLoss {
			return err
		}
	}
}

// opened are the sources of a configuration, by topic.
func opened(c *config.Config) (map[string]ingest.OpenSource, error) {
	e, err := c.Engine()
	if err != nil {
		return nil, err
	}
	all, err := e.OpenSources()
	if err != nil {
		return nil, err
	}
	sources := map[string]ingest.OpenSource{}
	for _, s := range all {
		sources[s.Topic] = s
	}
	return sources, nil
}

// copyRefused copies the dead letters that cannot be refused again, because not all of them was kept.
func (r *Rebuild) copyRefused(ctx context.Context, at *config.Config, sources map[string]ingest.OpenSource, parts []ingest.PastPart) error {
	from, to := migrate.DatabaseOf(r.options.Auth.Database, r.current.Number), at.ClickHouse.Database
	var columns []string
	for _, f := range table.DeadLetters.Columns {
		columns = append(columns, table.Identifier(f.Name))
	}
	list := strings.Join(columns, ", ")
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_partitions_per_insert_block": 0}))
	for _, p := range parts {
		err := r.conn.Exec(ctx, fmt.Sprintf("INSERT INTO `%s`.%s (%s) SELECT %s FROM `%s`.%s WHERE topic = %s AND partition = %d AND offset < %d AND %s",
			to, table.DeadLetters.Stored(), list, list, from, table.DeadLetters.Stored(), table.Quote(p.Topic), p.Partition, p.End, verbatim(sources[p.Topic])))
		if err != nil {
			return fmt.Errorf("copy the dead letters of %s/%d: %w", p.Topic, p.Partition, err)
		}
	}
	return nil
}

// replayPast has the machines work while they are fed, so that none gets far ahead of another.
func (r *Rebuild) replayPast(ctx context.Context, at *config.Config, was clickhouse.Conn, sources map[string]ingest.OpenSource, parts []ingest.PastPart, total int64) error {
	beside := []string{ingest.PartSessions, ingest.PartJourneys}
	if at.KeyedBy == config.KeyedByVisitor {
		beside = []string{ingest.PartJourneys} // SESSION itself reads the past
	}
	machines, err := open(ctx, at, beside, r.Log)
	if err != nil {
		return err
	}
	defer machines.Close()
	if err := machines.Lookups.Load(ctx); err != nil { // both ask them, from the first event on
		return err
	}
	reader, err := engine(at, ingest.Parts, machines.Writer, machines.Lookups, r.Log)
	if err != nil {
		return err
	}
	records := newPastReader(was, sources, parts)
	var done atomic.Int64
	asked, lag := time.Time{}, int64(0)
	var mu sync.Mutex
	past := ingest.Past{Parts: parts, Read: records.read, Done: func(n int) { done.Add(int64(n)) }, Wait: func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		for time.Since(asked) > time.Second || lag > farBehind {
			if n, err := machines.Engine.Lag(ctx); err == nil {
				lag = n
			}
			if asked = time.Now(); lag <= farBehind {
				break
			}
			select {
			case <-time.After(500 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}}
	running, stop := context.WithCancel(ctx)
	defer stop()
	group, running := errgroup.WithContext(running)
	group.Go(func() error { return machines.Run(running) })
	group.Go(func() error {
		defer stop()
		return reader.RunPast(running, past)
	})
	group.Go(func() error {
		r.tell(running, "out of the tables", func() (int64, int64) { return done.Load(), total })
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// tell shows progress until ctx ends.
func (r *Rebuild) tell(ctx context.Context, doing string, how func() (done, total int64)) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			done, total := how()
			r.Progress(doing, min(done, total), total)
		case <-ctx.Done():
			done, total := how()
			r.Progress(doing, min(done, total), total)
			return
		}
	}
}

// log runs the whole pipeline on the new generation, from where Kafka's log begins, and switches when it has caught up.
func (r *Rebuild) log(ctx context.Context, at *config.Config, p *Plan, stopBeat func()) error {
	next, err := open(ctx, at, nil, r.Log)
	if err != nil {
		return err
	}
	defer next.Close()
	running, stop := context.WithCancel(context.WithoutCancel(ctx)) // what it does last has no hurry
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- next.Run(running) }()
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	failed := make(chan struct{})
	go func() {
		defer close(failed)
		if err := <-ended; working.Err() == nil {
			cancel(errors.Join(errors.New("the new generation's pipeline ended"), err))
		}
	}()
	err = r.switchTo(working, at, next, p, stopBeat)
	if cause := context.Cause(working); err != nil && cause != nil && ctx.Err() == nil {
		err = cause
	}
	cancel(nil)
	stop()
	<-failed
	if e := next.Engine.Leave(context.WithoutCancel(ctx)); e != nil {
		r.Log.Warn("could not leave the groups: the instances get their partitions after kafka.session_timeout", "error", e)
	}
	if err != nil {
		return err
	}
	if err := os.RemoveAll(at.DataDir); err != nil {
		r.Log.Warn("could not remove a folder that nobody needs any more", "error", err)
	}
	r.Say("Done. What is left of generation %d goes with: afterclick rebuild --clean", r.current.Number)
	return nil
}

// switchTo has the new generation catch up, sees to it that nobody adds to the old one, and shows the new one.
func (r *Rebuild) switchTo(ctx context.Context, at *config.Config, next *Pipeline, p *Plan, stopBeat func()) error {
	_, log := p.Records()
	r.Say("Replaying %d records out of Kafka into generation %d", log, r.next.Number)
	if err := r.catchUp(ctx, next, log); err != nil {
		return err
	}
	r.Say("Caught up. Comparing with generation %d", r.current.Number)
	if err := r.compare(ctx, at, next); err != nil {
		return err
	}
	own, err := next.instance(at)
	if err != nil {
		return err
	}
	was, err := r.Config.At(r.current.Number).Engine()
	if err != nil {
		return err
	}
	others, err := was.Members(ctx, "")
	if err != nil {
		return err
	}
	if err := r.note(ctx, migrate.Switching); err != nil {
		return err
	}
	undo := func(err error) error { // or the instances would wait until they no longer believe in us
		later, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return errors.Join(err, r.note(later, migrate.Building))
	}
	if len(others) > 0 {
		r.Say("Waiting for the instances that work on generation %d to end their epochs", r.current.Number)
		if err := r.await(ctx, &was, func(members []string) bool { return len(members) == 0 }, r.patience()); err != nil {
			return undo(err)
		}
	}
	if err := r.settle(ctx, at, next); err != nil {
		return undo(err)
	}
	if err := r.remember(ctx, at); err != nil {
		return undo(err)
	}
	stopBeat() // or it would note that we are still switching
	if err := r.note(ctx, migrate.Current); err != nil {
		return undo(err)
	}
	// From here on the new generation is current, whatever happens.
	if _, err := migrate.Show(context.WithoutCancel(ctx), r.options, r.next.Number); err != nil {
		return fmt.Errorf("generation %d is current, but not all views read it: run this again, or `afterclick migrate`: %w", r.next.Number, err)
	}
	r.Say("Switched: the views read generation %d, in database %s", r.next.Number, at.ClickHouse.Database)
	if len(others) == 0 {
		return nil
	}
	now, err := at.Engine()
	if err != nil {
		return err
	}
	r.Say("Handing over to the instances")
	come := func(members []string) bool {
		for _, part := range ingest.Parts {
			group, was := now.Group(part), was.Group(part)
			had := slices.ContainsFunc(others, func(m string) bool { return strings.HasPrefix(m, was+".") })
			has := slices.ContainsFunc(members, func(m string) bool {
				return strings.HasPrefix(m, group+".") && !strings.HasPrefix(m, group+"."+own+"-")
			})
			if had && !has {
				return false
			}
		}
		return true
	}
	return r.await(ctx, &now, come, comeWithin) // those that had died do not come
}

// comeWithin is how long instances get to join the groups of a new generation while the rebuild is still in them. It matters little: then
// their partitions wait for them a moment.
const comeWithin = 10 * time.Second

// patience is how long the instances may take to come or go. One that has died is in its groups for session_timeout.
func (r *Rebuild) patience() time.Duration {
	return time.Duration(r.Config.Kafka.SessionTimeout) + 30*time.Second
}

// await waits for the members of a generation's groups. After some time it goes on without: an instance that does not come or go does no
// harm, because generations share nothing.
func (r *Rebuild) await(ctx context.Context, e *ingest.Config, ok func(members []string) bool, patience time.Duration) error {
	for end := time.Now().Add(patience); ; {
		members, err := e.Members(ctx, "")
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && ok(members):
			return nil
		case time.Now().After(end):
			r.Log.Info("waited long enough for instances to come or go", "seconds", patience.Seconds(), "groups", e.Prefix, "members", members, "error", err)
			return nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// catchUp returns when the rest would take some seconds, as it always will while events come.
func (r *Rebuild) catchUp(ctx context.Context, next *Pipeline, total int64) error {
	const near = 10 * time.Second
	var lag atomic.Int64
	lag.Store(total)
	telling, stop := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		r.tell(telling, "out of Kafka", func() (int64, int64) {
			now := lag.Load()
			return max(total-now, 0), max(total, now)
		})
	}()
	defer func() { stop(); <-told }()
	read, since := int64(0), time.Now()
	for {
		n, err := next.Engine.Lag(ctx)
		if err == nil {
			lag.Store(n)
			took := time.Since(since)
			rate := float64(next.Engine.Metrics.Read.Load()-read) / took.Seconds()
			if n == 0 || rate > 0 && float64(n) < rate*near.Seconds() {
				return nil
			}
			if took > 5*time.Second {
				read, since = next.Engine.Metrics.Read.Load(), time.Now()
			}
		}
		select {
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// settle waits until all that Kafka has now can be read in the new generation's views.
func (r *Rebuild) settle(ctx context.Context, at *config.Config, next *Pipeline) error {
	if _, err := next.Engine.Pass(ctx); err != nil {
		return err
	}
	// What was held back, and then the cells, whose clock is the server's.
	pauses := []time.Duration{time.Duration(at.Hold) + 2*time.Duration(at.Epoch.Interval), 1200 * time.Millisecond}
	for _, pause := range pauses {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if _, err := next.cells.Refresh(ctx); err != nil {
			return err
		}
	}
	return nil
}

// remember takes over what was said of past days, which no replay gives again. What the new generation said while it was being filled was
// never shown to anybody. So what the rebuild changed is a restatement, too.
func (r *Rebuild) remember(ctx context.Context, at *config.Config) error {
	conn, err := r.connect(ctx, at)
	if err != nil {
		return err
	}
	defer conn.Close()
	public, stated := r.options.Auth.Database, table.Stated.Stored()
	for _, s := range []string{"TRUNCATE TABLE " + stated,
		fmt.Sprintf("INSERT INTO %s SELECT * FROM `%s`.%s", stated, strings.ReplaceAll(migrate.DatabaseOf(public, r.current.Number), "`", "``"), stated)} {
		if err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("take over what was said of past days: %w", err)
		}
	}
	return nil
}

// missing finds offsets of a source partition that the tables of one generation have, and those of another have not.
const missing = `SELECT intDiv(offset, 65536) * 65536 AS block, bitmapToArray(bitmapAndnot(groupBitmapStateIf(low, made = 0), groupBitmapStateIf(low, made = 1))) AS lost
FROM (%s)
GROUP BY block HAVING notEmpty(lost) ORDER BY block LIMIT 100`

// compare refuses to go on if the new generation lacks a record that the current one has: Kafka may have deleted some before we came
// to them.
func (r *Rebuild) compare(ctx context.Context, at *config.Config, next *Pipeline) error {
	ends, err := next.Engine.Pass(ctx)
	if err != nil {
		return err
	}
	public := r.options.Auth.Database
	var lost []string
	for topic, list := range ends {
		for partition, end := range list {
			var from []string
			for made, generation := range []uint16{r.current.Number, r.next.Number} {
				for _, t := range []string{table.Events.Stored(), table.DeadLetters.Stored()} {
					from = append(from, fmt.Sprintf("SELECT offset, toUInt32(offset %% 65536) AS low, %d AS made FROM `%s`.%s WHERE topic = %s AND partition = %d AND offset < %d",
						made, migrate.DatabaseOf(public, generation), t, table.Quote(topic), partition, end))
				}
			}
			rows, err := r.conn.Query(ctx, fmt.Sprintf(missing, strings.Join(from, " UNION ALL ")))
			if err != nil {
				return fmt.Errorf("compare the generations of %s/%d: %w", topic, partition, err)
			}
			for rows.Next() {
				var block int64
				var low []uint32
				if err := rows.Scan(&block, &low); err != nil {
					rows.Close()
					return fmt.Errorf("compare the generations of %s/%d: %w", topic, partition, err)
				}
				slices.Sort(low)
				lost = append(lost, fmt.Sprintf("%s/%d offsets %d–%d (%d)", topic, partition, block+int64(low[0]), block+int64(low[len(low)-1]), len(low)))
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil {
				return fmt.Errorf("compare the generations of %s/%d: %w", topic, partition, err)
			}
		}
	}
	if len(lost) == 0 {
		return nil
	}
	slices.Sort(lost)
	// Kafka does not give them any more, so going on with this one would not help.
	if err := r.note(ctx, migrate.Abandoned); err != nil {
		return err
	}
	return fmt.Errorf("generation %d lacks records that generation %d has: %s. Kafka deleted them before they were replayed; nothing was switched. Run it again: it begins anew, and takes them out of the tables",
		r.next.Number, r.current.Number, strings.Join(lost, "; "))
}

// instance is the name of this process in the groups.
func (p *Pipeline) instance(at *config.Config) (string, error) { return instance(at.DataDir) }
