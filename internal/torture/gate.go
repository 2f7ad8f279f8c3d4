package main

import (
	"context"
	"sync"
)

// gate keeps handlers of some calls from going on while it is shut. It is open at first.
type gate struct {
	mu      sync.Mutex
	open    chan struct{} // nil is open
	waiting int           // handlers, now
}

// shut shuts the gate. The function that it returns opens it, the first time.
func (g *gate) shut() (open func()) {
	ch := make(chan struct{})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = ch
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.open = nil
		close(ch)
	})
}

// pass returns when the gate is open or ctx ends.
func (g *gate) pass(ctx context.Context) error {
	g.mu.Lock()
	open := g.open
	if open == nil {
		g.mu.Unlock()
		return nil
	}
	g.waiting++
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.waiting--
	}()
	select {
	case <-open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// held is how many handlers wait at the gate.
func (g *gate) held() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting
}
