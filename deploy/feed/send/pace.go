package send

import (
	"context"
	"fmt"
	"time"

	"github.com/afterclick/afterclick/schemas/event"
)

// pacer holds records back until they are due.
type pacer struct {
	ctx     context.Context
	rate    float64
	live    *Live
	idle    func() error // before waiting, so that what was written is seen
	shown   *Progress
	started time.Time
	n       int64
	isLive  bool
	err     error
}

func (o *Options) pacer(ctx context.Context, idle func() error) *pacer {
	return &pacer{ctx: ctx, rate: o.Rate, live: o.Live, idle: idle, shown: o.Progress, started: time.Now()}
}

// wait returns when a record that arrives at that source time is due, or false when ctx has ended.
func (p *pacer) wait(arrival event.Time) bool {
	p.n++
	if p.ctx.Err() != nil {
		return p.stop()
	}
	var due time.Duration // after the start
	if p.rate > 0 {
		due = time.Duration(float64(p.n-1) / p.rate * float64(time.Second))
	}
	if p.live != nil && arrival >= event.TimeOf(p.live.From) {
		if !p.isLive {
			p.isLive = true
			p.shown.end(true) // there is no end to be shown
		}
		speed := p.live.Speed
		if speed <= 0 {
			speed = 1
		}
		due = max(due, time.Duration(float64(arrival.Sub(event.TimeOf(p.live.From)))/speed))
	}
	if due == 0 {
		return true
	}
	// A timer is not worth less than a millisecond.
	rest := due - time.Since(p.started)
	if rest < time.Millisecond {
		return true
	}
	if p.idle != nil {
		if p.err = p.idle(); p.err != nil {
			return false
		}
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.ctx.Done():
		return p.stop()
	}
}

func (p *pacer) stop() bool {
	if !p.isLive {
		p.err = fmt.Errorf("%w: %w", errStopped, context.Cause(p.ctx))
	}
	return false
}

// verdict is the error of a stream that was cut short, with how far it came.
func (p *pacer) verdict(c Counts) error {
	if p.err == nil {
		return nil
	}
	return fmt.Errorf("after %d records: %w", c.Total(), p.err)
}
