package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/afterclick/afterclick/dashboards/queries"
)

type funnelCommand struct {
	Steps  []string      `arg:"" help:"Steps in order: stages (visit, view, research, cart, checkout, order, ship, deliver, review, …), or conditions on clicks (type=product, step=payment, property.color=red; several with commas). A step ends with <30m if it must come within that time of the one before."`
	Over   string        `enum:"auto,sessions,visitors,visits,journeys" default:"auto" help:"What goes through: the clicks of sessions or visitors, the stages of visits (with what became of their order) or journeys (orders, however placed). auto: sessions if a step is a condition, else visits."`
	By     string        `placeholder:"NAME" help:"A line for each value of a dimension, such as device, browser, channel, country, carrier, week."`
	Where  []string      `sep:"none" placeholder:"NAME=A,B" help:"Only those whose dimension is one of the values; != for all others. May be given several times."`
	Within string        `placeholder:"TIME" help:"All steps within this time of the first, such as 30m, 24h, 7d."`
	Strict bool          `help:"Nothing else in between."`
	Since  time.Time     `format:"2006-01-02" placeholder:"YYYY-MM-DD" help:"First day. Default: 30 days before the last."`
	Until  time.Time     `format:"2006-01-02" placeholder:"YYYY-MM-DD" help:"The day after the last. Default: tomorrow."`
	Exits  int           `placeholder:"N" help:"Also the N most frequent last pages of those who left at each step."`
	Mature []string      `placeholder:"TIME,…" help:"Instead: the share of journeys that take each step within these times, such as 1d,7d, with those that are still open counted as open (Kaplan-Meier)."`
	Data   string        `placeholder:"DIR" help:"Ask the folder of a demo that does not run, instead of the configured server."`
	Wait   time.Duration `name:"timeout" default:"60s" help:"Give up after this long."`

	funnel   queries.Funnel
	horizons []time.Duration
}

func (funnelCommand) Help() string {
	return `Examples:
  afterclick funnel visit cart checkout order --by device
  afterclick funnel step=payment order --by browser --since 2026-03-01 --until 2026-03-29 --exits 5
  afterclick funnel type=product 'type=cart_added<10m' --strict
  afterclick funnel order ship deliver review --over journeys --by carrier --mature 3d,7d,14d

Sessions of bots are left out.`
}

// Validate reads what is asked, and says what the command line lacks.
func (f *funnelCommand) Validate() (err error) {
	q := queries.Funnel{Over: queries.Over(f.Over), By: f.By, Strict: f.Strict, Since: f.Since, Until: f.Until}
	if f.Over == "auto" {
		q.Over = queries.Visits
		if strings.Contains(strings.Join(f.Steps, " "), "=") {
			q.Over = queries.Sessions
		}
	}
	for _, text := range f.Steps {
		s, err := funnelStep(text)
		if err != nil {
			return err
		}
		q.Steps = append(q.Steps, s)
	}
	for _, text := range f.Where {
		c, err := condition(text)
		if err != nil {
			return err
		}
		q.Where = append(q.Where, c)
	}
	if f.Within != "" {
		if q.Within, err = days(f.Within); err != nil {
			return err
		}
	}
	if q.Until.IsZero() {
		q.Until = time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	}
	if q.Since.IsZero() {
		q.Since = q.Until.AddDate(0, 0, -30)
	}
	for _, text := range f.Mature {
		h, err := days(text)
		if err != nil {
			return err
		}
		f.horizons = append(f.horizons, h)
	}
	switch {
	case len(f.Mature) > 0 && q.Over != queries.Journeys:
		return errors.New("--mature is about orders: add --over journeys")
	case len(f.Mature) > 0 && len(f.Steps) < 2:
		return errors.New("--mature takes two steps at least")
	}
	f.funnel = q
	return nil
}

// funnelStep reads stage, field=value,field=value and <limit.
func funnelStep(text string) (s queries.FunnelStep, err error) {
	s.Name = text
	what, limit, limited := strings.Cut(text, "<")
	if limited {
		if s.Within, err = days(limit); err != nil {
			return s, err
		}
	}
	if !strings.Contains(what, "=") {
		s.Stage = what
		return s, nil
	}
	for c := range strings.SplitSeq(what, ",") {
		c, err := condition(c)
		if err != nil {
			return s, err
		}
		s.Where = append(s.Where, c)
	}
	return s, nil
}

// condition reads name=a,b and name!=a,b.
func condition(text string) (c queries.Condition, err error) {
	name, values, ok := strings.Cut(text, "=")
	if c.Field, c.Not = strings.CutSuffix(name, "!"); !ok || c.Field == "" {
		return c, fmt.Errorf("%q: must be NAME=VALUE", text)
	}
	c.Is = strings.Split(values, ",")
	return c, nil
}

