package registry

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/afterclick/afterclick/schemas/event"
)

// open returns a registry whose schemas are their own texts, those imported before them.
func open(t *testing.T, cfg Config) *Registry[string] {
	t.Helper()
	r, err := New(cfg, sr.TypeAvro, func(s *Schema) (string, error) {
		var texts []string
		for _, i := range s.Imports {
			texts = append(texts, i.Name)
		}
		return strings.Join(append(texts, s.Text), " "), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fake(t *testing.T, options ...srfake.Option) *srfake.Registry {
	f := srfake.New(options...)
	t.Cleanup(f.Close)
	return f
}

// answers makes every request fail until it is called with 0, and counts the requests.
func answers(f *srfake.Registry, asked *atomic.Int32) (status *atomic.Int32) {
	status = new(atomic.Int32)
	f.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		asked.Add(1)
		if s := int(status.Load()); s != 0 {
			http.Error(w, "no "+strings.Repeat("!", 5000), s)
			return true
		}
		return false
	})
	return status
}

func TestSchemasAreKept(t *testing.T) {
	f := fake(t)
	f.SeedSchema("orders-value", 1, 7, sr.Schema{Schema: `"string"`})
	var asked atomic.Int32
	status := answers(f, &asked)
	r := open(t, Config{URL: f.URL()})
	for range 3 {
		if s, refusal, err := r.Get(7); s != `"string"` || refusal != nil || err != nil {
			t.Fatal(s, refusal, err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times for one schema", asked.Load())
	}

	// The registry goes away: what is known is known, all else waits, and says for what.
	status.Store(500)
	if s, _, err := r.Get(7); s != `"string"` || err != nil {
		t.Errorf("a known schema while the registry is away: %q, %v", s, err)
	}
	_, refusal, err := r.Get(8)
	if refusal != nil || err == nil || !strings.Contains(err.Error(), f.URL()) || !strings.Contains(err.Error(), "schema 8: 500") || len(err.Error()) > 400 {
		t.Errorf("an unknown schema while the registry is away: %v, %v", refusal, err)
	}

	// It comes back, and the id is there.
	status.Store(0)
	f.SeedSchema("orders-value", 2, 8, sr.Schema{Schema: `"long"`})
	if s, refusal, err := r.Get(8); s != `"long"` || refusal != nil || err != nil {
		t.Errorf("after the registry is back: %q, %v, %v", s, refusal, err)
	}
}

func TestUnknownIDs(t *testing.T) {
	f := fake(t)
	f.SeedSchema("other", 1, 1, sr.Schema{Schema: `"string"`})
	var asked atomic.Int32
	answers(f, &asked)
	r := open(t, Config{URL: f.URL()})
	now := time.Now()
	r.now = func() time.Time { return now }
	for range 5 {
		_, refusal, err := r.Get(99)
		if err != nil || refusal == nil || refusal.Reason != event.UnknownVersion || !strings.Contains(refusal.Detail, "99") {
			t.Fatalf("got %v, %v", refusal, err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times for an id that does not exist", asked.Load())
	}
	// Somebody registers it after all: that is heard, later.
	f.SeedSchema("late", 1, 99, sr.Schema{Schema: `"int"`})
	now = now.Add(askAgain)
	if s, refusal, err := r.Get(99); s != `"int"` || refusal != nil || err != nil {
		t.Errorf("got %q, %v, %v", s, refusal, err)
	}
}

// TestWaits lists what is no answer about a schema, though it is one: nothing may be refused for that.
func TestWaits(t *testing.T) {
	f := fake(t)
	var asked atomic.Int32
	status := answers(f, &asked)
	r := open(t, Config{URL: f.URL()})
	for code, says := range map[int]string{401: "check user and password", 403: "check user and password", 404: "check the url", 429: "429", 502: "502", 503: "503"} {
		status.Store(int32(code))
		if _, refusal, err := r.Get(1); refusal != nil || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%d: %v, %v", code, refusal, err)
		}
	}

	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
		}
	}))
	defer slow.Close()
	r = open(t, Config{URL: slow.URL, Timeout: 50 * time.Millisecond})
	if _, refusal, err := r.Get(1); refusal != nil || err == nil || !strings.Contains(err.Error(), "Timeout") {
		t.Errorf("slow: %v, %v", refusal, err)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	r = open(t, Config{URL: "http://" + l.Addr().String()})
	if _, refusal, err := r.Get(1); refusal != nil || err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens: %v, %v", refusal, err)
	}

	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>log in</html>") }))
	defer page.Close()
	r = open(t, Config{URL: page.URL})
	if _, refusal, err := r.Get(1); refusal != nil || err == nil {
		t.Errorf("a page instead of a schema: %v, %v", refusal, err)
	}
}

