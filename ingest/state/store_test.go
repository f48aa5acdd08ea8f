package state

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/afterclick/afterclick/schemas/event"
)

// A store must be what a map is, whatever is put, grown, shrunk and deleted, and must give memory back.
func TestStoreEqualsMap(t *testing.T) {
	s, want := New(), map[string][]byte{}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 400_000 {
		key := fmt.Sprintf("visitor-%d", r.IntN(20_000))
		switch r.IntN(10) {
		case 0:
			s.Delete([]byte(key))
			delete(want, key)
		default:
			n := r.IntN(600)
			if r.IntN(20_000) == 0 {
				n = slabSize + r.IntN(slabSize)
			}
			v := bytes.Repeat([]byte{byte(i)}, n)
			s.Put([]byte(key), v, event.Time(1+i))
			want[key] = v
		}
	}
	if s.Len() != len(want) {
		t.Fatalf("has %d keys, want %d", s.Len(), len(want))
	}
	var live int
	for k, v := range want {
		got, _ := s.Get([]byte(k))
		if !bytes.Equal(got, v) {
			t.Fatalf("%s: got %d bytes, want %d", k, len(got), len(v))
		}
	}
	for _, loc := range s.index {
		live += s.at(loc).size()
	}
	if s.live != live {
		t.Errorf("counts %d live bytes, has %d", s.live, live)
	}
	if s.Bytes() > 3*live+8*slabSize {
		t.Errorf("holds %d bytes for %d live ones", s.Bytes(), live)
	}
	n := 0
	s.Each(func(k, v []byte, _ event.Time) bool { n++; return bytes.Equal(v, want[string(k)]) })
	if n != len(want) {
		t.Errorf("Each saw %d of %d equal entries", n, len(want))
	}
}

// What is due comes out when the clock has passed its hour, once, and not before.
func TestDue(t *testing.T) {
	s := New()
	for i := range 1000 {
		s.Put(fmt.Appendf(nil, "k%d", i), []byte("v"), event.Time(int64(i)*hour/10+1))
	}
	s.Put([]byte("k0"), []byte("later"), event.Time(500*hour)) // moved: still stands in its first hour too
	seen := map[string]int{}
	for clock := int64(0); clock <= 102*hour; clock += hour / 2 {
		for {
			due := s.Due(event.Time(clock), 7, nil)
			if len(due) == 0 {
				break
			}
			for _, h := range due {
				key, _, expires := s.ByHash(h)
				if int64(expires) <= clock {
					seen[string(key)]++
					s.Delete(bytes.Clone(key))
				}
			}
		}
	}
	if len(seen) != 999 || seen["k0"] != 0 {
		t.Errorf("%d keys came out, k0 %d times; want 999 and 0", len(seen), seen["k0"])
	}
}

func TestClash(t *testing.T) {
	s := New()
	s.Put([]byte("a"), []byte("1"), 0)
	// Pretend that another key has the hash of "b", as xxhash gives no clash at hand.
	s.index[Hash([]byte("b"))] = s.index[Hash([]byte("a"))]
	s.Put([]byte("b"), []byte("2"), 0)
	if v, _ := s.Get([]byte("b")); string(v) != "2" {
		t.Errorf("the second key of a hash has %q", v)
	}
	if v, _ := s.Get([]byte("a")); string(v) != "1" {
		t.Errorf("the first key of a hash has %q", v)
	}
	s.Delete([]byte("b"))
	if v, _ := s.Get([]byte("b")); v != nil {
		t.Errorf("deleted, but has %q", v)
	}
}

func BenchmarkPut(b *testing.B) {
	s, v := New(), make([]byte, 300)
	keys := make([][]byte, 1_000_000)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "visitor-%016x", i)
		s.Put(keys[i], v[:200+i%100], 1)
	}
	b.ReportAllocs()
	r := rand.New(rand.NewPCG(5, 6))
	i := 0
	for b.Loop() {
		i++
		s.Put(keys[r.IntN(len(keys))], v[:200+i%100], event.Time(i))
	}
}
