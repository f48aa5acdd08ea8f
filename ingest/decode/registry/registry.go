// Package registry asks a schema registry for schemas by id, over the REST interface of Confluent's (Karapace, Apicurio and Redpanda
// speak it too: https://docs.confluent.io/platform/current/schema-registry/develop/api.html), and keeps them.
package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/afterclick/afterclick/schemas/event"
)

// Config says where a registry is.
type Config struct {
	URL            string // "https://registry:8081"
	User, Password string // basic authentication, none if both are empty
	TLS            *tls.Config
	Timeout        time.Duration // of a request; 0 means DefaultTimeout
	MaxSchemas     int           // kept; 0 means DefaultMaxSchemas
}

const (
	// DefaultTimeout is short, because a lane waits meanwhile, and asks again.
	DefaultTimeout = 5 * time.Second
	// DefaultMaxSchemas is far more than the versions of the schemas of a few topics.
	DefaultMaxSchemas = 10_000
	// askAgain is how long it is believed that an id does not exist. Producers register a schema before they use it, so such an id is a
	// producer's mistake; a flood of them must not become a flood of requests.
	askAgain = time.Minute
	// maxReferences bounds how many schemas one schema may be made of.
	maxReferences = 200
)

// Schema is what the registry has under an id.
type Schema struct {
	ID   int
	Text string
	// Imports are the schemas that it refers to, and those that they refer to. Each stands after all that it refers to itself.
	Imports []Import
}

// Import is a schema that another refers to.
type Import struct {
	Name string // of an Avro type, or of a .proto file
	Text string
}

// Registry gives schemas as what compile makes of them. It may be used by several goroutines.
type Registry[T any] struct {
	client  *sr.Client
	url     string
	kind    sr.SchemaType
	compile func(*Schema) (T, error)
	limit   int
	now     func() time.Time

	mu      sync.RWMutex
	schemas map[int]entry[T]
}

// entry is a schema, or why there is none.
type entry[T any] struct {
	schema  T
	refusal *event.Refusal
	until   time.Time // when a refusal is no longer believed; zero: never, an id always means the same schema
}

// New returns a registry of schemas of one kind. It does no I/O. An error of compile says what is wrong with a schema.
func New[T any](cfg Config, kind sr.SchemaType, compile func(*Schema) (T, error)) (*Registry[T], error) {
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("url: %q is no address of a schema registry, like https://registry:8081", cfg.URL)
	case u.User != nil:
		return nil, errors.New("url: must not have a user or a password: there are options for them")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.MaxSchemas == 0 {
		cfg.MaxSchemas = DefaultMaxSchemas
	}
	options := []sr.ClientOpt{sr.URLs(cfg.URL), sr.UserAgent("afterclick"), sr.HTTPClient(&http.Client{Timeout: cfg.Timeout})}
	if cfg.TLS != nil {
		options = append(options, sr.DialTLSConfig(cfg.TLS))
	}
	if cfg.User != "" || cfg.Password != "" {
		options = append(options, sr.BasicAuth(cfg.User, cfg.Password))
	}
	client, err := sr.NewClient(options...)
	if err != nil {
		return nil, err
	}
	return &Registry[T]{client: client, url: cfg.URL, kind: kind, compile: compile, limit: cfg.MaxSchemas, now: time.Now,
		schemas: map[int]entry[T]{}}, nil
}

// Get returns the schema of an id. What was asked for once is known while the registry is away. The refusal says that the registry
// does not have it, or that it cannot be used; an error says that the registry does not answer, now.
func (r *Registry[T]) Get(id int) (T, *event.Refusal, error) {
	r.mu.RLock()
	e, known := r.schemas[id]
	r.mu.RUnlock()
	if known && (e.until.IsZero() || r.now().Before(e.until)) {
		return e.schema, e.refusal, nil
	}
	e, err := r.ask(id)
	if err != nil {
		return e.schema, nil, fmt.Errorf("schema registry %s: schema %d: %w", r.url, id, err)
	}
	r.keep(id, e)
	return e.schema, e.refusal, nil
}

// keep makes room by forgetting any other schema.
func (r *Registry[T]) keep(id int, e entry[T]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for other := range r.schemas {
		if len(r.schemas) < r.limit {
			break
		}
		delete(r.schemas, other)
	}
	r.schemas[id] = e
}

func (r *Registry[T]) ask(id int) (e entry[T], err error) {
	ctx := context.Background()
	got, err := r.client.SchemaByID(ctx, id)
	if missing(err, 40403) {
		e.refusal = refusal(event.UnknownVersion, "the schema registry %s has no schema with id %d", r.url, id)
		e.until = r.now().Add(askAgain)
		return e, nil
	}
	if err != nil {
		return e, answer(err)
	}
	if got.Type != r.kind {
		e.refusal = refusal(event.BadRecord, "schema %d is of type %s, the source's format reads %s", id, got.Type, r.kind)
		return e, nil
	}
	s := Schema{ID: id, Text: got.Schema}
	switch missed, err := r.imports(ctx, got.References, map[string]bool{}, &s); {
	case err != nil:
		return e, err
	case missed != "":
		e.refusal = refusal(event.BadRecord, "schema %d %s", id, missed)
		e.until = r.now().Add(askAgain)
		return e, nil
	}
	if e.schema, err = r.compile(&s); err != nil {
		e.refusal = refusal(event.BadRecord, "schema %d cannot be used: %v", id, err)
	}
	return e, nil
}

// imports adds the schemas that references name, those first that they refer to. It says what cannot be had.
func (r *Registry[T]) imports(ctx context.Context, references []sr.SchemaReference, seen map[string]bool, s *Schema) (string, error) {
	for _, ref := range references {
		if seen[ref.Name] {
			continue
		}
		seen[ref.Name] = true
		if len(seen) > maxReferences {
			return fmt.Sprintf("refers to more than %d others", maxReferences), nil
		}
		got, err := r.client.SchemaByVersion(ctx, ref.Subject, ref.Version)
		if missing(err, 40401, 40402) {
			return fmt.Sprintf("refers to %s, which is version %d of %s, and the registry does not have that", ref.Name, ref.Version, ref.Subject), nil
		}
		if err != nil {
			return "", fmt.Errorf("version %d of %s, which it refers to: %w", ref.Version, ref.Subject, answer(err))
		}
		if missed, err := r.imports(ctx, got.References, seen, s); missed != "" || err != nil {
			return missed, err
		}
		s.Imports = append(s.Imports, Import{Name: ref.Name, Text: got.Schema.Schema})
	}
	return "", nil
}

// missing tells whether the registry itself says that there is no such thing. A 404 without its code comes from something else.
func missing(err error, codes ...int) bool {
	var r *sr.ResponseError
	if !errors.As(err, &r) || r.StatusCode != http.StatusNotFound {
		return false
	}
	for _, c := range codes {
		if r.ErrorCode == c {
			return true
		}
	}
	return false
}

// answer says what came instead of a schema, and what to do.
func answer(err error) error {
	var r *sr.ResponseError
	if !errors.As(err, &r) {
		return err
	}
	hint := ""
	switch r.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		hint = ": check user and password"
	case http.StatusNotFound:
		hint = ": this is no schema registry's answer, check the url"
	}
	text := r.Error()
	if len(text) > 200 {
		text = text[:200] + "..."
	}
	return fmt.Errorf("%d %s, %q%s", r.StatusCode, http.StatusText(r.StatusCode), text, hint)
}

func refusal(reason, format string, args ...any) *event.Refusal {
	return &event.Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
