package send

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/afterclick/afterclick/schemas/event"
)

// Progress shows how far sending is: a bar on a terminal, otherwise a line every few seconds. A nil Progress shows nothing.
type Progress struct {
	out   io.Writer
	bar   *progressbar.ProgressBar // nil: lines
	every time.Duration
	total int64
	from  event.Time
	to    event.Time

	started time.Time
	shown   time.Time
	n       int64
	reached event.Time // the last source time
	done    bool
}

const (
	barSteps  = 1000
	linesTook = 5 * time.Second
	barTook   = 100 * time.Millisecond
)

// NewProgress shows the progress of total records or, if that is not known and so 0, of records that arrive between two source
// times. Out is usually os.Stderr, so that pipes stay clean.
func NewProgress(out io.Writer, total int64, from, to time.Time) *Progress {
	p := newProgress(out, total, from, to)
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.every = barTook
		p.bar = progressbar.NewOptions(barSteps,
			progressbar.OptionSetWriter(out), progressbar.OptionSetWidth(30), progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetDescription("feed"), progressbar.OptionUseANSICodes(true))
	}
	return p
}

func newProgress(out io.Writer, total int64, from, to time.Time) *Progress {
	now := time.Now()
	return &Progress{out: out, every: linesTook, total: total, from: event.TimeOf(from), to: event.TimeOf(to), started: now, shown: now}
}

func (p *Progress) add(arrival event.Time) {
	if p == nil || p.done {
		return
	}
	p.n++
	p.reached = arrival
	if now := time.Now(); now.Sub(p.shown) >= p.every {
		p.show(now, p.share())
	}
}

// share is how much is done, 0 to 1.
func (p *Progress) share() float64 {
	switch {
	case p.total > 0:
		return min(float64(p.n)/float64(p.total), 1)
	case p.to > p.from:
		return max(0, min(float64(p.reached-p.from)/float64(p.to-p.from), 1))
	}
	return 0
}

func (p *Progress) show(now time.Time, share float64) {
	p.shown = now
	took := now.Sub(p.started)
	rate := float64(p.n) / max(took.Seconds(), 1e-3)
	what := fmt.Sprintf("%s events, %s/s", Thousands(p.n), Thousands(int64(rate)))
	if p.bar != nil {
		p.bar.Describe(what)
		p.bar.Set(int(share * barSteps))
		return
	}
	left := ""
	if share > 0 && share < 1 {
		rest := time.Duration(float64(took) * (1 - share) / share)
		left = fmt.Sprintf(", %.0f%%, %s left", share*100, rest.Round(time.Second))
	}
	fmt.Fprintf(p.out, "feed: %s%s\n", what, left)
}

// end shows the last of it; whole says that nothing is missing. It may be called again.
func (p *Progress) end(whole bool) {
	if p == nil || p.done {
		return
	}
	p.done = true
	share := p.share()
	if whole {
		share = 1
	}
	p.show(time.Now(), share)
	if p.bar != nil {
		fmt.Fprintln(p.out)
	}
}

// Thousands writes 1234567 as 1,234,567.
func Thousands(n int64) string {
	s := fmt.Sprint(n)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}
