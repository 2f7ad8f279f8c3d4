package typednats

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

// Observer is told what becomes of requests: on a service of every one that it counts, refusals and panics included, but for
// those of a flood that nobody answers ([nats.ErrSlowConsumer] in an [ErrorReport]), on a client of every call whose descriptor
// and options are sound. It is for telemetry; what may change a request is an [Interceptor].
//
// Start and End are called once for each request, on the same goroutine, in many goroutines at a time, and never under a lock.
// Observers A and B are called as A.Start, B.Start, B.End, A.End: those of a service before those of an endpoint, those of a
// client before those of a call. Each End gets the context that its own Start returned; that of a service's request
// may have ended.
//
// On a service, Start is called when a request is about to be run, and End when its reply was sent. A request that is refused
// before is answered first. On a client, they are around all attempts and all interceptors.
//
// An observer that panics costs nobody a reply: on a service it is reported, on a client it is logged with [slog.Default].
// One that calls [runtime.Goexit] ends a request as a handler does that calls it. One that does not return keeps the
// request's slot, or the call; at a request that is refused it keeps the answers of those that are refused after it. A call
// that ends with a panic of an interceptor has ended for its observers, too.
type Observer interface {
	// Start returns the context for what it is handed to: guards, interceptors and the handler, or interceptors and the
	// call. nil means ctx.
	Start(ctx context.Context, o *Observation) context.Context

	// End is called when all fields are known.
	End(ctx context.Context, o *Observation)
}

// WithObserver adds an observer, inside those that were added before: to one endpoint of a service, to a client, or to one
// call. Those of a whole service are in [ServiceConfig].
func WithObserver(o Observer) Option { return observerOption{o} }

type observerOption struct{ observer Observer }

func (o observerOption) applyToHandler(h *handlerOptions) {
	h.observers = append(h.observers, o.observer)
}
func (o observerOption) applyToClient(c *clientOptions) {
	c.observers = append(c.observers, o.observer)
}
func (o observerOption) applyToCall(c *callOptions) { c.observers = append(c.observers, o.observer) }

// checkObservers records observers that are nil.
func checkObservers(observers []Observer, m *mistakes) {
	for _, o := range observers {
		if isNil(o) {
			m.add("observer", "nil", errNil)
		}
	}
}

// Outcome is how a request has ended, in one of a few ways.
type Outcome int

const (
	// OutcomeOK is a reply.
	OutcomeOK Outcome = iota + 1

	// OutcomeDeclared is a declared error: an answer, and no failure of the service.
	OutcomeDeclared

	// OutcomeFailed is any other error that a handler, or what is around it, has made. On a client it is also one that came
	// before anything was sent, or that of a reply that cannot be decoded.
	OutcomeFailed

	// OutcomeRefused is an answer that the service made without running the handler; see [RefusedOverload] and those below.
	OutcomeRefused

	// OutcomeUnanswered is a call that got no answer. On a service it is a request that waited when the connection was
	// closed.
	OutcomeUnanswered
)

// String returns a word for it.
func (o Outcome) String() string {
	switch o {
	case OutcomeOK:
		return "ok"
	case OutcomeDeclared:
		return "declared"
	case OutcomeFailed:
		return "failed"
	case OutcomeRefused:
		return "refused"
	case OutcomeUnanswered:
		return "unanswered"
	default:
		return "unknown"
	}
}

// Observation is one request as an [Observer] sees it. What is below Outcome, and what says so, is known at the end only. It
// is for reading, but for [Observation.SetHeader], and must not be kept after End.
type Observation struct {
	// Side says whether a service observes, or a client.
	Side Side

	// Service, Version and Instance are those of the service. They are empty on a client, which does not know who answers.
	Service, Version, Instance string

	// Endpoint is the endpoint's name, and Pattern its subject, which may hold wildcards. Endpoint is empty for a call made
	// with [Request].
	Endpoint, Pattern string

	// Subject is where the request was sent.
	Subject string

	// Header holds the request's headers, but for those that a client adds itself: deadline and codec. Of a request that is
	// refused when it comes, such as for overload, it is nil if the headers are larger than 1 KiB: in a flood, many of those
	// wait for their answers.
	Header nats.Header

	// ContentType is that of the request, "application/json" if it has none.
	ContentType string

	// Received is when the request came, before it waited; on a client when the call began.
	Received time.Time

	// RequestSize is the length of the request's body, in bytes. On a client it is known at the end.
	RequestSize int

	// Wait is how long the request was in the queue. It is 0 on a client.
	Wait time.Duration

	// Outcome is how it has ended.
	Outcome Outcome

	// Took is how long it took in all, Wait included.
	Took time.Duration

	// ReplySize is the length of the reply's body, in bytes; 0 if none came.
	ReplySize int

	// Attempts is how often a client has sent the request, or tried to. It is 0 on a service.
	Attempts int

	// Code is that of an error reply; 0 is a reply, or no answer.
	Code int

	// Tag is that of a declared error that the endpoint knows.
	Tag string

	// Refused is the word for why the handler was not run, if the service says so; see [RefusedOverload].
	Refused string

	// ErrorID is the id in "internal error, id …", and of what else a service answers with code 500 by itself, with
	// which the caller can ask for what went wrong. It is empty on a client, whose Err has it in its text.
	ErrorID string

	// Err is what went wrong: on a service the real error, which is never sent. It is nil for a reply.
	Err error

	added       nats.Header       // by SetHeader
	ready       bool              // to add some
	interrupted wire.Interruption // why the handler's context ended, on a service whose handler returned that end
}

// SetHeader sets a header of the request that a client is about to make, in Start, in the place of one that the call or
// another observer has, in whatever case. It does nothing later, on a service, and for headers that [WithHeader] refuses.
func (o *Observation) SetHeader(key, value string) {
	if !o.ready || wire.CheckHeader(key, []string{value}) != nil {
		return
	}
	if o.added == nil {
		o.added = make(nats.Header)
	}
	wire.DropHeader(o.added, key)
	o.added[key] = []string{value}
}

// classify fills in how the request has ended, by its error and its mark.
func (o *Observation) classify(code int, tag, refused string, unanswered bool, err error) {
	o.Code, o.Tag, o.Refused, o.Err = code, tag, refused, err
	switch {
	case unanswered:
		o.Outcome = OutcomeUnanswered
	case tag != "":
		o.Outcome = OutcomeDeclared
	case refused != "":
		o.Outcome = OutcomeRefused
	case err != nil:
		o.Outcome = OutcomeFailed
	default:
		o.Outcome = OutcomeOK
	}
}
