package command

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
)

// profiles is what a command can be told to measure of itself, for go tool pprof.
type profiles struct {
	CPUProfile string `name:"cpu-profile" placeholder:"FILE" hidden:"" help:"Write a CPU profile."`
	MemProfile string `name:"mem-profile" placeholder:"FILE" hidden:"" help:"Write a heap profile at the end."`
}

// start begins to measure and returns what ends it.
func (p *profiles) start() (stop func() error, err error) {
	var cpu *os.File
	if p.CPUProfile != "" {
		if cpu, err = os.Create(p.CPUProfile); err != nil {
			return nil, fmt.Errorf("--cpu-profile: %w", err)
		}
		if err := pprof.StartCPUProfile(cpu); err != nil {
			cpu.Close()
			return nil, fmt.Errorf("--cpu-profile: %w", err)
		}
	}
	return func() (err error) {
		if cpu != nil {
			pprof.StopCPUProfile()
			err = cpu.Close()
		}
		if p.MemProfile == "" {
			return err
		}
		heap, e := os.Create(p.MemProfile)
		if e != nil {
			return errors.Join(err, fmt.Errorf("--mem-profile: %w", e))
		}
		runtime.GC() // so that it shows what is in use
		return errors.Join(err, pprof.WriteHeapProfile(heap), heap.Close())
	}, nil
}
