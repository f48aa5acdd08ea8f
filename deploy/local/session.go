package local

import (
	"context"
	"strconv"
	"sync"
	"time"
)

// sessions keeps the connection of an HTTP session (session_id) between requests, with its settings, current database
// and temporary tables. A session holds one of the engine's places for as long as it lives.
type sessions struct {
	mu     sync.Mutex
	open   map[string]*session
	closed bool
}

type session struct {
	c       *conn // nil until its first request has it
	busy    bool
	expires *time.Timer
	access  Access
}

func (s *sessions) take(ctx context.Context, e *Engine, req *request) (*conn, func(), error) {
	timeout := time.Minute
	if n, err := strconv.Atoi(req.timeout); err == nil && n > 0 {
		timeout = min(time.Duration(n)*time.Second, time.Hour)
	}
	found, err := s.find(req)
	if err != nil {
		return nil, nil, err
	}
	release := func() { s.putBack(req.session, found, timeout) }
	if found.c == nil {
		c, err := e.acquire(ctx, req.query.Access)
		if err != nil {
			release()
			return nil, nil, err
		}
		found.c = c
	}
	query := req.query
	if found.access == ReadOnly {
		// It is read-only already and cannot be set again; and it stays so, whoever comes back to it.
		query.Settings, query.Access = nil, Full
		req.query.Access = ReadOnly
	}
	if err := found.c.prepare(query); err != nil {
		release()
		return nil, nil, err
	}
	found.access = max(found.access, req.query.Access)
	return found.c, release, nil
}

// find gives a session to one request.
func (s *sessions) find(req *request) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.open[req.session]
	switch {
	case s.closed:
		return nil, ErrClosed
	case found != nil && found.busy:
		return nil, &Error{Code: 373, Name: "SESSION_IS_LOCKED", Message: "Session " + req.session + " is locked by a concurrent client."}
	case found == nil && req.check:
		return nil, &Error{Code: 372, Name: "SESSION_NOT_FOUND", Message: "Session " + req.session + " not found."}
	case found == nil:
		if s.open == nil {
			s.open = map[string]*session{}
		}
		found = new(session)
		s.open[req.session] = found
	}
	found.busy = true
	if found.expires != nil {
		found.expires.Stop()
	}
	return found, nil
}

// putBack ends a request's hold on its session.
func (s *sessions) putBack(id string, found *session, timeout time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found.busy = false
	if found.c == nil || s.closed {
		s.remove(id, found)
		return
	}
	found.expires = time.AfterFunc(timeout, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !found.busy && s.open[id] == found {
			s.remove(id, found)
		}
	})
}

// remove must be called with the lock held, on a session that is not busy.
func (s *sessions) remove(id string, found *session) {
	delete(s.open, id)
	if found.expires != nil {
		found.expires.Stop()
	}
	if found.c != nil {
		found.c.release()
	}
}

// closeAll ends the sessions; those that are busy end with their request.
func (s *sessions) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for id, found := range s.open {
		if !found.busy {
			s.remove(id, found)
		}
	}
}
