package ingest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/afterclick/afterclick/ingest/decode"
	"github.com/afterclick/afterclick/ingest/sim"
	"github.com/afterclick/afterclick/ingest/state"
	"github.com/afterclick/afterclick/processors/oracle"
	"github.com/afterclick/afterclick/processors/trial"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/flow"
	"github.com/afterclick/afterclick/schemas/table"
)

// check says what is wrong in the end.
func (w *simWorld) check() error {
	if len(w.house.Conflicts) > 0 {
		return fmt.Errorf("%s", w.house.Conflicts[0])
	}
	accepted, err := w.receipt()
	if err != nil {
		return err
	}
	if err := w.tables(accepted); err != nil {
		return err
	}
	if err := w.undisturbed(); err != nil {
		return err
	}
	w.countAbsorbed()
	return nil
}

// receipt checks that every event of every record of the sources is in exactly one of events and dead letters, as it came or as canonical
// JSON of what came, and returns the accepted.
func (w *simWorld) receipt() ([]*event.Event, error) {
	type place = string
	events, dead := map[place][]string{}, map[place][]string{}
	for _, v := range w.house.Values("events", "topic", "partition", "offset", "part", "body", "status") {
		at := strings.Join(v[:4], "/")
		if events[at] != nil {
			return nil, fmt.Errorf("%s is in events twice", at)
		}
		events[at] = v
	}
	for _, v := range w.house.Values("dead_letters", "topic", "partition", "offset", "part", "body") {
		at := strings.Join(v[:4], "/")
		if dead[at] != nil {
			return nil, fmt.Errorf("%s is in dead_letters twice", at)
		}
		dead[at] = v
	}
	var accepted []*event.Event
	for _, s := range w.whole {
		reader := s.Reader(w.cfg.MaxEvent)
		for _, p := range w.kafka.Partitions(s.Topic) {
			records, _ := w.kafka.Fetch(p, 0, 1<<30)
			for _, r := range records {
				time, _ := SourceTime(r)
				parts, err := reader.Read(&decode.Record{Key: r.Key, Value: r.Value, Headers: r.Headers, Time: time}, w.cfg.Rules)
				if err != nil {
					return nil, err
				}
				first := fmt.Sprintf("%s/%d/%d/0", r.Topic, r.Partition, r.Offset)
				if d := dead[first]; d != nil && d[4] == string(r.Value) { // as a whole: its own time is wrong, maybe
					parts = []decode.Part{{Refusal: &event.Refusal{}, Raw: r.Value}}
				}
				for i, part := range parts {
					at := fmt.Sprintf("%s/%d/%d/%d", r.Topic, r.Partition, r.Offset, i)
					e, d := events[at], dead[at]
					delete(events, at)
					delete(dead, at)
					want := string(part.Body)
					if part.Refusal != nil || s.Direct() {
						want = string(part.Raw)
						if part.Refusal == nil {
							want = string(r.Value)
						}
					}
					switch {
					case e == nil && d == nil:
						return nil, fmt.Errorf("%s is lost: %s", at, brief(r))
					case e != nil && d != nil:
						return nil, fmt.Errorf("%s is in events and in dead_letters: %s", at, brief(r))
					case d != nil:
						if d[4] != want {
							return nil, fmt.Errorf("%s is in dead_letters as %s", at, d[4])
						}
						continue
					case e[4] != want:
						return nil, fmt.Errorf("%s is in events as %s, not %s", at, e[4], want)
					}
					switch statuses[e[5]] {
					case table.Late:
						if !w.late {
							return nil, fmt.Errorf("%s is late, and nothing here comes late: %s", at, brief(r))
						}
					case table.Accepted, table.Duplicate:
						ev, err := new(decode.Decoder).Decode(s.Holds()[0], []byte(want))
						if err != nil {
							return nil, err
						}
						accepted = append(accepted, ev)
					}
				}
			}
		}
	}
	for at := range events {
		return nil, fmt.Errorf("events has %s, which nobody wrote", at)
	}
	for at := range dead {
		return nil, fmt.Errorf("dead_letters has %s, which nobody wrote", at)
	}
	return accepted, nil
}

