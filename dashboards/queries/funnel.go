package queries

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/afterclick/afterclick/schemas/table"
)

// Over says what goes through a funnel.
type Over string

const (
	Sessions Over = "sessions" // the clicks of each session
	Visitors Over = "visitors" // the clicks of each visitor, over sessions; dimensions are those of the first session in the period
	Visits   Over = "visits"   // the stages of each session and, if it ordered, of what became of its first order
	Journeys Over = "journeys" // the stages of each order, however it was placed
)

// Funnel asks how many units take some steps one after the other.
//
// A unit is at a step if it did the steps up to it in order (two at the same time are in order), the last within Within of the first,
// and each within its own Within of the one before; both limits belong to it. Other things may happen in between, and one click may be
// several steps, if it meets their conditions. That is what ClickHouse's windowFunnel counts. Of several ways to get as far, the one with the latest first
// step counts, when it got there first: the times between steps are those since the step before was last done.
//
// With Strict, nothing else may happen in between (no click that is not the next step; over stages: no other stage), but for the same
// step again; after anything else a unit begins anew with the first step. Then a click is one step only.
type Funnel struct {
	Over         Over
	Steps        []FunnelStep
	Since, Until time.Time     // of the clicks; the sessions' start over visits; the order's placing over journeys
	Within       time.Duration // of the first step; 0: no limit
	Strict       bool
	By           string      // a dimension, see sessionFields and journeyFields; empty: all in one group
	Where        []Condition // of the unit, on dimensions
	Bots         bool        // count visits of machines, too
	Most         int         // groups at most, the largest first; 0: 20
}

// FunnelStep is one step.
type FunnelStep struct {
	Name   string        // empty: the stage, or step 1, step 2, …
	Stage  string        // one of the stages; over clicks, a click that takes its session there
	Where  []Condition   // over clicks: all must hold
	Within time.Duration // of the step before; 0: no limit
}

// FunnelAnswer is how far the units of each group got.
type FunnelAnswer struct {
	Groups []FunnelGroup
	More   int // groups that are not shown
}

// FunnelGroup are the units that have one value of the dimension.
type FunnelGroup struct {
	Value string
	Steps []Reached
}

// Reached is a step with those who came there.
type Reached struct {
	Name     string
	Reached  uint64
	Left     uint64  // of these, those who got no further; 0 for the last step
	OfFirst  float64 // share of those at the first step
	OfBefore float64 // share of those at the step before
	// Seconds since the step before, of those who came here: half took at most Median, nine of ten at most P90.
	Median, P90 float64
}

// Ask asks the connection's database.
func (f Funnel) Ask(ctx context.Context, conn clickhouse.Conn) (FunnelAnswer, error) {
	var a FunnelAnswer
	q, sql, err := f.sql()
	if err != nil {
		return a, err
	}
	var rows []struct {
		Value   string    `ch:"value"`
		Reached []uint64  `ch:"reached"`
		Median  []float64 `ch:"median"`
		P90     []float64 `ch:"p90"`
		Groups  uint64    `ch:"groups"`
	}
	if err := q.ask(ctx, conn, &rows, sql); err != nil {
		return a, fmt.Errorf("ask for a funnel: %w", err)
	}
	for _, r := range rows {
		g := FunnelGroup{Value: r.Value}
		for i, n := range r.Reached {
			s := Reached{Name: f.name(i), Reached: n, Median: r.Median[i], P90: r.P90[i], OfFirst: share(n, r.Reached[0]), OfBefore: 1}
			if i > 0 {
				s.OfBefore = share(n, r.Reached[i-1])
			}
			if i+1 < len(r.Reached) {
				s.Left = n - r.Reached[i+1]
			}
			g.Steps = append(g.Steps, s)
		}
		a.Groups = append(a.Groups, g)
		a.More = int(r.Groups) - len(rows)
	}
	return a, nil
}