// days reads a duration that may be in days.
func days(s string) (time.Duration, error) {
	if n, ok := strings.CutSuffix(s, "d"); ok {
		if d, err := strconv.ParseFloat(n, 64); err == nil && d > 0 && d < 1e5 {
			return time.Duration(d * 24 * float64(time.Hour)), nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no time: it must be such as 30m, 24h, 7d", s)
	}
	return d, nil
}

func (f *funnelCommand) Run(ctx context.Context, a *app) (err error) {
	ask := sqlCommand{Data: f.Data, Timeout: f.Wait}
	ctx, cancel := context.WithTimeoutCause(ctx, f.Wait, fmt.Errorf("no answer within %s (see --timeout)", f.Wait))
	defer cancel()
	options, done, err := ask.open(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	options.DialTimeout, options.ReadTimeout, options.MaxOpenConns = 10*time.Second, f.Wait+time.Second, 1
	conn, err := clickhouse.Open(options)
	if err != nil {
		return fmt.Errorf("clickhouse.address: %w", err)
	}
	defer conn.Close()
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	show := f.steps
	if len(f.Mature) > 0 {
		show = f.mature
	}
	if err := show(ctx, conn, w); err != nil {
		return ask.explain(ctx, err)
	}
	return w.Flush()
}

func (f *funnelCommand) steps(ctx context.Context, conn clickhouse.Conn, w io.Writer) error {
	answer, err := f.funnel.Ask(ctx, conn)
	if err != nil {
		return err
	}
	if len(answer.Groups) == 0 {
		fmt.Fprintf(w, "Nobody was at %s from %s to %s.\n", f.Steps[0], f.funnel.Since.Format(time.DateOnly), f.funnel.Until.Format(time.DateOnly))
		return nil
	}
	fmt.Fprintf(w, "%s\tstep\treached\tof first\tof before\tleft\tmedian\tp90\t\n", f.By)
	for _, g := range answer.Groups {
		for i, s := range g.Steps {
			took := "\t"
			if i > 0 && s.Reached > 0 {
				took = lasting(s.Median) + "\t" + lasting(s.P90)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%.1f%%\t%.1f%%\t%s\t%s\t\n", g.Value, s.Name, grouped(s.Reached), 100*s.OfFirst, 100*s.OfBefore, grouped(s.Left), took)
		}
	}
	f.more(w, answer.More)
	if f.Exits == 0 {
		return nil
	}
	exits, err := f.funnel.Exits(ctx, conn, f.Exits)
	if err != nil {
		return err
	}
	fmt.Fprint(w, "\nleft after\ton page\tleft\t\n")
	for _, e := range exits {
		fmt.Fprintf(w, "%s\t%s\t%s\t\n", e.Step, e.Page, grouped(e.Units))
	}
	return nil
}

func (f *funnelCommand) mature(ctx context.Context, conn clickhouse.Conn, w io.Writer) error {
	fmt.Fprintf(w, "%s\tstep\tentered\topen\tcancelled\twithin\tseen\testimated\tfrom\tto\t\n", f.By)
	for i := 1; i < len(f.funnel.Steps); i++ {
		from, to := f.funnel.Steps[i-1].Stage, f.funnel.Steps[i].Stage
		s := queries.Survival{From: from, To: to, Since: f.funnel.Since, Until: f.funnel.Until, By: f.By, Where: f.funnel.Where, Horizons: f.horizons, Most: 20}
		for _, h := range f.horizons {
			if h%time.Hour != 0 {
				s.Resolution = time.Minute
			}
		}
		answer, err := s.Ask(ctx, conn)
		if err != nil {
			return err
		}
		for _, g := range answer.Groups {
			for _, at := range g.At {
				estimate := fmt.Sprintf("%.1f%%\t%.1f%%\t%.1f%%", 100*at.Estimated, 100*at.Low, 100*at.High)
				if !at.Known {
					estimate = "not known yet\t\t"
				}
				fmt.Fprintf(w, "%s\t%s → %s\t%s\t%s\t%s\t%s\t%.1f%%\t%s\t\n", g.Value, from, to, grouped(g.Entered), grouped(g.Open), grouped(g.Cancelled),
					lasting(at.After.Seconds()), 100*at.Observed, estimate)
			}
		}
		f.more(w, answer.More)
	}
	return nil
}

func (f *funnelCommand) more(w io.Writer, n int) {
	if n > 0 {
		fmt.Fprintf(w, "%d more values of %s are not shown.\n", n, f.By)
	}
}

// lasting tells seconds as one number.
func lasting(seconds float64) string {
	for _, u := range []struct {
		length float64
		name   string
	}{{86400, "d"}, {3600, "h"}, {60, "m"}} {
		if seconds >= u.length {
			return strings.TrimSuffix(strconv.FormatFloat(seconds/u.length, 'f', 1, 64), ".0") + u.name
		}
	}
	return strconv.FormatFloat(seconds, 'f', 0, 64) + "s"
}