// statuses are the numbers that the events table has for them.
var statuses = func() map[string]table.Status {
	numbers := map[string]table.Status{}
	for _, s := range []table.Status{table.Accepted, table.Duplicate, table.Late} {
		c := rows(func(b *table.Batch) { b.Events.Append(&table.Event{Status: s}) })
		numbers[c.Values("events", "status")[0][0]] = s
	}
	return numbers
}()

// tables compares what the tables show with the oracle.
func (w *simWorld) tables(accepted []*event.Event) error {
	rules := oracle.Rules{Gap: w.visits.Gap, MaxLength: w.visits.MaxLength, Horizon: w.visits.Horizon, ByTracker: w.visits.ByTracker,
		Lookups: trial.Shop}
	want := oracle.Of(rules, accepted)
	all := rows(func(b *table.Batch) {
		for i := range want.Sessions {
			b.Sessions.Append(&want.Sessions[i])
		}
		for i := range want.Identities {
			b.Identities.Append(&want.Identities[i])
		}
		for i := range want.Journeys {
			b.Journeys.Append(&want.Journeys[i])
		}
		for i := range want.Reviews {
			b.Reviews.Append(&want.Reviews[i])
		}
	})
	for _, name := range []string{"sessions", "identities", "journeys", "reviews"} {
		if n, first := sim.Differ(w.house, all, name, true); n > 0 {
			return fmt.Errorf("%d rows differ from the oracle's, the first in %s", n, first)
		}
	}
	return nil
}