func (f *Funnel) sql() (*question, string, error) {
	q, units, err := f.units("")
	if err != nil {
		return nil, "", err
	}
	reached, median, p90 := []string{"countIf(level >= 1)"}, []string{"0."}, []string{"0."}
	for i := 2; i <= len(f.Steps); i++ {
		took := fmt.Sprintf("((times[%d] - times[%d]) / 1000, level >= %d)", i, i-1, i)
		reached = append(reached, fmt.Sprintf("countIf(level >= %d)", i))
		median = append(median, "ifNotFinite(quantileIf(0.5)"+took+", 0)")
		p90 = append(p90, "ifNotFinite(quantileIf(0.9)"+took+", 0)")
	}
	most := f.Most
	if most == 0 {
		most = 20
	}
	return q, fmt.Sprintf(`SELECT value, [%s] AS reached,
    [%s] AS median,
    [%s] AS p90, count() OVER () AS groups
FROM (%s)
WHERE level >= 1
GROUP BY value
ORDER BY reached[1] DESC, value
LIMIT %d`, strings.Join(reached, ", "), strings.Join(median, ", "), strings.Join(p90, ", "), units, most), nil
}

// Exit is a page that sessions ended on.
type Exit struct {
	Step  string `ch:"-"` // the last one that they did
	Page  string `ch:"page"`
	Units uint64 `ch:"units"`
	Level uint8  `ch:"level"` // of the step, from 1
}

// Exits says on which pages those left who did not take the next step: the most frequent pages of each step but the last, at most so
// many. A funnel of visitors has the last page of their first session, one of journeys none.
func (f Funnel) Exits(ctx context.Context, conn clickhouse.Conn, most int) ([]Exit, error) {
	if f.Over == Journeys {
		return nil, fmt.Errorf("orders do not leave on a page: ask for the exits over %s or %s", Sessions, Visits)
	}
	q, units, err := f.units("exit")
	if err != nil {
		return nil, err
	}
	var exits []Exit
	err = q.ask(ctx, conn, &exits, fmt.Sprintf(`SELECT toUInt8(level) AS level, value AS page, count() AS units
FROM (%s)
WHERE level >= 1 AND level < %d
GROUP BY level, value
ORDER BY level, units DESC, page
LIMIT %d BY level`, units, len(f.Steps), most))
	if err != nil {
		return nil, fmt.Errorf("ask for exits: %w", err)
	}
	for i := range exits {
		exits[i].Step = f.name(int(exits[i].Level) - 1)
	}
	return exits, nil
}

