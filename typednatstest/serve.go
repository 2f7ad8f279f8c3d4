package typednatstest

import (
	"context"
	"testing"
	"time"

	"github.com/typednats/typednats"
)

// Serve starts a NATS server as [Run] does, a service with the endpoints, and a client on a connection of its own. When
// the test ends, the client is closed first, then the service is stopped, then the server.
//
// What the service keeps from its callers, such as errors that were not declared and panics, is shown in the test's log.
// The test fails at once if an endpoint is not valid, and in the end if a handler has not returned within
// [typednats.DefaultDrainTimeout].
//
// The service has the default configuration. A test that needs another one, or wants to stop the service, starts it with
// [typednats.NewService] on a connection of [Server] or [Run].
func Serve(tb testing.TB, endpoints ...typednats.BoundEndpoint) *typednats.Client {
	tb.Helper()
	logger := newLogger(tb) // before everything that logs, so that it ends after it
	srv := Run(tb)
	cfg := typednats.ServiceConfig{
		Name: "typednatstest", Version: "0.0.0", Logger: logger, AskNeighbours: typednats.AskNever,
	}
	svc, err := typednats.NewService(srv.Connect(tb), cfg, endpoints...)
	if err != nil {
		tb.Fatalf("typednatstest: %v", err)
	}
	tb.Cleanup(func() { stopService(tb, svc, typednats.DefaultDrainTimeout) })
	client := typednats.NewClient(srv.Connect(tb))
	tb.Cleanup(func() { _ = client.Close() }) // its connection is closed next, whatever Close reports
	return client
}

// stopService fails the test if the service does not stop in time.
func stopService(tb testing.TB, svc *typednats.Service, timeout time.Duration) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout) // that of the test has ended
	defer cancel()
	if err := svc.Stop(ctx); err != nil {
		tb.Errorf("typednatstest: %v", err)
	}
}