// undisturbed reads the committed logs once more, in one epoch each, and compares tables, revisions included, and states.
func (w *simWorld) undisturbed() error {
	house := sim.NewClickHouse()
	for _, part := range []string{PartSessions, PartJourneys} {
		topics := w.topicsOf(part)
		group := w.groups[part]
		for id := range w.counts[topics.input] {
			task := newKeyed(&w.cfg, &Metrics{}, topics, w.machine(part))
			p := newPartition(id, state.New(), nil, position{Version: positionVersion, Generation: w.cfg.Generation, Clock: w.clock(part)}, w.now)
			task.parts[id] = p
			e := newEpoch()
			e.reset(w.now)
			at := sim.Partition{Topic: topics.input, ID: id}
			records, _ := w.kafka.Fetch(at, 0, 1<<30)
			for _, r := range records {
				if err := task.take(r, e); err != nil {
					return fmt.Errorf("undisturbed: %w", err)
				}
			}
			task.finishAll(e, house)
			if offset, _, _ := group.Committed(at); offset != p.position.Offset {
				return fmt.Errorf("undisturbed: %v ends at %d, the group at %d", at, p.position.Offset, offset)
			}
			if err := w.states(part, id, task, p); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"events", "sessions", "identities", "journeys", "reviews"} {
		if n, first := sim.Differ(w.house, house, name, false); n > 0 {
			return fmt.Errorf("%d rows differ from those of an undisturbed run, the first in %s", n, first)
		}
	}
	return nil
}

// finishAll ends an epoch and writes what is held back.
func (t *keyed) finishAll(e *epoch, house *sim.ClickHouse) {
	for range 2 {
		if err := t.finish(e); err != nil {
			panic(err)
		}
		for _, b := range e.rows.Blocks() {
			house.Insert(b)
		}
		t.committed(e.now)
		e.reset(e.now)
		e.idle = true
	}
}

func (w *simWorld) clock(part string) clock {
	return clock{topics: w.cfg.feeding(w.topicsOf(part).input)}
}

// states compares the states that the changelog has with those of its lane, and with those of an undisturbed run: what the machine
// says of them now, and the states that it goes on with.
func (w *simWorld) states(part string, id int32, task *keyed, p *partition) error {
	topics := w.topicsOf(part)
	at := sim.Partition{Topic: topics.changelog, ID: id}
	c := newReplay(topics, part, id, state.New(), false, heldSet{}, position{Version: positionVersion, Generation: w.cfg.Generation, Clock: w.clock(part)})
	records, _ := w.kafka.Fetch(at, 0, 1<<30)
	for _, r := range records {
		if err := c.take(r); err != nil {
			return err
		}
	}
	input := sim.Partition{Topic: topics.input, ID: id}
	offset, ok, _ := w.groups[part].Committed(input)
	if err := c.end(offset, ok); err != nil {
		return err
	}
	pos := c.pos
	owner := w.owner(input)
	mine := owner.keyed.parts[id]
	if a, b := w.canonical(part, c.store, 0), w.canonical(part, mine.store, 0); a != b {
		return fmt.Errorf("%v and the memory of %s differ: %s", at, owner.name(), firstLine(a, b))
	}
	if a, b := fmt.Sprint(pos), fmt.Sprint(mine.position); a != b {
		return fmt.Errorf("@position of %v is %s, %s has %s", at, a, owner.name(), b)
	}
	for topic, list := range pos.Clock.Sources {
		for i, s := range list {
			if s.Heard && !s.Idle {
				return fmt.Errorf("%v waits for %s/%d, which is silent: its clock stands still at %v", at, topic, i, pos.Clock.Now)
			}
		}
	}
	if a, b := pos.Clock.Now, p.position.Clock.Now; a != b {
		return fmt.Errorf("the clock of %v is %v, of an undisturbed run %v", at, a, b)
	}
	if a, b := w.canonical(part, c.store, pos.Clock.Now), w.canonical(part, p.store, pos.Clock.Now); a != b {
		return fmt.Errorf("states of %v and of an undisturbed run differ: %s", at, firstLine(a, b))
	}
	return nil
}

func firstLine(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range max(len(x), len(y)) {
		if i >= len(x) || i >= len(y) || x[i] != y[i] {
			get := func(s []string) string {
				if i < len(s) {
					return s[i]
				}
				return "(none)"
			}
			a, b := get(x), get(y)
			same := 0
			for same < min(len(a), len(b)) && a[same] == b[same] {
				same++
			}
			cut := max(0, same-40)
			return fmt.Sprintf("%.40s …\n  %.400s\n  %.400s", a, a[min(cut, len(a)):], b[min(cut, len(b)):])
		}
	}
	return "nothing"
}

// canonical is a store as text. With a clock it is what all runs have in common at that time: whether rows are held back differs, so
// everything is told first, and a state may be expired and not yet gone.
func (w *simWorld) canonical(part string, s *state.Store, clock event.Time) string {
	m := w.machine(part)
	lines := map[string]string{}
	s.Each(func(key, kept []byte, expires event.Time) bool {
		body := keptState(kept)
		lines[string(key)] = fmt.Sprintf("%d %x", expires, body)
		if clock > 0 {
			delete(lines, string(key))
			if next, settled := m.Settle(bytes.Clone(body), true, &flow.Output{}); settled.Expires >= clock {
				lines[string(key)] = fmt.Sprintf("%d %x", settled.Expires, next)
			}
		}
		return true
	})
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(&b, "%s %s\n", key, lines[key])
	}
	return b.String()
}

// countAbsorbed counts sessions that an epoch showed which was not committed, and that are no sessions in the end: they begin elsewhere
// now, on another day perhaps, or belong to another.
func (w *simWorld) countAbsorbed() {
	const day = 86_400_000
	type session struct{ start, end int64 }
	final := map[string][]session{}
	for _, v := range w.house.Values("sessions", "visitor", "start", "end") {
		var s session
		fmt.Sscan(v[1], &s.start)
		fmt.Sscan(v[2], &s.end)
		final[v[0]] = append(final[v[0]], s)
	}
	for _, shown := range w.aborted {
		all := final[shown.visitor]
		if slices.ContainsFunc(all, func(s session) bool { return s.start == shown.start }) {
			continue
		}
		// An event that came later may have been earlier, or the same session is seen to begin later.
		moved := slices.ContainsFunc(all, func(s session) bool {
			return s.start <= shown.end && shown.start <= s.end && s.start/day != shown.start/day
		})
		if moved {
			w.dice.Count(sim.ShownAndMoved)
		} else {
			w.dice.Count(sim.ShownAndAbsorbed)
		}
	}
}
