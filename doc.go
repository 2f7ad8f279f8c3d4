// Package typednats is for request-reply endpoints on NATS that are written down once, as a Go value. Servers bind a
// handler to that value, clients call through it, and nothing else has to agree: subject, payload types, codecs and
// errors are all part of it.
//
// The nouns:
//
//   - An [Endpoint] is the contract: a name and a subject, the types of request, reply and errors, and the codecs.
//     It lives in a package that servers and clients import.
//   - A [Group] is a subject prefix, and optionally a queue group, that endpoints share.
//   - A [Codec] turns values into message bodies and back: JSON unless the endpoint says otherwise. The packages
//     codec/json, codec/msgpack and codec/raw hold one each.
//   - A declared error is a Go type that an endpoint lists with [Endpoint.FailsWith]. A handler returns it, and the
//     client gets the same type back. Whatever else a handler returns arrives as a [*ServiceError]; the text of an error
//     that was not meant for the client stays in the service.
//   - A [Service] runs handlers ([NewService], [Serve]): concurrently up to a bound, with one reply for each request
//     that asks for one, statistics, and answers to the discovery questions of the NATS service protocol (ADR-32).
//   - A [Client] makes calls, and so does a bare [*nats.Conn]: both are a [Requester], which [RequestService] sends
//     through.
//
// A contract, with a closed union of one error type:
//
//	type StockError interface {
//		error
//		stockError()
//	}
//
//	var StockCheck = typednats.NewEndpoint[StockRequest, StockReply, StockError]("stock-check").
//		InGroup(typednats.NewGroup("catalog")).
//		FailsWith(NotFound{})
//
// A service:
//
//	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "inventory", Version: "1.0.0"},
//		StockCheck.Handle(func(ctx context.Context, r StockRequest) (StockReply, error) {
//			return StockReply{}, NotFound{ItemID: r.ItemID}
//		}))
//
// A client:
//
//	client := typednats.NewClient(nc) // one for each connection
//	reply, err := typednats.RequestService(ctx, client, StockCheck, StockRequest{ItemID: "item-456"})
//	if missing, ok := errors.AsType[NotFound](err); ok {
//		log.Print(missing.ItemID)
//	}
//
// This is core NATS: a request is sent once, unless a client may repeat it ([WithRetry]), arrives at most once, and is
// lost with the process that holds it. There is no storage, no JetStream and no streaming.
//
// The directory docs/guides has a how-to for each task, docs/wire.md lists every header, code and subject that crosses
// the wire, and docs/design.md is for those who change the library.
package typednats
