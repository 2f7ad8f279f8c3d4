package typednats

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/server"
)

// Local returns a [Requester] that runs bound endpoints in this process, without a NATS server. Requests and replies go
// through everything that they go through in a service: codecs, the endpoints' interceptors, error mapping, bounds on
// concurrency and on the queue, deadlines and cancellation, and a bound of 1 MiB on messages, which is a server's
// default. So a test can replace a service of another team by a typed handler, which the compiler checks.
//
// A subject that no endpoint is on gives [nats.ErrNoResponders]. Of several endpoints on a subject, one of each queue
// group gets the request, the first. Errors that are not declared are logged with [slog.Default]. What is wrong with an
// endpoint is reported by every call. It is safe for concurrent use and needs no closing: each request has a goroutine,
// which ends with its handler.
func Local(endpoints ...BoundEndpoint) Requester {
	var l local
	owner := &reporter{service: "local"}
	sound, err := inServiceAll(&host{cfg: &ServiceConfig{DiscoveryDisabled: true}, report: owner.report}, endpoints)
	if err == nil {
		err = server.Conflicts(nil, sound)
	}
	if l.bad = err; err != nil {
		return &l
	}
	l.server = server.NewLocal(sound, owner.report)
	return &l
}

// local is the Requester of [Local].
type local struct {
	server *server.Local
	bad    error // what is wrong with the endpoints
}

// RequestMsgWithContext implements [Requester].
func (l *local) RequestMsgWithContext(ctx context.Context, msg *nats.Msg) (*nats.Msg, error) {
	switch {
	case ctx == nil:
		return nil, nats.ErrInvalidContext
	case msg == nil:
		return nil, nats.ErrInvalidMsg
	case l.bad != nil:
		return nil, l.bad
	}
	ctx, cancel := withDefaultTimeout(ctx, DefaultTimeout)
	defer cancel()
	return l.server.Request(ctx, msg)
}
