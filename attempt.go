package typednats

import (
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

// Attempt is one time that a client has sent a request.
type Attempt struct {
	// Number is 1 for the first one.
	Number int

	// Took is how long it took, without the wait before it.
	Took time.Duration

	// Code is that of an error reply; 0 is a reply, or no answer.
	Code int

	// Refused is the word for why the handler was not run, if the service says so; see [RefusedOverload].
	Refused string

	// Err is what went wrong, nil for a reply. An error reply is a [*ServiceError], that of a declared error, too.
	Err error
}

// OnAttempt has tell called at the end of each attempt that the next calls of next make; an interceptor sees one call
// otherwise, however often [Retry] has it sent. tell runs on the goroutine that calls next, before the wait for the attempt
// that follows, if one does. On a service there are no attempts.
func (inv *Invocation) OnAttempt(tell func(Attempt)) {
	if tell != nil {
		inv.attempts = append(inv.attempts, tell)
	}
}

// newAttempt is what is told of an attempt.
func newAttempt(n int, began time.Time, reply *nats.Msg, err error) Attempt {
	a := Attempt{Number: n, Took: time.Since(began), Err: err}
	if err != nil {
		return a
	}
	if e, failed := wire.ParseErrorReply(reply.Header); failed {
		a.Code, a.Refused, a.Err = e.Code, string(e.Refused), errorOf(e, reply.Data)
	}
	return a
}
