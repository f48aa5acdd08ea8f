package command

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows how far something long is: a bar on a terminal, otherwise a line every few seconds, both with rate and time left.
type progress struct {
	out     io.Writer
	name    string
	unit    string
	bar     *progressbar.ProgressBar // nil: lines
	started time.Time
	told    time.Time
}

const (
	progressSteps = 1000
	progressEvery = 5 * time.Second
)

func newProgress(out io.Writer, name, unit string) *progress {
	p := &progress{out: out, name: name, unit: unit, started: time.Now(), told: time.Now()}
	if terminal(out) > 0 {
		p.bar = progressbar.NewOptions(progressSteps, progressbar.OptionSetWriter(out), progressbar.OptionSetWidth(30),
			progressbar.OptionSetPredictTime(true), progressbar.OptionSetDescription(name), progressbar.OptionUseANSICodes(true))
	}
	return p
}

// show tells how much of a total is done. It may be called as often as one likes.
func (p *progress) show(doing string, done, total int64) {
	took := time.Since(p.started)
	what := fmt.Sprintf("%s: %s %s, %s/s", doing, grouped(uint64(done)), p.unit, grouped(uint64(float64(done)/max(took.Seconds(), 1e-3))))
	share := 0.0
	if total > 0 {
		share = min(float64(done)/float64(total), 1)
	}
	if p.bar != nil {
		p.bar.Describe(what)
		_ = p.bar.Set(int(share * progressSteps)) // of a bar that is only looked at
		return
	}
	if time.Since(p.told) < progressEvery {
		return
	}
	p.told = time.Now()
	left := ""
	if share > 0 && share < 1 {
		left = fmt.Sprintf(", %.0f%%, %s left", share*100, time.Duration(float64(took)*(1-share)/share).Round(time.Second))
	}
	fmt.Fprintf(p.out, "%s: %s%s\n", p.name, what, left)
}

func (p *progress) end() {
	if p.bar != nil {
		fmt.Fprintln(p.out)
	}
}
