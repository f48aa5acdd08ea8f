package main

import (
	"os"
	"testing"
	"time"
)

var begin = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }

// TestSpanIsCutOut: only what was used within the span counts.
func TestSpanIsCutOut(t *testing.T) {
	p := &process{}
	w := &watched{samples: map[*process][]sample{p: {
		{at(0), 100 * time.Millisecond, 1}, {at(1000), 500 * time.Millisecond, 5}, {at(2000), 1500 * time.Millisecond, 9},
	}}}
	got := w.used(p, span{at(500), at(1250)})
	if want := (used{cpu: 450 * time.Millisecond, peak: 9}); got != want { // from 300 to 750
		t.Errorf("%v, want %v", got, want)
	}
	if got := w.used(p, span{at(-100), at(5000)}); got.cpu != 1400*time.Millisecond {
		t.Errorf("beyond the samples: %v", got.cpu)
	}
}

// TestLatencyIsUntilTheFirstLookThatSaw: by partition, whatever the order of the acknowledgements.
func TestLatencyIsUntilTheFirstLookThatSaw(t *testing.T) {
	l := live{handed: map[int32][]handed{
		0: {{11, at(20)}, {10, at(10)}},
		1: {{5, at(0)}},
	}}
	got := l.latency([]look{
		{at(100), map[int32]int64{0: 10, 1: 4}},
		{at(200), map[int32]int64{0: 10, 1: 5}},
		{at(320), map[int32]int64{0: 11, 1: 5}},
	})
	// 90, 200 and 300 ms
	if want := (latency{clicks: 3, p50: 200 * time.Millisecond, p99: 300 * time.Millisecond, max: 300 * time.Millisecond}); *got != want {
		t.Errorf("%v, want %v", *got, want)
	}
}

// TestRead: this process has used CPU and memory.
func TestRead(t *testing.T) {
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
	}
	s, err := read(os.Getpid())
	if err != nil || s.cpu <= 0 || s.peak < 1<<20 {
		t.Errorf("%+v, %v", s, err)
	}
}
