package replies

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Call is where one call waits for its reply. Whoever takes it out of the waiting ones owes it an ending, or recycles
// it: so it gets one ending at most, and none after it was used again.
type Call struct {
	number  uint64
	expects Expectation // nil if whatever comes is the reply
	stream  string      // that has acknowledged the request, and was not the reply
	ended   chan ending // takes one

	limited    bool
	until      time.Duration // when a limited one is given up, on the clock of the waiting calls
	prev, next *Call         // of those that are limited
}

// Expectation is what the caller expects as the reply.
type Expectation interface {
	// IncludesAcknowledgement reports whether the acknowledgement of a JetStream stream can be meant. It is called under
	// a lock: it neither waits nor calls anything of the user's.
	IncludesAcknowledgement() bool
}

// ErrAcknowledged says that a JetStream stream answered, which was not what the caller expects.
var ErrAcknowledged = errors.New("typednats: a JetStream stream answered in place of a service")

// AcknowledgedError is ErrAcknowledged with the name of the stream.
func AcknowledgedError(stream string) error {
	return fmt.Errorf("%w: stream %q", ErrAcknowledged, stream)
}

// ending is what comes of a call: a reply, or why there is none.
type ending struct {
	reply *nats.Msg
	err   error
}

var calls = sync.Pool{New: func() any { //nolint:gochecknoglobals // nobody can tell what is in it
	return &Call{ended: make(chan ending, 1)}
}}

// end ends the call, which the caller has taken out of the waiting ones.
func (c *Call) end(e ending) {
	if e.err != nil && c.stream != "" {
		e.err = fmt.Errorf("%w: %w", e.err, AcknowledgedError(c.stream))
	}
	c.ended <- e
}

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
