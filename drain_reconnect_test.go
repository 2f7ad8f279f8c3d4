package typednats_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// nats.go subscribes again, after a reconnect, to what was being drained, and never unsubscribes then: the server went
// on to send requests that nobody received.
func TestEndpointRemovedWithoutConnectionGetsNoRequests(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	_, port, err := net.SplitHostPort(srv.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	reconnecting, reconnected := make(chan struct{}, 1), make(chan struct{}, 1)
	nc := srv.Connect(t, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { reconnecting <- struct{}{} }),
		nats.ReconnectHandler(func(*nats.Conn) { reconnected <- struct{}{} }))
	started, release := make(chan struct{}, 1), make(chan struct{})
	endpoint := typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("removed")
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "remover", Version: "1.0.0"},
		endpoint.Handle(func(context.Context, struct{}) (struct{}, error) {
			started <- struct{}{}
			<-release
			return struct{}{}, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Connect(t).Publish(endpoint.Subject(), nil); err != nil {
		t.Fatal(err)
	}
	receive(t, "the start of the handler", started)
	srv.Shutdown()
	receive(t, "the loss of the connection", reconnecting)
	removed := make(chan error, 1)
	go func() { removed <- svc.RemoveEndpoint(t.Context(), endpoint.Name()) }()
	for len(svc.Info().Endpoints) > 0 {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	srv = typednatstest.RunSocket(t, func(o *server.Options) { o.Port, _ = strconv.Atoi(port) })
	receive(t, "the new connection", reconnected)
	if err := nc.FlushTimeout(abandonTimeout); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := receive(t, "the end of RemoveEndpoint", removed); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), abandonTimeout)
	defer cancel()
	_, err = typednats.RequestService(ctx, srv.Connect(t), endpoint, struct{}{})
	if !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("call of the removed endpoint returned %v, want nats.ErrNoResponders", err)
	}
	if err := svc.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
