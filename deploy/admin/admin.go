// Package admin lets an operator watch one instance over HTTP: /health, /metrics, /debug/pprof.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/afterclick/afterclick/deploy/pipeline"
)

// Health is what /health answers, with status 200 while there are no problems, else 503.
type Health struct {
	OK       bool     `json:"ok"`
	Problems []string `json:"problems"`
}

// outageAfter is how long ClickHouse may refuse rows until that is a problem and not a restart.
const outageAfter = 15 * time.Second

// Check says how an instance is.
func Check(p *pipeline.Pipeline) Health {
	h := Health{Problems: []string{}}
	problem := func(format string, args ...any) { h.Problems = append(h.Problems, fmt.Sprintf(format, args...)) }
	if p.Engine != nil {
		if n := p.Engine.Metrics.WrongKeys.Load(); n > 0 {
			problem("%d clicks have a key that is not their visitor, although keyed_by is visitor: they are dead letters. Key the topic by visitor, or set keyed_by: none", n)
		}
		for lane, err := range p.Engine.Failing() {
			problem("lane %s: %v", lane, err)
		}
	}
	if p.Lookups != nil {
		for _, err := range p.Lookups.Problems() {
			problem("enrich: %v: what was known before stays", err)
		}
	}
	if p.Writer != nil {
		if since := p.Writer.Counts().FailingSince; !since.IsZero() && time.Since(since) > outageAfter {
			problem("ClickHouse takes no rows since %s: reading is paused, nothing is lost", since.UTC().Format(time.RFC3339))
		}
	}
	h.OK = len(h.Problems) == 0
	return h
}

// Handler serves the pages of an instance.
func Handler(p *pipeline.Pipeline) http.Handler { return pages(p, func() Health { return Check(p) }) }

func pages(p *pipeline.Pipeline, check func() Health) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		h := check()
		w.Header().Set("Content-Type", "application/json")
		if !h.OK {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		json.NewEncoder(w).Encode(h)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry(p), promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "Afterclick. See /health, /metrics, /debug/pprof/.")
	})
	return mux
}

// Server answers for an instance, whose Pipeline changes with the generation of the tables.
type Server struct {
	Addr    net.Addr
	handler atomic.Pointer[http.Handler]
	last    *pipeline.Pipeline
}

// Show says whose pages are served from now on, or why nothing runs.
func (s *Server) Show(p *pipeline.Pipeline, problem error) {
	check := func() Health { return Check(p) }
	if problem != nil {
		check = func() Health { return Health{Problems: []string{problem.Error()}} }
	}
	if p != nil {
		s.last = p
	}
	h := pages(s.last, check)
	s.handler.Store(&h)
}

// Serve answers at the address until ctx ends. It returns once it listens, or cannot.
func Serve(ctx context.Context, address string) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("admin.address: %w", err)
	}
	s := &Server{Addr: listener.Addr(), last: &pipeline.Pipeline{}}
	s.Show(s.last, nil)
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*s.handler.Load()).ServeHTTP(w, r)
	})}
	context.AfterFunc(ctx, func() { server.Close() })
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			listener.Close()
		}
	}()
	return s, nil
}
