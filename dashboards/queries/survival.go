package queries

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Survival asks how many journeys go from one stage on to another, and how soon, without taking those that are still on their way for
// lost: an order placed yesterday has not failed to be delivered.
//
// A journey enters at From and is watched until To, or until now: then it is open. Shares are estimated by Kaplan and Meier (1958): at
// each time after entering, of those who were watched that long and had not got there, which share did. Intervals are Greenwood's, on
// the scale of log(−log), which keeps them between 0 and 1 (Kalbfleisch and Prentice, 1980).
//
// A cancelled order does not get there any more, but it is not open either: it stays among those who have not, until now, as it would
// if it had not been cancelled. So the estimate is the share of all who entered, and not of those who were not cancelled. (The risk set
// of Fine and Gray, 1999, where the end of watching is known of all.)
//
// The estimate takes journeys that entered at different times to be alike. Where nothing moves at weekends they are not, so ask over
// whole weeks, and two at least: the fewer, the more the newest are judged by what the others did on other weekdays.
//
// What got to To before From was told counts as having taken no time.
type Survival struct {
	From, To     string    // stages of journeys, such as order, ship, deliver, review
	Since, Until time.Time // of entering
	Now          time.Time // until when journeys were watched; zero: until the last event that is known of any
	By           string    // a dimension of journeys, or entered_day, entered_week, entered_month; empty: all in one group
	Where        []Condition
	Horizons     []time.Duration // at which shares are wanted, ascending
	Resolution   time.Duration   // to which durations are rounded; 0: an hour. Horizons must be multiples of it.
	Most         int             // groups at most, the largest first; 0: 50
}

// SurvivalAnswer has a group for each value of the dimension.
type SurvivalAnswer struct {
	Groups []SurvivalGroup
	More   int // groups that are not shown
}

// SurvivalGroup are the journeys that have one value of the dimension.
type SurvivalGroup struct {
	Value     string
	Entered   uint64
	Done      uint64        // got there by now
	Open      uint64        // did not yet, and still may
	Cancelled uint64        // will not
	Median    time.Duration // after which half have got there, by the estimate; 0: it is not known yet
	At        []Share       // by horizon
	Curve     []Moment      // every time at which somebody got there, up to the last horizon
}

// Share is what is known at a horizon.
type Share struct {
	After     time.Duration
	Observed  float64 // of all who entered, got there in that time: too low as long as some are open
	Estimated float64
	Low, High float64 // 95 % interval of the estimate
	AtRisk    uint64  // who had been watched for that long, and had not got there before. The fewer, the less the estimate is worth.
	// Known is false if nobody has been watched that long: then the estimate is that of the longest time that somebody was.
	Known bool
}

// Moment is a step of the curve.
type Moment struct {
	After  time.Duration
	AtRisk uint64 // just before
	Done   uint64 // at that time
	Share  float64
	// Error is the standard error of Share, by Greenwood.
	Error float64
}

// Ask asks the connection's database.
func (s Survival) Ask(ctx context.Context, conn clickhouse.Conn) (SurvivalAnswer, error) {
	var a SurvivalAnswer
	s.complete()
	q, sql, err := s.sql()
	if err != nil {
		return a, err
	}
	var rows []struct {
		Value     string   `ch:"value"`
		Groups    uint64   `ch:"groups"`
		Entered   uint64   `ch:"entered"`
		Done      uint64   `ch:"done"`
		Cancelled uint64   `ch:"cancelled"`
		Took      []uint64 `ch:"took"`
		Got       []uint64 `ch:"got"`
		Left      []uint64 `ch:"left"`
	}
	if err := q.ask(ctx, conn, &rows, sql); err != nil {
		return a, fmt.Errorf("ask how many go from %s to %s: %w", s.From, s.To, err)
	}
	for _, r := range rows {
		lives := make([]life, len(r.Took))
		for i := range lives {
			lives[i] = life{time.Duration(r.Took[i]) * s.Resolution, r.Got[i], r.Left[i]}
		}
		slices.SortFunc(lives, func(a, b life) int { return cmp.Compare(a.took, b.took) })
		g := SurvivalGroup{Value: r.Value, Entered: r.Entered, Done: r.Done, Cancelled: r.Cancelled, Open: r.Entered - r.Done - r.Cancelled}
		g.Curve = curve(lives)
		for _, m := range g.Curve {
			if m.Share >= 0.5 {
				g.Median = m.After
				break
			}
		}
		for _, h := range s.Horizons {
			g.At = append(g.At, at(h, lives, g.Curve))
		}
		a.Groups, a.More = append(a.Groups, g), int(r.Groups)-len(rows)
	}
	return a, nil
}

func (s *Survival) complete() {
	if s.Resolution == 0 {
		s.Resolution = time.Hour
	}
	if s.Most == 0 {
		s.Most = 50
	}
}

