package sim

import (
	"cmp"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Group is a consumer group with cooperative rebalances and static members.
type Group struct {
	kafka      *Kafka
	partitions []Partition
	generation int
	members    map[string]*Member // by instance id
	owners     map[Partition]*Member
	committed  map[Partition]int64
	pending    map[Partition]int // open transactions that have offsets of it
}

// Member is one life of a group's member, with what its client knows.
type Member struct {
	group      *Group
	instance   string
	generation int
	cursors    map[Partition]*cursor
	revoked    bool // in this epoch of the client
	// News are the partitions that came and went since they were taken last.
	News []News
	// Lost is called when partitions are taken away and the member hears of it.
	Lost func()
}

// News is a partition that came or went.
type News struct {
	Partition
	Gone bool
}

type cursor struct {
	next int64 // -1: the group must be asked
	read int64 // after the last record that was polled: what is committed (what was aborted is passed over, and not read)
	// began is where the client believes that the group stands: it goes back there, not to where another member may have got meanwhile.
	began  int64
	paused bool
}

// Group makes a group that reads topics.
func (k *Kafka) Group(name string, topics ...string) *Group {
	g := &Group{kafka: k, members: map[string]*Member{}, owners: map[Partition]*Member{}, committed: map[Partition]int64{}, pending: map[Partition]int{}}
	for _, t := range topics {
		g.partitions = append(g.partitions, k.Partitions(t)...)
	}
	k.groups[name] = g
	return g
}

// Join adds a member. One with the instance id of another takes its place and its partitions, and nobody else notices.
func (g *Group) Join(instance string) *Member {
	m := &Member{group: g, instance: instance, cursors: map[Partition]*cursor{}, Lost: func() {}}
	before := g.members[instance]
	g.members[instance] = m
	if before == nil {
		g.turn()
		return m
	}
	m.generation = g.generation
	for _, at := range g.partitions {
		if g.owners[at] == before {
			g.give(at, m)
		}
	}
	return m
}

// Rejoin is what a member does when it learns that the group has forgotten it. false: another has its place.
func (m *Member) Rejoin() bool {
	if other := m.group.members[m.instance]; other != nil {
		return other == m
	}
	for _, at := range m.reading() {
		m.drop(at)
	}
	m.group.members[m.instance] = m
	m.group.turn()
	return true
}

// turn begins a new generation, and all members hear of it.
func (g *Group) turn() {
	g.generation++
	for _, m := range g.members {
		m.generation = g.generation
	}
}

// Kick forgets a member that was not heard of for long. It does not know.
func (g *Group) Kick(m *Member) {
	if g.members[m.instance] != m {
		return
	}
	delete(g.members, m.instance)
	for at, owner := range g.owners {
		if owner == m {
			delete(g.owners, at)
		}
	}
	g.turn()
}

// Take takes a partition away from its owner, who hears of it at once; but franz-go's transact session tells only of the first time
// in an epoch. false: it did not hear.
func (g *Group) Take(at Partition) (heard bool) {
	owner := g.owners[at]
	delete(g.owners, at)
	g.turn()
	if owner.revoked {
		delete(owner.cursors, at)
		return false
	}
	owner.drop(at)
	return true
}

func (m *Member) drop(at Partition) {
	delete(m.cursors, at)
	m.revoked = true
	m.News = append(m.News, News{at, true})
	m.Lost()
}

// Assign gives partitions that nobody has to members, by choice. It says how many it gave.
func (g *Group) Assign(choose func(n int) int) (given int) {
	members := slices.Sorted(maps.Keys(g.members))
	if len(members) == 0 {
		return 0
	}
	for _, at := range g.partitions {
		if g.owners[at] == nil {
			g.give(at, g.members[members[choose(len(members))]])
			given++
		}
	}
	if given > 0 {
		g.turn()
	}
	return given
}

func (g *Group) give(at Partition, m *Member) {
	g.owners[at] = m
	m.cursors[at] = &cursor{next: -1, paused: true}
	m.News = append(m.News, News{at, false})
}

// Owned says whether every partition has an owner.
func (g *Group) Owned() bool { return len(g.owners) == len(g.partitions) }

// Any is one of the group's partitions.
func (g *Group) Any(choose func(n int) int) Partition { return g.partitions[choose(len(g.partitions))] }

// Lag is the number of offsets of a partition that the group has not committed.
func (g *Group) Lag(at Partition) int64 { return g.kafka.End(at) - g.committed[at] }

// Behind is the lag of all partitions together.
func (g *Group) Behind() (n int64) {
	for _, at := range g.partitions {
		n += g.Lag(at)
	}
	return n
}

// Committed is the group's offset of a partition; ok is false if there is none, stable while an open transaction may change it.
func (g *Group) Committed(at Partition) (offset int64, ok, stable bool) {
	offset, ok = g.committed[at]
	return offset, ok, g.pending[at] == 0
}

// Commit sets offsets outside of any transaction.
func (m *Member) Commit(offsets map[Partition]int64) error {
	if !m.current() {
		return ErrGeneration
	}
	maps.Copy(m.group.committed, offsets)
	return nil
}

func (m *Member) current() bool {
	return m.group.members[m.instance] == m && m.generation == m.group.generation
}

// Known says whether the group still knows this life of the member.
func (m *Member) Known() bool { return m.group.members[m.instance] == m }

// Resume lets a partition be read.
func (m *Member) Resume(at Partition) {
	if c := m.cursors[at]; c != nil {
		c.paused = false
	}
}

// Revoked says whether partitions were taken away since the last call of Settled.
func (m *Member) Revoked() bool { return m.revoked }

// Settled ends an epoch of the client: it goes on from where it is, or, back, from where it began.
func (m *Member) Settled(back bool) {
	m.revoked = false
	for _, c := range m.cursors {
		switch {
		case c.next < 0:
		case back:
			c.next, c.read = c.began, c.began
		default:
			c.began = c.read
		}
	}
}

// Poll reads from the partitions that are not paused, beginning with any.
func (m *Member) Poll(choose func(n int) int, most int) (records []*kgo.Record) {
	all := m.reading()
	if len(all) == 0 {
		return nil
	}
	first := choose(len(all))
	for i := range all {
		at := all[(first+i)%len(all)]
		c := m.cursors[at]
		if c.paused || len(records) >= most {
			continue
		}
		if c.next < 0 {
			offset, _, stable := m.group.Committed(at)
			if !stable {
				continue // the broker answers when it is stable
			}
			c.next, c.read, c.began = offset, offset, offset
		}
		read, next := m.group.kafka.Fetch(at, c.next, 1+choose(most-len(records)))
		records, c.next = append(records, read...), next
		if n := len(read); n > 0 {
			c.read = read[n-1].Offset + 1
		}
	}
	return records
}

// reading are the member's partitions, in order: a seed must always give the same run.
func (m *Member) reading() []Partition {
	return slices.SortedFunc(maps.Keys(m.cursors), func(a, b Partition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.ID, b.ID))
	})
}

// Offsets are where the client reads on: what it commits.
func (m *Member) Offsets() map[Partition]int64 {
	offsets := map[Partition]int64{}
	for at, c := range m.cursors {
		if c.next >= 0 {
			offsets[at] = c.read
		}
	}
	return offsets
}

// Has says whether the group has given a partition to this life of the member.
func (m *Member) Has(at Partition) bool { return m.group.owners[at] == m }
