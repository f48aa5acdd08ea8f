package command

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/afterclick/afterclick/dashboards/queries"
	"github.com/afterclick/afterclick/deploy/feed/send"
)

// barWidth is the length of the funnel's longest bar.
const barWidth = 28

// printSummary tells an analyst what the tables say, the main thing first.
func printSummary(w io.Writer, s queries.Summary) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	var accepted, duplicates, late uint64
	for _, k := range s.Events {
		accepted, duplicates, late = accepted+k.Accepted, duplicates+k.Duplicates, late+k.Late
	}
	if accepted == 0 {
		p("There are no events yet.")
		return
	}
	p("%s to %s (UTC)", s.From.UTC().Format("Mon 2006-01-02 15:04"), s.To.UTC().Format("Mon 2006-01-02 15:04"))
	p("%s events: %s duplicates, %s late and %s dead letters beside them", grouped(accepted), grouped(duplicates), grouped(late), grouped(s.DeadLetters))

	if s.Sessions > 0 {
		p("\nWHERE SESSIONS STOP  %s sessions; %s of bots are left out", grouped(s.Sessions), grouped(s.Bots))
		p("  %-10s %10s %9s  %-*s %s", "stage", "reached", "of all", barWidth, "", "no further")
		for _, step := range s.Funnel {
			bar := strings.Repeat("█", int(share(step.Reached, s.Sessions)*barWidth/100+0.5))
			left := ""
			if step.Left > 0 {
				left = fmt.Sprintf("%9s", percent(step.Left, s.Sessions))
			}
			line := fmt.Sprintf("  %-10s %10s %9s  %-*s %s", step.Stage, grouped(step.Reached), percent(step.Reached, s.Sessions), barWidth, bar, left)
			p("%s", strings.TrimRight(line, " "))
		}
	}

	o := s.Orders
	p("\nWAS THE PROMISE KEPT?  %s orders, %s with an arrival promise", grouped(o.Orders), percent(o.Promised, o.Orders))
	p("  of %s delivered: %s on time, %s late; %s more are overdue now, %s were cancelled", grouped(o.Kept+o.Broken),
		percent(o.Kept, o.Kept+o.Broken), percent(o.Broken, o.Kept+o.Broken), grouped(o.Overdue), grouped(o.Cancelled))
	if len(s.Carriers) > 0 {
		p("  %-16s %10s %10s %10s %16s", "carrier", "orders", "delivered", "late", "days late, mean")
		for _, c := range s.Carriers {
			name := c.Carrier
			if name == "" {
				name = "(not shipped)"
			}
			days := ""
			if c.Broken > 0 {
				days = fmt.Sprintf("%.1f", c.DaysLate)
			}
			lateShare := ""
			if c.Kept+c.Broken > 0 {
				lateShare = percent(c.Broken, c.Kept+c.Broken)
			}
			p("  %-16s %10s %10s %10s %16s", name, grouped(c.Orders), grouped(c.Delivered), lateShare, days)
		}
	}

	r := s.Opinions
	if r.Opinions > 0 {
		stars := "no ratings yet"
		if r.Rated > 0 {
			stars = fmt.Sprintf("%.2f of 5 stars in %s ratings", r.Stars, grouped(r.Rated))
		}
		p("\nWHAT DO CUSTOMERS SAY?  %s; %s of %s opinions are negative", stars, percent(r.Negative, r.Opinions), grouped(r.Opinions))
		if r.OnTime > 0 && r.Delayed > 0 {
			p("  %.2f stars after a promise kept (%s), %.2f after one broken (%s)", r.OnTimeStars, grouped(r.OnTime), r.LateStars, grouped(r.Delayed))
		}
		if r.Negative > 0 {
			p("  %s of the negative ones were answered", percent(r.Answered, r.Negative))
		}
		if len(s.Worst) > 0 {
			p("  %-34s %10s %10s %10s", "worst rated", "stars", "opinions", "negative")
			for _, x := range s.Worst {
				p("  %-34s %10.2f %10s %10s", x.Kind+" "+short(x.ID, 24), x.Stars, grouped(x.Opinions), percent(x.Negative, x.Opinions))
			}
		}
	}
}

func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

func percent(part, whole uint64) string {
	if whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", share(part, whole))
}

// grouped writes a number with commas.
func grouped(n uint64) string { return send.Thousands(int64(n)) }

func short(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// took is a duration as a person says it.
func took(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}
