package replies

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Call is where one call waits for its reply. Whoever takes it out of the waiting ones owes it an ending, or recycles
// it: so it gets one ending at most, and none after it was used again.
type Call struct {
	number uint64
	ended  chan ending // takes one

	limited    bool
	until      time.Duration // when a limited one is given up, on the clock of the waiting calls
	prev, next *Call         // of those that are limited
}

// ending is what comes of a call: a reply, or why there is none.
type ending struct {
	reply *nats.Msg
	err   error
}

var calls = sync.Pool{New: func() any { //nolint:gochecknoglobals // nobody can tell what is in it
	return &Call{ended: make(chan ending, 1)}
}}

// take waits for the ending that somebody owes the call.
func (c *Call) take() ending {
	e := <-c.ended
	c.recycle()
	return e
}

// takeUntil waits for the ending or for the end of ctx. It reports false if ctx ended first; then the call still waits.
func (c *Call) takeUntil(ctx context.Context) (ending, bool) {
	select {
	case e := <-c.ended:
		c.recycle()
		return e, true
	case <-ctx.Done():
		return ending{}, false
	}
}

// recycle gives a call back to which no ending is on its way.
func (c *Call) recycle() { calls.Put(c) }
