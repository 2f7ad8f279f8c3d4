// Package discovery finds the services on a NATS system and asks them about themselves.
//
// It is a client for the three questions of the NATS service protocol (ADR-32), which every service made with
// typednats, with nats.go's micro package or with another NATS client library answers:
//
//   - Ping: who is there;
//   - Info: what a service is made of, endpoint by endpoint;
//   - Stats: how many requests its endpoints handled, how many failed, how long they took.
//
// Each question goes to everybody, to the instances of one service, or to one instance. The answers come as a slice,
// or one at a time from an iterator:
//
//	client := discovery.New(nc)
//	all, err := client.Ping(ctx)                            // everybody, as a slice
//	some, err := client.InfoService(ctx, "inventory")       // the instances of one service
//	one, err := client.StatsInstance(ctx, "inventory", id)  // one instance, or ErrNotFound
//	for ping, err := range client.PingSeq(ctx, "") { ... }  // everybody, as they come
//
// # When a query ends
//
// Nobody knows how many instances there are, so a query ends at the first of these: no service listens at all, which
// the server says at once; a pause after the last answer ([WithStall]); enough answers ([WithMaxResults]); the time is
// up ([WithMaxWait]); the context ends. Nobody answering is an empty result, not an error. There is no limit on the
// number of answers except the one of WithMaxResults.
//
// # Errors
//
// An error comes with the answers that arrived before it. It says what was asked, and it wraps:
//
//   - [ErrInvalidArgument] for an option, a name or an id that cannot be used, before anything is sent;
//   - the context's error, when the context ends;
//   - [nats.ErrConnectionClosed] or [nats.ErrConnectionDraining], when the connection is closed or drained;
//   - [nats.ErrDisconnected], when the connection is down at the end of the wait: services may be there all the same;
//   - [nats.ErrReconnectBufExceeded], when it is down and cannot keep the question until it is back;
//   - [nats.ErrPermissionViolation], when nobody answered because the server refused the question;
//   - [ErrNotFound], from the queries for one instance.
//
// # Answers
//
// The answers have the types of nats.go's micro package. They are as they came: metadata and endpoints that a service
// left out are nil. A field of which something else came than the protocol says is at zero, an endpoint or a metadata
// key of that kind is left out, and the rest of the answer counts. What is no proper answer is dropped and not counted.
// [WithReplyError] is told of both.
package discovery
