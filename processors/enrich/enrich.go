// Package enrich says what a click's raw strings mean: the user agent's device, OS and browser, the channel that a referrer and
// the UTM parameters stand for, the path of a URL. It is pure: caches only save time. What cannot be told is Unknown.
package enrich

// Unknown stands for what cannot be told.
const Unknown = "unknown"

// memo keeps the latest results of a function of a string, at most 2·size of them: when the young half is full it becomes the old
// half, and what is asked for again moves back.
type memo[V any] struct {
	size       int
	young, old map[string]V
}

func newMemo[V any](size int) memo[V] {
	return memo[V]{size: size, young: make(map[string]V), old: nil}
}

func (m *memo[V]) get(key string) (V, bool) {
	v, ok := m.young[key]
	if !ok {
		if v, ok = m.old[key]; ok {
			m.put(key, v)
		}
	}
	return v, ok
}

func (m *memo[V]) put(key string, v V) {
	if len(m.young) >= m.size {
		m.old, m.young = m.young, make(map[string]V)
	}
	m.young[string([]byte(key))] = v // the key's memory belongs to the record
}
