package peer

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/typednats/typednats/bench/internal/order"
	"github.com/typednats/typednats/bench/internal/orderpb"
	"github.com/typednats/typednats/bench/internal/orderpb/orderpbconnect"
	"github.com/typednats/typednats/bench/internal/rig"
)

// loopback is where systems listen that need no NATS server.
const loopback = "127.0.0.1:0"

// idleConnections is as many connections as there are callers. The default, 2, makes the others connect anew each time.
const idleConnections = 512

// connectSystem is Connect over HTTP/1.1, with a connection for each caller. HTTP/2 without TLS, which its
// documentation shows for servers that speak gRPC, too, was slower here in nearly every figure.
func connectSystem(name string, json bool) System {
	return System{Name: name, Start: func(string) (*Running, error) {
		var lc net.ListenConfig
		listener, err := lc.Listen(context.Background(), "tcp", loopback)
		if err != nil {
			return nil, err
		}
		mux := http.NewServeMux()
		mux.Handle(orderpbconnect.NewOrdersHandler(connectService{}))
		server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()

		transport := &http.Transport{MaxIdleConnsPerHost: idleConnections}
		var opts []connect.ClientOption
		if json {
			opts = append(opts, connect.WithProtoJSON())
		}
		client := orderpbconnect.NewOrdersClient(
			&http.Client{Transport: transport}, "http://"+listener.Addr().String(), opts...)
		r := &Running{
			Small:    pbCall(unary(client.Check), pbSmall()),
			Large:    pbCall(unary(client.Place), pbLarge()),
			Blocking: pbCall(unary(client.Wait), pbSmall()),
		}
		r.onClose(func() error {
			transport.CloseIdleConnections()
			err := server.Close()
			if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
				err = errors.Join(err, ended)
			}
			return err
		})
		return r, nil
	}}
}

// unary is a method of the client without the envelope around messages.
func unary[T any](
	method func(context.Context, *connect.Request[T]) (*connect.Response[T], error),
) func(context.Context, *T) (*T, error) {
	return func(ctx context.Context, in *T) (*T, error) {
		reply, err := method(ctx, connect.NewRequest(in))
		if err != nil {
			return nil, err
		}
		return reply.Msg, nil
	}
}

// pbReply is a reply in Protocol Buffers.
type pbReply interface{ GetOk() bool }

// pbCall calls a method, with a deadline that travels with the call.
func pbCall[T any, P interface {
	*T
	pbReply
}](method func(context.Context, P) (P, error), in P) rig.Call {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		out, err := method(ctx, in)
		if err != nil {
			return err
		}
		if !out.GetOk() {
			return errors.New("the reply is not the one to the request")
		}
		return nil
	}
}

// connectService implements the service for Connect.
type connectService struct{}

func (connectService) Check(
	_ context.Context, r *connect.Request[orderpb.Stock],
) (*connect.Response[orderpb.Stock], error) {
	return connect.NewResponse(pbCheck(r.Msg)), nil
}

func (connectService) Place(
	_ context.Context, r *connect.Request[orderpb.Order],
) (*connect.Response[orderpb.Order], error) {
	return connect.NewResponse(pbPlace(r.Msg)), nil
}

func (connectService) Wait(
	_ context.Context, r *connect.Request[orderpb.Stock],
) (*connect.Response[orderpb.Stock], error) {
	order.Block()
	return connect.NewResponse(pbCheck(r.Msg)), nil
}
