// Package typednatstest is for the tests of programs that serve or call typed endpoints:
//
//   - [Serve] starts a service with its server, and a client. [Server], [Run], [RunSocket] and [RunCluster] start
//     servers alone. All of it ends with the test.
//   - [Record] keeps the calls that a program makes, and [CallsTo] returns those to one endpoint, with their types.
//   - [Faults] lets calls go wrong.
//
// A stub for a caller needs no more than [typednats.Local].
//
// It is the only public package of this module that imports the NATS server. Only tests should import it. Functions that
// take a [testing.TB] must be called on the goroutine of the test: they may end it.
package typednatstest
