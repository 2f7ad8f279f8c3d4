package typednats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/server"
	"github.com/typednats/typednats/internal/wire"
)

// observing is one request, and the observers that are told of it.
type observing struct {
	Observation

	observers []Observer
	told      int               // how many Starts were called
	first     context.Context   //nolint:containedctx // what the first Start returned; most have one observer
	rest      []context.Context // what the others have
	watcher   *watcher          // on a service
}

// start tells the observers that a request begins. It returns the context for what comes then.
func (o *observing) start(ctx context.Context) context.Context {
	for i, observer := range o.observers {
		o.told = i + 1
		ctx = o.startOne(ctx, observer) //nolint:fatcontext // as many as there are observers
		if i == 0 {
			o.first = ctx
		} else {
			o.rest = append(o.rest, ctx)
		}
	}
	return ctx
}

func (o *observing) startOne(ctx context.Context, observer Observer) (next context.Context) {
	defer func() {
		if recovered := recover(); recovered != nil {
			o.fault(fmt.Errorf("observer: %w", server.NewPanicError(recovered)))
			next = ctx
		}
	}()
	if next = observer.Start(ctx, &o.Observation); next == nil {
		return ctx
	}
	return next
}

// end tells the observers that were told of the start, the last first, even if one of them ends the goroutine.
func (o *observing) end() {
	if o.told == 0 {
		return
	}
	o.told--
	defer o.end()
	o.endOne(o.begun(o.told), o.observers[o.told])
}

// begun returns the context that the Start of an observer returned.
func (o *observing) begun(i int) context.Context {
	ctx := o.first
	if i > 0 && i <= len(o.rest) {
		ctx = o.rest[i-1]
	}
	if ctx == nil { // it has ended the goroutine in Start
		return context.Background()
	}
	return ctx
}

// fault tells of an observer that panics: the owner of a service, or the log, since a client has nobody else.
func (o *observing) fault(err error) {
	if o.watcher == nil {
		slog.Default().Error("typednats: an observer failed", "endpoint", o.Endpoint, "subject", o.Subject, "error", err,
			"stack", string(stackOf(err)))
		return
	}
	o.watcher.host.report(server.Report{Endpoint: o.Endpoint, Subject: o.Subject, Err: err, Stack: stackOf(err)})
}

func (o *observing) endOne(ctx context.Context, observer Observer) {
	defer func() {
		if recovered := recover(); recovered != nil {
			o.fault(fmt.Errorf("observer: %w", server.NewPanicError(recovered)))
		}
	}()
	observer.End(ctx, &o.Observation)
}

// made is what a client knows of a call while it makes it, in several goroutines perhaps, some of which an interceptor has
// left behind.
type made struct {
	attempts, code         atomic.Int32
	requestSize, replySize atomic.Int64
}

// observedCall is a call of a client, and its observers.
type observedCall struct {
	observing
	made

	hasEnded bool
}

// errNotReturned is what observers are told of a call that goes on to panic.
var errNotReturned = errors.New("the call has not returned: an interceptor, or what it called, panicked or ended its goroutine")

// observe tells the observers of the client and of the call that it begins.
func (c *call) observe(ctx context.Context) context.Context {
	if len(c.observers) == 0 {
		return ctx
	}
	o := &observedCall{observing: observing{observers: c.observers}}
	o.Observation = Observation{
		Side:     ClientSide,
		Endpoint: c.name, Pattern: c.subject, Subject: c.target,
		Header:      c.header,
		ContentType: c.sends.mediaType,
		Received:    time.Now(),
		ready:       true,
	}
	c.observed = o
	ctx = o.start(ctx)
	o.ready = false
	if len(o.added) > 0 {
		c.header = withAdded(c.header, o.added)
		o.Header = c.header
	}
	return ctx
}

