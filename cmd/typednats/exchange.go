package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/wire"
)

// errStreamOnly is returned when nobody but a stream has answered.
var errStreamOnly = errors.New("only a stream has answered")

// exchange sends a request and returns the reply of a service. A client of the library would do, but it hands on the
// first reply that a bare request gets, and a stream that takes the subject acknowledges before the service replies.
// anyReply is for those who ask the stream.
//
// A call that is given up before its time is over is ended in the service, too.
func exchange(ctx context.Context, nc *nats.Conn, msg *nats.Msg, facts wire.Facts, anyReply bool) (*nats.Msg, error) {
	msg.Header = facts.AddTo(msg.Header)
	msg.Reply = wire.ReplySubject(nc.NewInbox(), facts, rand.Uint64()) //nolint:gosec // the inbox is random enough
	replies, err := nc.SubscribeSync(msg.Reply)
	if err != nil {
		return nil, err
	}
	defer replies.Unsubscribe() //nolint:errcheck // the connection is closed next
	if err := nc.PublishMsg(msg); err != nil {
		return nil, err
	}
	if err := nc.FlushWithContext(ctx); err != nil { // a refusal comes before the server's answer to this
		return nil, whyNoReply(nc, msg, "", err)
	}
	if refused := nc.LastError(); wire.RefusesPublish(refused, msg.Subject) || wire.RefusesSubscription(refused, msg.Reply) {
		return nil, refused
	}
	stream := ""
	for {
		reply, err := replies.NextMsgWithContext(ctx)
		switch {
		case err != nil: // that nobody listens is one
			return nil, whyNoReply(nc, msg, stream, err)
		case wire.AcknowledgingStream(reply) != "" && !anyReply:
			stream = wire.AcknowledgingStream(reply)
		default:
			return reply, nil
		}
	}
}

// flushTimeout is how long it may take to say that a call was given up.
const flushTimeout = time.Second

// whyNoReply returns the reason why no reply came, and tells the service if that is that nobody waits any more.
func whyNoReply(nc *nats.Conn, msg *nats.Msg, stream string, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		if nc.Publish(wire.CancelSubject(msg.Subject), []byte(msg.Reply)) == nil {
			_ = nc.FlushTimeout(flushTimeout) // what does not get out is not told
		}
		return err
	case stream != "":
		return fmt.Errorf("%w: %w: %s", err, errStreamOnly, stream)
	default:
		return err
	}
}
