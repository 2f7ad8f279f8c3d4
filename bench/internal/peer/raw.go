package peer

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/bench/internal/order"
	"github.com/typednats/typednats/bench/internal/rig"
)

// rawSystems send the bytes that JSON would have. The first is the floor that all are compared with; the second is the
// same again, so that one sees what noise is.
func rawSystems() []System {
	return []System{
		rawSystem(Raw, inline),
		rawSystem("raw again", inline),
		rawSystem(RawGoroutines, goroutine),
	}
}

// inline runs a handler where the subscription is read.
func inline(h nats.MsgHandler) nats.MsgHandler { return h }

// goroutine runs a handler on a goroutine of its own.
func goroutine(h nats.MsgHandler) nats.MsgHandler {
	return func(m *nats.Msg) { go h(m) }
}

func rawSystem(name string, dispatch func(nats.MsgHandler) nats.MsgHandler) System {
	return natsSystem(name, func(p *natsPair) error {
		small, err := newRawBodies(order.Small())
		if err != nil {
			return err
		}
		large, err := newRawBodies(order.Large())
		if err != nil {
			return err
		}
		p.Small = small.call(p.client, p.subject(checkName))
		p.Large = large.call(p.client, p.subject(placeName))
		p.Blocking = small.call(p.client, p.subject(waitName))
		for endpoint, handler := range map[string]nats.MsgHandler{
			checkName: func(m *nats.Msg) { _ = m.Respond(small.reply) },
			placeName: func(m *nats.Msg) { _ = m.Respond(large.reply) },
			waitName: func(m *nats.Msg) {
				order.Block()
				_ = m.Respond(small.reply)
			},
		} {
			if err := p.subscribe(endpoint, dispatch(handler)); err != nil {
				return err
			}
		}
		return nil
	})
}

// rawBodies is a request and its reply, encoded once.
type rawBodies struct {
	request, reply []byte
}

func newRawBodies[T order.Message[T]](m T) (b rawBodies, err error) {
	if b.request, err = json.Marshal(m); err != nil {
		return b, err
	}
	b.reply, err = json.Marshal(m.Accept())
	return b, err
}

func (b rawBodies) call(nc *nats.Conn, subject string) rig.Call {
	return func(context.Context) error {
		reply, err := nc.Request(subject, b.request, timeout)
		if err != nil {
			return err
		}
		return b.check(reply.Data)
	}
}

func (b rawBodies) check(reply []byte) error {
	if len(reply) != len(b.reply) {
		return fmt.Errorf("the reply has %d bytes, want %d", len(reply), len(b.reply))
	}
	return nil
}
