package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Fault is something that goes wrong in the world.
type Fault string

// The faults, in the order of the table.
const (
	InsertNotDone    Fault = "insert timed out, not done"
	InsertDone       Fault = "insert timed out, done"
	InsertLate       Fault = "insert timed out, done much later"
	HalfBatch        Fault = "half a batch landed"
	Aborted          Fault = "transaction aborted"
	AnswerLostDone   Fault = "commit's answer lost, done"
	AnswerLostNot    Fault = "commit's answer lost, not done"
	TimedOut         Fault = "transaction timed out"
	FetchEmpty       Fault = "fetch came late"
	FetchFew         Fault = "fetch of few"
	FormatAway       Fault = "what a format needs was away"
	TakenAway        Fault = "partition taken away"
	TakenMidEpoch    Fault = "... in the middle of an epoch"
	GivenBack        Fault = "... and given back to the same lane"
	HandedOver       Fault = "... and given to another lane"
	Stalled          Fault = "instance stalled, left behind"
	ZombieInserted   Fault = "zombie inserted rows"
	ZombieCommitted  Fault = "zombie tried to commit"
	Doubled          Fault = "second life beside the first"
	DiedGathering    Fault = "died while gathering"
	DiedInserting    Fault = "died while inserting"
	DiedCommitting   Fault = "died in the transaction"
	DiedRestoring    Fault = "died while restoring"
	Stopped          Fault = "stopped cleanly"
	Compacted        Fault = "changelog compacted"
	ClockJumped      Fault = "wall clock jumped"
	ShownAndAbsorbed Fault = "aborted epoch showed a session that was absorbed"
	ShownAndMoved    Fault = "... or moved to another day"
	DiskFull         Fault = "disk full, local store given up"
	DiskFullAway     Fault = "... that states were on alone"
	LocalLost        Fault = "local store lost"
	LocalUsed        Fault = "restored from a local store"
)

// AllFaults are all of them.
var AllFaults = []Fault{InsertNotDone, InsertDone, InsertLate, HalfBatch, Aborted, AnswerLostDone, AnswerLostNot, TimedOut, FetchEmpty, FetchFew, FormatAway,
	TakenAway, TakenMidEpoch, GivenBack, HandedOver, Stalled, ZombieInserted, ZombieCommitted, Doubled, DiedGathering, DiedInserting,
	DiedCommitting, DiedRestoring, Stopped, Compacted, ClockJumped, ShownAndAbsorbed, ShownAndMoved, DiskFull, DiskFullAway, LocalLost, LocalUsed}

// Faults counts what went wrong.
type Faults map[Fault]int

// Add adds another's counts.
func (f Faults) Add(other Faults) {
	for name, n := range other {
		f[name] += n
	}
}

// Total is the number of faults.
func (f Faults) Total() (n int) {
	for _, times := range f {
		n += times
	}
	return n
}

// Table prints every fault with how often it fired.
func (f Faults) Table() string {
	var b strings.Builder
	for _, name := range AllFaults {
		fmt.Fprintf(&b, "%9d  %s\n", f[name], name)
	}
	return b.String()
}

// Dice decides what goes wrong.
type Dice struct {
	*rand.Rand
	Calm   bool    // nothing goes wrong any more
	Off    []Fault // these do not
	Counts Faults
}

// NewDice are the dice of a seed; stream tells several of one seed apart.
func NewDice(seed, stream uint64, off []Fault) *Dice {
	return &Dice{Rand: rand.New(rand.NewPCG(seed, stream)), Off: off, Counts: Faults{}}
}

// Hit says whether a fault happens now, one time in so many. It does not count it.
func (d *Dice) Hit(f Fault, oneIn int) bool {
	return d.IntN(oneIn) == 0 && !d.Calm && !slices.Contains(d.Off, f)
}

// Count says that a fault happened.
func (d *Dice) Count(f Fault) { d.Counts[f]++ }
