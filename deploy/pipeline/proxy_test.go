package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/local/localtest"
)

// fault is what stands between a client and ClickHouse.
type fault string

const (
	well    fault = "well"          // nothing
	refused fault = "refused"       // nobody listens, and whoever was connected is cut off
	silent  fault = "silent"        // connections stand, requests get no answer, and are cut off when the fault ends
	halved  fault = "halved"        // an insert breaks off after half of its bytes
	unheard fault = "unheard"       // an insert takes place, but the client is cut off before it hears of it
	belated fault = "belated"       // the client is cut off at once, and its insert takes place a second later
	busy    fault = "busy"          // ClickHouse itself says: too many parts
	slow    fault = "slow"          // everything takes half a second more
	weary   fault = "weary"         // an insert takes up to three seconds more, and of some the client is cut off, before or after they take place
	readBit fault = "answer halved" // of what is asked, half of the answer comes
)

// proxy is an address of ClickHouse with faults.
type proxy struct {
	address string
	target  func() string // URL of the ClickHouse behind it, at the moment
	server  *http.Server
	client  http.Client

	mu    sync.Mutex
	fault fault
	over  chan struct{} // closed when the fault ends
	late  sync.WaitGroup

	inserts atomic.Int64 // that came while a fault was there
	cuts    atomic.Int64 // of those, the ones whose client was cut off by a weary ClickHouse
}

// newProxy stands before this process's ClickHouse.
func newProxy(t *testing.T) *proxy {
	t.Helper()
	url := localtest.URL(t)
	return newProxyOf(t, func() string { return url })
}

func newProxyOf(t *testing.T, target func() string) *proxy {
	t.Helper()
	p := &proxy{target: target, fault: well, over: make(chan struct{})}
	p.client.Transport = &http.Transport{MaxIdleConnsPerHost: 50}
	p.listen(t)
	t.Cleanup(func() {
		p.set(t, well)
		p.server.Close()
		p.late.Wait()
		p.client.CloseIdleConnections()
	})
	return p
}

func (p *proxy) listen(t *testing.T) {
	t.Helper()
	address := p.address
	if address == "" {
		address = "127.0.0.1:0"
	}
	var listener net.Listener
	until(t, 5*time.Second, "listen on "+address, func() (ok bool) {
		var err error
		listener, err = net.Listen("tcp", address)
		return err == nil
	})
	p.address = listener.Addr().String()
	p.server = &http.Server{Handler: http.HandlerFunc(p.serve)}
	go p.server.Serve(listener)
}

func (p *proxy) set(t *testing.T, f fault) {
	t.Helper()
	p.mu.Lock()
	was := p.fault
	p.fault = f
	close(p.over)
	p.over = make(chan struct{})
	p.mu.Unlock()
	switch {
	case f == refused && was != refused:
		p.server.Close()
	case f != refused && was == refused:
		p.listen(t)
	}
}

var errCut = errors.New("cut off")

// serve passes a request on, with the fault of the moment. A panic with http.ErrAbortHandler cuts the client off.
func (p *proxy) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	f, over := p.fault, p.over
	p.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	insert := strings.Contains(r.URL.Query().Get("query"), "INSERT") || bytes.HasPrefix(bytes.TrimSpace(body), []byte("INSERT"))
	if insert && f != well {
		p.inserts.Add(1)
	}
	forward := func(ctx context.Context, body io.Reader) *http.Response {
		out, err := http.NewRequestWithContext(ctx, r.Method, p.target()+r.URL.RequestURI(), body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		out.Header = r.Header.Clone()
		answer, err := p.client.Do(out)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		return answer
	}
	before, after := false, false
	if f == weary && insert {
		time.Sleep(rand.N(3 * time.Second))
		switch rand.IntN(6) {
		case 0:
			before = true
		case 1:
			after = true
		}
		if before || after {
			p.cuts.Add(1)
		}
	}
	switch {
	case before:
		panic(http.ErrAbortHandler)
	case f == silent:
		<-over
		panic(http.ErrAbortHandler)
	case f == busy:
		w.Header().Set("X-ClickHouse-Exception-Code", "252")
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, "Code: 252. DB::Exception: Too many parts (300). Merges are processing significantly slower than inserts. (TOO_MANY_PARTS)")
		return
	case f == halved && insert:
		half := io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{errCut})
		forward(r.Context(), half)
		panic(http.ErrAbortHandler)
	case f == unheard && insert || after:
		answer := forward(context.Background(), bytes.NewReader(body))
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		panic(http.ErrAbortHandler)
	case f == belated && insert:
		p.late.Go(func() {
			defer func() { recover() }()
			time.Sleep(time.Second)
			forward(context.Background(), bytes.NewReader(body)).Body.Close()
		})
		panic(http.ErrAbortHandler)
	case f == slow:
		time.Sleep(500 * time.Millisecond)
	}
	answer := forward(r.Context(), bytes.NewReader(body))
	defer answer.Body.Close()
	for key, values := range answer.Header {
		w.Header()[key] = values
	}
	w.WriteHeader(answer.StatusCode)
	if f == readBit && !insert {
		all, _ := io.ReadAll(answer.Body)
		w.Write(all[:len(all)/2])
		panic(http.ErrAbortHandler)
	}
	io.Copy(w, answer.Body)
}

type broken struct{ error }

func (b broken) Read([]byte) (int, error) { return 0, b.error }