func TestReferences(t *testing.T) {
	f := fake(t)
	ref := func(name string) sr.SchemaReference { return sr.SchemaReference{Name: name, Subject: name, Version: 1} }
	f.SeedSchema("a", 1, 1, sr.Schema{Schema: `"a"`})
	f.SeedSchema("b", 1, 2, sr.Schema{Schema: `"b"`, References: []sr.SchemaReference{ref("a")}})
	f.SeedSchema("c", 1, 3, sr.Schema{Schema: `"c"`, References: []sr.SchemaReference{ref("b"), ref("a")}})
	r := open(t, Config{URL: f.URL()})
	if s, refusal, err := r.Get(3); s != `a b "c"` || refusal != nil || err != nil {
		t.Errorf("got %q, %v, %v", s, refusal, err)
	}

	f.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/schemas/ids/4" {
			return false
		}
		fmt.Fprint(w, `{"schema":"\"d\"","references":[{"name":"gone","subject":"gone","version":3}]}`)
		return true
	})
	if _, refusal, err := r.Get(4); err != nil || refusal == nil || refusal.Reason != event.BadRecord || !strings.Contains(refusal.Detail, "version 3 of gone") {
		t.Errorf("a reference that is not there: %v, %v", refusal, err)
	}
}

func TestSchemasThatCannotBeUsed(t *testing.T) {
	f := fake(t)
	f.SeedSchema("proto", 1, 1, sr.Schema{Schema: `syntax = "proto3"; message A {}`, Type: sr.TypeProtobuf})
	f.SeedSchema("avro", 1, 2, sr.Schema{Schema: `"string"`})
	r, err := New(Config{URL: f.URL()}, sr.TypeAvro, func(s *Schema) (int, error) { return 0, fmt.Errorf("it is empty") })
	if err != nil {
		t.Fatal(err)
	}
	for id, says := range map[int]string{1: "of type PROTOBUF, the source's format reads AVRO", 2: "it is empty"} {
		if _, refusal, err := r.Get(id); err != nil || refusal == nil || refusal.Reason != event.BadRecord || !strings.Contains(refusal.Detail, says) {
			t.Errorf("%d: %v, %v", id, refusal, err)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	f := fake(t)
	for id := 1; id <= 50; id++ {
		f.SeedSchema(fmt.Sprint("s", id), 1, id, sr.Schema{Schema: fmt.Sprintf(`{"type":"fixed","name":"f","size":%d}`, id)})
	}
	r := open(t, Config{URL: f.URL(), MaxSchemas: 10})
	for id := 1; id <= 100; id++ {
		if _, _, err := r.Get(id); err != nil {
			t.Fatal(err)
		}
		if len(r.schemas) > 10 {
			t.Fatalf("keeps %d schemas", len(r.schemas))
		}
	}
}

func TestLogin(t *testing.T) {
	f := fake(t, srfake.WithAuth("Basic "+base64.StdEncoding.EncodeToString([]byte("shop:secret"))))
	f.SeedSchema("s", 1, 1, sr.Schema{Schema: `"string"`})
	if _, _, err := open(t, Config{URL: f.URL(), User: "shop", Password: "secret"}).Get(1); err != nil {
		t.Error(err)
	}
	if _, _, err := open(t, Config{URL: f.URL(), User: "shop", Password: "wrong-secret"}).Get(1); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestTLS(t *testing.T) {
	f := fake(t)
	f.SeedSchema("s", 1, 1, sr.Schema{Schema: `"string"`})
	s := httptest.NewTLSServer(f.Handler())
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	if _, _, err := open(t, Config{URL: s.URL, TLS: &tls.Config{RootCAs: roots}}).Get(1); err != nil {
		t.Error(err)
	}
	if _, _, err := open(t, Config{URL: s.URL}).Get(1); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a stranger's certificate: %v", err)
	}
}

func TestConfig(t *testing.T) {
	for _, u := range []string{"", "registry:8081", "ftp://registry", "http://", "http://user:pass@registry"} {
		if _, err := New(Config{URL: u}, sr.TypeAvro, func(*Schema) (int, error) { return 0, nil }); err == nil || strings.Contains(err.Error(), "pass@") {
			t.Errorf("%q: %v", u, err)
		}
	}
}

// Lanes share a registry, and forget for each other.
func TestManyLanes(t *testing.T) {
	f := fake(t)
	for id := 1; id <= 20; id++ {
		f.SeedSchema(fmt.Sprint("s", id), 1, id, sr.Schema{Schema: fmt.Sprintf(`{"type":"fixed","name":"f","size":%d}`, id)})
	}
	r := open(t, Config{URL: f.URL(), MaxSchemas: 8})
	var lanes sync.WaitGroup
	for lane := range 8 {
		lanes.Go(func() {
			for i := range 100 {
				id := 1 + (lane+i*7)%25 // the last five do not exist
				s, refusal, err := r.Get(id)
				if err != nil || (refusal != nil) != (id > 20) || refusal == nil && !strings.Contains(s, fmt.Sprintf(`"size":%d}`, id)) {
					t.Errorf("%d: %q, %v, %v", id, s, refusal, err)
				}
			}
		})
	}
	lanes.Wait()
}