func (s *Survival) sql() (*question, string, error) {
	q := &question{}
	stages := merged(journeyStages, afterStages)
	from, err := named("stage", s.From, stages)
	if err != nil {
		return nil, "", err
	}
	to, err := named("stage", s.To, stages)
	if err != nil {
		return nil, "", err
	}
	last := s.Resolution
	for i, h := range s.Horizons {
		if h < s.Resolution || h%s.Resolution != 0 || i > 0 && h <= s.Horizons[i-1] {
			return nil, "", fmt.Errorf("horizon %s: must be a multiple of %s, and longer than the one before", h, s.Resolution)
		}
		last = h
	}
	if len(s.Horizons) == 0 {
		return nil, "", fmt.Errorf("name at least one horizon")
	}
	if !s.Since.Before(s.Until) {
		return nil, "", fmt.Errorf("the period from %s to %s is empty", s.Since.Format(time.DateTime), s.Until.Format(time.DateTime))
	}
	value := "''"
	switch s.By {
	case "":
	case "entered_day":
		value = "toString(toDate(" + from + "))"
	case "entered_week":
		value = "toString(toMonday(" + from + "))"
	case "entered_month":
		value = "toString(toStartOfMonth(" + from + "))"
	default:
		if value, err = journeyField(q, s.By); err != nil {
			return nil, "", err
		}
	}
	where, err := all(q, s.Where, journeyField)
	if err != nil {
		return nil, "", err
	}
	// What is on its way to the tables is not known yet, so it is not the server's time.
	now := "(SELECT ifNull(least(max(last_event), now64(3, 'UTC')), now64(3, 'UTC')) FROM journeys WHERE month >= toStartOfMonth(SINCE))"
	if !s.Now.IsZero() {
		now = q.moment(s.Now)
	}
	// Beyond the last horizon it does not matter what became of a journey, only that it was watched.
	since := q.moment(s.Since)
	return q, strings.NewReplacer("VALUE", value, "FROM_", from, "TO_", to, "NOW", strings.ReplaceAll(now, "SINCE", since), "SINCE", since, "UNTIL", q.moment(s.Until),
		"WHERE_", where, "RES", fmt.Sprint(s.Resolution.Milliseconds()), "LAST", fmt.Sprint(int64(last/s.Resolution)), "MOST", fmt.Sprint(s.Most)).Replace(
		`SELECT value, count() OVER () AS groups, sum(n) AS entered, sum(n_done) AS done, sum(n_cancelled) AS cancelled,
    groupArray(took) AS took, groupArray(n_got) AS got, groupArray(n - n_got) AS left
FROM (
    SELECT value, took, count() AS n, countIf(is_done) AS n_done, countIf(is_cancelled) AS n_cancelled, countIf(is_done AND NOT beyond) AS n_got
    FROM (
        SELECT VALUE AS value, ifNull(TO_ <= NOW, 0) AS is_done, NOT is_done AND ifNull(j.cancelled <= NOW, 0) AS is_cancelled,
            greatest(dateDiff('millisecond', assumeNotNull(FROM_), if(is_done, assumeNotNull(TO_), NOW)), 0) AS lasted,
            if(is_done, intDiv(lasted + RES - 1, RES), intDiv(lasted, RES)) AS whole,
            whole > LAST AS beyond, toUInt64(least(whole, LAST + 1)) AS took
        FROM journeys AS j
        WHERE j.month >= toStartOfMonth(SINCE - toIntervalDay(400)) AND FROM_ >= SINCE AND FROM_ < UNTIL AND FROM_ <= NOW AND (WHERE_)
    )
    GROUP BY value, took
)
GROUP BY value
ORDER BY entered DESC, value
LIMIT MOST`), nil
}

// life is how many were watched for so long, and then got there, or were not watched any longer.
type life struct {
	took      time.Duration
	got, left uint64
}

// curve is the estimate by Kaplan and Meier. lives are in ascending order. Who is watched until a time is watched at that time.
func curve(lives []life) []Moment {
	var risk uint64
	for _, l := range lives {
		risk += l.got + l.left
	}
	rest, variance := 1.0, 0.0
	var c []Moment
	for _, l := range lives {
		if l.got > 0 {
			n, d := float64(risk), float64(l.got)
			rest *= 1 - d/n
			variance += d / (n * (n - d))
			m := Moment{After: l.took, AtRisk: risk, Done: l.got, Share: 1 - rest}
			if rest > 0 {
				m.Error = rest * math.Sqrt(variance)
			}
			c = append(c, m)
		}
		risk -= l.got + l.left
	}
	return c
}

// at is what lives and their curve say of a horizon.
func at(h time.Duration, lives []life, c []Moment) Share {
	s := Share{After: h}
	var all, got, left uint64
	for _, l := range lives {
		all += l.got + l.left
		if l.took <= h {
			got += l.got
		}
		if l.took < h {
			left += l.got + l.left
		}
	}
	s.Observed, s.AtRisk = share(got, all), all-left
	var m Moment
	for _, x := range c {
		if x.After <= h {
			m = x
		}
	}
	s.Estimated = m.Share
	// Nobody needs to be watched any longer when all have got there.
	s.Known = s.AtRisk > 0 || m.Share == 1
	s.Low, s.High = interval(m, all)
	return s
}

// interval is that of 95 % for a share. Where nobody or everybody got there, Greenwood's error is 0, and the bound is the share at which that
// would still happen by chance once in forty times.
func interval(m Moment, entered uint64) (low, high float64) {
	const z, tail = 1.959963984540054, 0.025
	switch rest := 1 - m.Share; {
	case entered == 0:
		return 0, 1
	case m.Share == 0:
		return 0, 1 - math.Pow(tail, 1/float64(entered))
	case rest <= 0:
		return math.Pow(tail, 1/float64(entered)), 1
	default:
		e := math.Exp(z * m.Error / rest / math.Abs(math.Log(rest)))
		return 1 - math.Pow(rest, 1/e), 1 - math.Pow(rest, e)
	}
}
