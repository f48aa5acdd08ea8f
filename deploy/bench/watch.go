package main

import (
	"bytes"
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"
)

// watched is what the processes used over time, read from /proc often enough that the measured span can be cut out of it
// afterwards: a process says only later when it began to read and when it committed the last row.
type watched struct {
	samples map[*process][]sample
	last    time.Time
	done    chan struct{}
	ended   chan struct{}
}

type sample struct {
	at   time.Time
	cpu  time.Duration // user and system, all threads, since the process began
	peak int64         // bytes of memory, the most so far
}

// used is what a process used in a span.
type used struct {
	cpu  time.Duration
	peak int64
}

// span is from the poll that gave the first records until the last rows were committed.
type span struct{ from, to time.Time }

func (s span) length() time.Duration { return s.to.Sub(s.from) }

// sampleEvery costs about 0.1% of a core; /proc counts CPU in steps of 10 ms.
const sampleEvery = 20 * time.Millisecond

func watch(all ...*process) *watched {
	w := &watched{samples: map[*process][]sample{}, done: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		for {
			for _, p := range all {
				if s, err := read(p.cmd.Process.Pid); err == nil {
					w.samples[p] = append(w.samples[p], s)
					w.last = s.at
				}
			}
			select {
			case <-time.After(sampleEvery):
			case <-w.done:
				return
			}
		}
	}()
	return w
}

func (w *watched) stop() {
	close(w.done)
	<-w.ended
}

// used is what p used in s. The CPU time at a moment between two samples is interpolated.
func (w *watched) used(p *process, s span) used {
	all := w.samples[p]
	at := func(t time.Time) time.Duration {
		i := sort.Search(len(all), func(i int) bool { return all[i].at.After(t) })
		switch {
		case len(all) == 0:
			return 0
		case i == 0:
			return all[0].cpu
		case i == len(all):
			return all[i-1].cpu
		}
		a, b := all[i-1], all[i]
		return a.cpu + time.Duration(float64(b.cpu-a.cpu)*float64(t.Sub(a.at))/float64(b.at.Sub(a.at)))
	}
	u := used{cpu: at(s.to) - at(s.from)}
	if len(all) > 0 {
		u.peak = all[len(all)-1].peak
	}
	return u
}

// tick is the unit of CPU time in /proc: USER_HZ, which is 100 on every Linux.
const tick = 10 * time.Millisecond

// read takes a sample. It fails once the process has ended.
func read(pid int) (s sample, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return s, err
	}
	s.at = time.Now()
	// The name in parentheses may have spaces; state is the first field behind it, utime the twelfth.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return s, err
		}
		s.cpu += time.Duration(n) * tick
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return s, err
	}
	_, rest, ok := bytes.Cut(status, []byte("VmHWM:"))
	if !ok {
		return s, fmt.Errorf("process %d has no memory any more", pid)
	}
	kb, err := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
	s.peak = kb << 10
	return s, err
}

// spanOf reads the span from what run logs at its end.
func spanOf(run map[string]any) (s span, err error) {
	for key, to := range map[string]*time.Time{"first_read": &s.from, "last_rows": &s.to} {
		text, _ := run[key].(string)
		if *to, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return s, fmt.Errorf("run did not log %s: %w", key, err)
		}
	}
	return s, nil
}