func share(n, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

func (f *Funnel) name(i int) string {
	s := &f.Steps[i]
	switch {
	case s.Name != "":
		return s.Name
	case s.Stage != "":
		return s.Stage
	}
	return "step " + strconv.Itoa(i+1)
}

// maxSteps bounds the size of the statement.
const maxSteps = 32

// units is a statement with a row for each unit: its value of the dimension, the times of the steps that it took, in milliseconds, and
// their number, level. With by, it groups by that instead of f.By.
func (f *Funnel) units(by string) (*question, string, error) {
	q := &question{}
	if by == "" {
		by = f.By
	}
	switch {
	case len(f.Steps) == 0 || len(f.Steps) > maxSteps:
		return nil, "", fmt.Errorf("a funnel has 1 to %d steps, not %d", maxSteps, len(f.Steps))
	case !f.Since.Before(f.Until):
		return nil, "", fmt.Errorf("the period from %s to %s is empty", f.Since.Format(time.DateTime), f.Until.Format(time.DateTime))
	case f.Within < 0:
		return nil, "", fmt.Errorf("within %s: must not be negative", f.Within)
	}
	for i, s := range f.Steps {
		if s.Within < 0 {
			return nil, "", fmt.Errorf("%s: within %s must not be negative", f.name(i), s.Within)
		}
	}
	var seqs string
	var err error
	switch f.Over {
	case Sessions, Visitors:
		seqs, err = f.clicks(q, by)
	case Visits:
		seqs, err = f.stages(q, by, merged(sessionStages, afterStages), sessionField)
	case Journeys:
		seqs, err = f.stages(q, by, merged(journeyStages, afterStages), journeyField)
	default:
		err = fmt.Errorf("a funnel goes over %s, %s, %s or %s, not %q", Sessions, Visitors, Visits, Journeys, f.Over)
	}
	if err != nil {
		return nil, "", err
	}
	return q, fmt.Sprintf("SELECT value, %s AS times, length(times) AS level\n    FROM (%s)", f.fold(), seqs), nil
}

// clicks are the units as sequences of clicks: value, seq.
func (f *Funnel) clicks(q *question, by string) (string, error) {
	var hits []string
	for i, s := range f.Steps {
		where := s.Where
		if s.Stage != "" {
			if _, err := named("stage", s.Stage, sessionStages); err != nil {
				return "", err
			}
		} else if len(where) == 0 {
			return "", fmt.Errorf("%s has neither a stage nor a condition", f.name(i))
		}
		if s.Stage != "" && s.Stage != table.Visit.String() { // every click is part of a visit
			where = append([]Condition{{Field: "stage", Is: []string{s.Stage}}}, where...)
		}
		c, err := all(q, where, clickField)
		if err != nil {
			return "", fmt.Errorf("%s: %w", f.name(i), err)
		}
		hits = append(hits, c)
	}
	value, units, err := f.unit(q, by, sessionField)
	if err != nil {
		return "", err
	}
	unit := "c.session"
	if f.Over == Visitors {
		unit = "c.visitor"
	}
	matched, some := f.elements(hits, "toUnixTimestamp64Milli(c.time)")
	if f.Strict {
		some = "1" // what is no step matters, too
	}
	return fmt.Sprintf(`
        SELECT argMin(%s, c.time) AS value, arraySort(groupArrayArray(%s)) AS seq
        FROM session_clicks(since = %s, until = %s) AS c
        INNER JOIN (SELECT * FROM sessions WHERE start >= %s - toIntervalDay(1) AND start < %s) AS s ON s.id = c.session
        WHERE (%s) AND (%s)
        GROUP BY %s`, value, matched, q.clock(f.Since), q.clock(f.Until), q.moment(f.Since), q.moment(f.Until), units, some, unit), nil
}

// stages are the units as sequences of the stages that have a time.
func (f *Funnel) stages(q *question, by string, columns map[string]string, field func(*question, string) (string, error)) (string, error) {
	var all []string
	for i, s := range f.Steps {
		if len(s.Where) > 0 {
			return "", fmt.Errorf("%s: over %s a step is a stage, without conditions", f.name(i), f.Over)
		}
		if _, err := named("stage", s.Stage, columns); err != nil {
			return "", err
		}
	}
	for _, name := range sorted(columns) {
		var steps []string
		for i, s := range f.Steps {
			if s.Stage == name {
				steps = append(steps, strconv.Itoa(i+1))
			}
		}
		at := "toUnixTimestamp64Milli(ifNull(" + columns[name] + ", toDateTime64(0, 3, 'UTC')))"
		if f.Strict {
			all = append(all, fmt.Sprintf("(%s, CAST([%s], 'Array(UInt8)'))", at, strings.Join(steps, ", ")))
			continue
		}
		for _, n := range steps {
			all = append(all, fmt.Sprintf("(%s, toUInt8(%s))", at, n))
		}
	}
	value, units, err := f.unit(q, by, field)
	if err != nil {
		return "", err
	}
	seq := "arraySort(arrayFilter(x -> x.1 > 0, [" + strings.Join(all, ", ") + "]))"
	if f.Over == Journeys {
		return fmt.Sprintf(`
        SELECT %s AS value, %s AS seq
        FROM journeys AS j
        WHERE j.month >= toStartOfMonth(%s) AND j.month < %s AND j.placed >= %s AND j.placed < %s AND (%s)`,
			value, seq, q.moment(f.Since), q.moment(f.Until), q.moment(f.Since), q.moment(f.Until), units), nil
	}
	return fmt.Sprintf(`
        SELECT %s AS value, %s AS seq
        FROM (SELECT * FROM sessions WHERE start >= %s AND start < %s) AS s
        LEFT JOIN (SELECT * FROM journeys WHERE month >= toStartOfMonth(%s - toIntervalDay(1))) AS j ON j.order = s.orders[1]
        WHERE %s`, value, seq, q.moment(f.Since), q.moment(f.Until), q.moment(f.Since), units), nil
}

// unit is the dimension, and the condition on the unit.
func (f *Funnel) unit(q *question, by string, field func(*question, string) (string, error)) (value, where string, err error) {
	value = "''"
	if by != "" {
		if value, err = field(q, by); err != nil {
			return "", "", err
		}
	}
	if where, err = all(q, f.Where, field); err != nil {
		return "", "", err
	}
	if f.Over != Journeys && !f.Bots {
		where += " AND NOT s.bot"
	}
	return value, where, nil
}

// elements is what a click adds to its unit's sequence, and the condition that it adds anything.
func (f *Funnel) elements(hits []string, at string) (elements, some string) {
	numbers := make([]string, len(hits))
	for i, h := range hits {
		numbers[i] = fmt.Sprintf("if(%s, %d, 0)", h, i+1)
	}
	steps := "arrayFilter(n -> n > 0, [" + strings.Join(numbers, ", ") + "])"
	if f.Strict {
		return fmt.Sprintf("[(%s, CAST(%s, 'Array(UInt8)'))]", at, steps), "1"
	}
	return fmt.Sprintf("arrayMap(n -> (%s, toUInt8(n)), %s)", at, steps), "(" + strings.Join(hits, ") OR (") + ")"
}

// fold walks through a sequence and gives the times of the steps that were taken.
func (f *Funnel) fold() string {
	limits := make([]string, len(f.Steps))
	for i, s := range f.Steps {
		limits[i] = milliseconds(s.Within)
	}
	within, each := milliseconds(f.Within), "["+strings.Join(limits, ", ")+"]"
	if f.Strict {
		// acc: the chain so far, and the longest there was. e: the time, and the steps that it may be.
		next := fmt.Sprintf(`multiIf(
            has(e.2, toUInt8(length(acc.1) + 1)) AND (empty(acc.1) OR e.1 - acc.1[1] <= %s AND e.1 - acc.1[-1] <= %s[length(acc.1) + 1]), arrayPushBack(acc.1, e.1),
            notEmpty(acc.1) AND has(e.2, toUInt8(length(acc.1))), arrayPushBack(arrayPopBack(acc.1), e.1),
            has(e.2, 1), [e.1], emptyArrayInt64())`, within, each)
		return fmt.Sprintf(`arrayFold((acc, e) -> arrayMap(now -> (now, if(length(now) > length(acc.2), now, acc.2)), [%s])[1],
        seq, (emptyArrayInt64(), emptyArrayInt64())).2`, next)
	}
	// acc: the latest chain that got to each step, and the longest when it was first there. A later chain can do all that an earlier
	// one of the same length could. e: the time and the step.
	return fmt.Sprintf(`arrayFold((acc, e) -> arrayMap(before -> if(
            e.2 = 1 OR notEmpty(before) AND e.1 - before[1] <= %s AND e.1 - before[-1] <= %s[e.2],
            (arrayMap((chain, n) -> if(n = e.2, arrayPushBack(before, e.1), chain), acc.1, range(1, %d)),
                if(length(acc.2) < e.2, arrayPushBack(before, e.1), acc.2)),
            acc), [if(e.2 = 1, emptyArrayInt64(), acc.1[toUInt64(e.2 - 1)])])[1],
        seq, (arrayResize([emptyArrayInt64()], %d), emptyArrayInt64())).2`, within, each, len(f.Steps)+1, len(f.Steps))
}

// milliseconds of a limit; 0 is none.
func milliseconds(d time.Duration) string {
	if d == 0 {
		return "toInt64(" + strconv.FormatInt(math.MaxInt64, 10) + ")"
	}
	return "toInt64(" + strconv.FormatInt(d.Milliseconds(), 10) + ")"
}
