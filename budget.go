package typednats

import (
	"sync"
	"time"
)

const (
	// defaultBudget is how many requests are sent again for each call, at most.
	defaultBudget = 0.1

	// retryBurst is how many are sent again at once, before the budget counts.
	retryBurst = 10
)

// budget bounds how much a client adds to the load of services in trouble by sending again. Each call gives a share of a
// request, each second a whole one, for clients of few calls, and each request that is sent again takes one. What is there is
// never more than a burst.
//
// grpc-go's throttling goes by failures instead. A bound on requests for each call is what the owner of a service can
// reckon with.
type budget struct {
	mu    sync.Mutex
	left  float64
	since time.Time // when time was counted last
}

func newBudget() *budget { return &budget{left: retryBurst, since: time.Now()} }

// earn is called once for each call.
func (b *budget) earn(share float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = min(b.left+share, retryBurst)
}

// spend reports whether a request may be sent again.
func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.left = min(b.left+now.Sub(b.since).Seconds(), retryBurst)
	b.since = now
	if b.left < 1-1e-9 { // tenths do not add up to one exactly
		return false
	}
	b.left--
	return true
}
