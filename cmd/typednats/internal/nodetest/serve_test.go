package nodetest_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// serve starts a service that ends with the test.
func serve(t *testing.T, srv *typednatstest.NATS, name string, bound ...typednats.BoundEndpoint) {
	t.Helper()
	cfg := typednats.ServiceConfig{
		Name: name, Version: "1.0.0", Logger: slog.New(slog.DiscardHandler), AskNeighbours: typednats.AskNever,
	}
	svc, err := typednats.NewService(srv.Connect(t), cfg, bound...)
	if err != nil {
		t.Fatal(err)
	}
	stopWith(t, svc)
}

// stopWith stops a service when the test ends.
func stopWith(t *testing.T, svc *typednats.Service) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := svc.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}
