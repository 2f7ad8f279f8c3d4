// Package typednatsotel records the requests of services and the calls of clients with OpenTelemetry: a span and a
// duration for each, by the RPC conventions, version 1.45.0. [Observer] makes a [typednats.Observer] that does it on
// both sides, and [Gauges] tells how many requests run and wait.
//
// Callers do not decide how many series there are: what they choose, such as the subject of a request to an
// endpoint with wildcards, is an attribute of spans at most. Nothing global is set.
//
// It is a module of its own, so that the dependencies of OpenTelemetry are only those of programs that import it.
package typednatsotel
