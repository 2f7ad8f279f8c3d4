package typednats_test

import (
	"bytes"
	"net"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/typednatstest"
)

// proxy stands between connections and their server, to cut and to stall them.
type proxy struct {
	listener net.Listener
	target   string
	copies   sync.WaitGroup

	mu      sync.Mutex
	open    []net.Conn
	stalled chan struct{} // nil while bytes pass; closed to let them pass again
	barred  []byte        // stalls the proxy when it comes; nil if nothing does
	barrier chan struct{} // closed when that has come
}

func newProxy(t *testing.T, srv *typednatstest.NATS) *proxy {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: srv.Addr().String()}
	p.copies.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.resume()
		p.cut()
		p.copies.Wait()
	})
	return p
}

// connect opens a connection through the proxy that is closed when the test ends.
func (p *proxy) connect(t *testing.T, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect("nats://"+p.listener.Addr().String(), opts...)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func (p *proxy) accept() {
	for {
		from, err := p.listener.Accept()
		if err != nil {
			return
		}
		to, err := (&net.Dialer{}).Dial("tcp", p.target)
		if err != nil {
			_ = from.Close()
			continue
		}
		p.mu.Lock()
		p.open = append(p.open, from, to)
		p.mu.Unlock()
		p.copies.Go(func() { p.copy(from, to) })
		p.copies.Go(func() { p.copy(to, from) })
	}
}

func (p *proxy) copy(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		free, held, stalled := p.pass(buf[:n])
		_, writeErr := to.Write(free)
		if stalled != nil {
			<-stalled
		}
		if writeErr == nil {
			_, writeErr = to.Write(held)
		}
		if err != nil || writeErr != nil {
			return
		}
	}
}

// pass returns which bytes may pass, and which only when something is closed.
func (p *proxy) pass(b []byte) (free, held []byte, stalled <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stalled != nil {
		return nil, b, p.stalled
	}
	if i := bytes.Index(b, p.barred); p.barred != nil && i >= 0 {
		p.stalled = make(chan struct{})
		close(p.barrier)
		p.barred = nil
		return b[:i], b[i:], p.stalled
	}
	return b, nil, nil
}

// cut closes what is open.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		_ = c.Close()
	}
	p.open = nil
}

// stall keeps the connections open and lets nothing pass.
func (p *proxy) stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = make(chan struct{})
}

// stallAt lets nothing pass from certain bytes on. It returns what is closed when they have come.
func (p *proxy) stallAt(word string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.barred, p.barrier = []byte(word), make(chan struct{})
	return p.barrier
}

func (p *proxy) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stalled != nil {
		close(p.stalled)
		p.stalled = nil
	}
}
