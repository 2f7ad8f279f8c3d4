package replies

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Call is where one call waits for its reply. Whoever takes it out of the waiting ones owes it an ending, or recycles
// it: so it gets one ending at most, and none after it was used again.
type Call struct {
	number uint64
	Terms

	began  Moment
	stream string      // that has acknowledged the request, and was not the reply
	ended  chan ending // takes one

	limited    limited
	until      time.Duration // when a limited one is given up, on the clock of the limits
	prev, next *Call         // in the list
	index      int           // in the heap
}

// Terms is how a call waits.
type Terms struct {
	// Timeout is how long; 0 means without end.
	Timeout time.Duration

	// Again says that the call can be made again, so that it need not outlive the connection.
	Again bool

	// Expects is what the reply is; nil means whatever comes.
	Expects Expectation
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

// limited says where a call is that is given up at some time.
type limited uint8

const (
	unlimited limited = iota
	inList
	inHeap
)

// ending is what comes of a call: a reply, or why there is none.
type ending struct {
	reply  *nats.Msg
	err    error
	stream string // that has acknowledged the request, which was not the reply
}

// failure returns err, which ends the call in place of a reply, with what is known of the request.
func (e ending) failure(err error) error {
	if e.stream != "" {
		return fmt.Errorf("%w: %w", err, AcknowledgedError(e.stream))
	}
	return err
}

var calls = sync.Pool{New: func() any { //nolint:gochecknoglobals // nobody can tell what is in it
	return &Call{ended: make(chan ending, 1)}
}}

// end ends the call, which the caller has taken out of the waiting ones.
func (c *Call) end(e ending) {
	e.stream = c.stream
	c.ended <- e
}

// Began returns when the call began. It must not be used once the call waits.
func (c *Call) Began() Moment { return c.began }

// take waits for the ending that somebody owes the call, or until done is closed. It reports false if done was closed
// first; then the call still waits.
func (c *Call) take(done <-chan struct{}) (ending, bool) {
	var e ending
	if done == nil { // without a select, which costs more
		e = <-c.ended
	} else {
		select {
		case e = <-c.ended:
		case <-done:
			return ending{}, false
		}
	}
	c.recycle()
	return e, true
}

// recycle gives a call back to which no ending is on its way.
func (c *Call) recycle() { calls.Put(c) }
