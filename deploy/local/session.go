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
	mu   sync.Mutex
	open map[string]*session
}

type session struct {
	c       *conn
	busy    bool
	expires *time.Timer
	access  Access
}

func (s *sessions) take(ctx context.Context, e *Engine, req *request) (*conn, func(), error) {
	timeout := time.Minute
	if n, err := strconv.Atoi(req.timeout); err == nil && n > 0 {
		timeout = min(time.Duration(n)*time.Second, time.Hour)
	}
	s.mu.Lock()
	found := s.open[req.session]
	if found != nil && found.busy {
		s.mu.Unlock()
		return nil, nil, &Error{Code: 373, Name: "SESSION_IS_LOCKED", Message: "Session " + req.session + " is locked by a concurrent client."}
	}
	if found == nil {
		if req.check {
			s.mu.Unlock()
			return nil, nil, &Error{Code: 372, Name: "SESSION_NOT_FOUND", Message: "Session " + req.session + " not found."}
		}
		found = &session{busy: true, access: req.query.Access}
		if s.open == nil {
			s.open = map[string]*session{}
		}
		s.open[req.session] = found
		s.mu.Unlock()
		c, err := e.acquire(ctx)
		s.mu.Lock()
		if err != nil {
			delete(s.open, req.session)
			s.mu.Unlock()
			return nil, nil, err
		}
		found.c = c
	}
	found.busy = true
	if found.expires != nil {
		found.expires.Stop()
	}
	s.mu.Unlock()

	release := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		found.busy = false
		found.expires = time.AfterFunc(timeout, func() { s.end(req.session, found) })
	}
	query := req.query
	if found.access == ReadOnly {
		query.Settings, query.Access = nil, Full // it is read-only already, and cannot be set again
	}
	if err := found.c.prepare(query); err != nil {
		release()
		return nil, nil, err
	}
	if found.access == ReadOnly {
		req.query.Access = ReadOnly // a reader's session stays a reader's, whoever comes back to it
	}
	return found.c, release, nil
}

// end closes a session, unless a request came back to it.
func (s *sessions) end(id string, found *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !found.busy && s.open[id] == found {
		delete(s.open, id)
		found.c.release()
	}
}

func (s *sessions) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, found := range s.open {
		if !found.busy && found.c != nil {
			found.expires.Stop()
			found.c.release()
		}
		delete(s.open, id)
	}
}