// withAdded returns the headers of a call with those that observers have set. They take the place of other spellings: what
// a reader would make of two is its own affair.
func withAdded(h, added nats.Header) nats.Header {
	if len(h) == 0 {
		return added
	}
	all := maps.Clone(h)
	for key, values := range added {
		wire.DropHeader(all, key)
		all[key] = values
	}
	return all
}

// endObserving tells them how it has ended.
func (c *call) endObserving(err error) {
	o := c.observed
	if o == nil {
		return
	}
	o.hasEnded = true
	o.Took = time.Since(o.Received)
	o.Attempts, o.RequestSize, o.ReplySize = int(o.attempts.Load()), int(o.requestSize.Load()), int(o.replySize.Load())
	if err != nil {
		c.observeFailure(err)
	} else {
		o.Outcome = OutcomeOK
	}
	o.end()
}

// endUnreturned tells them of a call that ends with a panic, which goes on.
func (c *call) endUnreturned() {
	if o := c.observed; o != nil && !o.hasEnded {
		c.endObserving(errNotReturned)
	}
}

// observeFailure fills in what has become of a call that has failed.
func (c *call) observeFailure(err error) {
	o := c.observed
	if member := c.errors.find(err).member; member != nil {
		o.classify(int(o.code.Load()), member.tag, "", false, err)
		return
	}
	failed, isCall := errors.AsType[*CallError](err)
	se, isReply := errors.AsType[*ServiceError](err)
	switch {
	case !isCall, isMistake(failed.Err): // an interceptor's own, or this program's
		o.classify(0, "", "", false, err)
	case isReply:
		o.classify(se.Code, "", se.Refused, false, err)
	default:
		o.classify(0, "", "", true, err)
	}
}

// isMistake reports whether a call failed in this process, before anything was sent or after a reply came.
func isMistake(err error) bool {
	for _, own := range [...]error{ErrEncodeRequest, ErrInvalidRequest, ErrInvalidConfig, ErrInvalidEndpoint, ErrDecodeReply} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}

// watcher tells the observers of an endpoint.
type watcher struct {
	host      *host
	endpoint  *compiled
	observers []Observer
}

// Begin implements [server.Watcher].
func (w *watcher) Begin(r *server.Request) {
	o := &observing{observers: w.observers, watcher: w}
	o.Observation = Observation{
		Side:     ServerSide,
		Service:  w.host.cfg.Name,
		Version:  w.host.cfg.Version,
		Instance: w.host.id,
		Endpoint: w.endpoint.name, Pattern: w.endpoint.subject, Subject: r.Msg.Subject,
		Header:      r.Msg.Header,
		ContentType: r.ContentType,
		Received:    r.Received(),
		RequestSize: r.BodySize(),
		Wait:        r.Waited(),
	}
	if o.ContentType == "" {
		o.ContentType = wire.JSONMediaType
	}
	r.Watched = o
	ctx := context.Background() // it will not run
	if r.Context != nil {
		ctx = r.Context
	}
	r.Outer = o.start(ctx)
}

// End implements [server.Watcher].
func (w *watcher) End(r *server.Request, out server.Outcome) {
	o, ok := r.Watched.(*observing)
	if !ok {
		return
	}
	o.Took, o.ReplySize = r.Age(), len(out.Body)
	refused := wire.HeaderValue(out.Header, wire.RefusedHeader)
	err := out.Cause
	if err == nil {
		err = out.Err
	}
	if err == nil && out.Code != 0 {
		err = &ServiceError{Code: out.Code, Description: out.Description, Refused: refused}
	}
	if r, ok := err.(*refusedError); ok { //nolint:errorlint // the mark is not for others
		err = r.error
	}
	if out.Unanswered {
		err = nats.ErrConnectionClosed
	}
	o.classify(out.Code, out.Tag, refused, out.Unanswered, err)
	o.ErrorID, o.interrupted = out.ErrorID, wire.Interruption(wire.HeaderValue(out.Header, wire.InterruptedHeader))
	o.end()
}
