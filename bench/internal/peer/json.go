package peer

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/bench/internal/order"
	"github.com/typednats/typednats/bench/internal/rig"
)

// jsonSystems encode and decode JSON by hand, as people do without a typed layer.
func jsonSystems() []System {
	return []System{
		natsSystem("hand-written JSON", func(p *natsPair) error {
			p.callJSON()
			for endpoint, handler := range map[string]nats.MsgHandler{
				checkName: jsonHandler(order.Stock.Accept),
				placeName: jsonHandler(order.Order.Accept),
				waitName:  jsonHandler(acceptSlowly),
			} {
				if err := p.subscribe(endpoint, handler); err != nil {
					return err
				}
			}
			return nil
		}),
		microSystem("micro JSON", func(h micro.HandlerFunc) micro.HandlerFunc { return h }),
		microSystem("micro JSON with goroutines", func(h micro.HandlerFunc) micro.HandlerFunc {
			return func(r micro.Request) { go h(r) }
		}),
	}
}

func microSystem(name string, dispatch func(micro.HandlerFunc) micro.HandlerFunc) System {
	return natsSystem(name, func(p *natsPair) error {
		p.callJSON()
		svc, err := micro.AddService(p.service, micro.Config{Name: "orders", Version: "1.0.0"})
		if err != nil {
			return err
		}
		p.onClose(svc.Stop)
		for endpoint, handler := range map[string]micro.HandlerFunc{
			checkName: microHandler(order.Stock.Accept),
			placeName: microHandler(order.Order.Accept),
			waitName:  microHandler(acceptSlowly),
		} {
			err := svc.AddEndpoint(endpoint, dispatch(handler), micro.WithEndpointSubject(p.subject(endpoint)))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// acceptSlowly is a handler that blocks.
func acceptSlowly(s order.Stock) order.Stock {
	order.Block()
	return s.Accept()
}

func (p *natsPair) callJSON() {
	p.Small = jsonCall(p.client, p.subject(checkName), order.Small())
	p.Large = jsonCall(p.client, p.subject(placeName), order.Large())
	p.Blocking = jsonCall(p.client, p.subject(waitName), order.Small())
}

func jsonCall[T order.Message[T]](nc *nats.Conn, subject string, in T) rig.Call {
	return func(context.Context) error {
		body, err := json.Marshal(in)
		if err != nil {
			return err
		}
		reply, err := nc.Request(subject, body, timeout)
		if err != nil {
			return err
		}
		if text := reply.Header.Get(micro.ErrorHeader); text != "" {
			return fmt.Errorf("service: %s", text)
		}
		var out T
		if err := json.Unmarshal(reply.Data, &out); err != nil {
			return err
		}
		return order.Check(out)
	}
}

func jsonHandler[T any](handle func(T) T) nats.MsgHandler {
	return func(m *nats.Msg) {
		var in T
		if err := json.Unmarshal(m.Data, &in); err != nil {
			return // the caller learns it from its timeout
		}
		if body, err := json.Marshal(handle(in)); err == nil {
			_ = m.Respond(body)
		}
	}
}

func microHandler[T any](handle func(T) T) micro.HandlerFunc {
	return func(r micro.Request) {
		var in T
		if err := json.Unmarshal(r.Data(), &in); err != nil {
			_ = r.Error("400", err.Error(), nil)
			return
		}
		_ = r.RespondJSON(handle(in))
	}
}
