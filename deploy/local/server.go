package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Server is a Handler that listens.
type Server struct {
	Address string // host:port

	handler *Handler
	http    *http.Server
	stop    context.CancelFunc
	done    chan error
}

// Serve starts to answer ClickHouse's HTTP protocol on a loopback address; port 0 takes a free one.
func Serve(ctx context.Context, e *Engine, address string, readerLimits map[string]string) (*Server, error) {
	listener, err := listenLoopback(address)
	if err != nil {
		return nil, err
	}
	handler, err := NewHandler(ctx, e, readerLimits)
	if err != nil {
		listener.Close()
		return nil, err
	}
	base, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{
		Address: listener.Addr().String(),
		handler: handler,
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: 30 * time.Second,
			BaseContext:       func(net.Listener) context.Context { return base },
			ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
		},
		stop: stop,
		done: make(chan error, 1),
	}
	go func() { s.done <- s.http.Serve(listener) }()
	return s, nil
}

// URL is the address for curl, Grafana and other HTTP clients.
func (s *Server) URL() string { return "http://" + s.Address }

// Options are clickhouse-go's options for a connection to the server.
func (s *Server) Options(database string) *clickhouse.Options {
	return &clickhouse.Options{
		Protocol: clickhouse.HTTP,
		Addr:     []string{s.Address},
		Auth:     clickhouse.Auth{Database: database},
	}
}

// Close lets running statements end for a few seconds, then kills them.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	s.stop()
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	s.handler.Close()
	if serveErr := <-s.done; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}

// listenLoopback listens on host:port and refuses hosts that other machines could reach: there are no passwords here.
func listenLoopback(address string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", address, err)
	}
	if !loopbackName(host) {
		return nil, fmt.Errorf("listen on %q: the local stack has no passwords and binds to loopback only, such as 127.0.0.1", address)
	}
	return net.Listen("tcp", address)
}
