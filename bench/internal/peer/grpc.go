package peer

import (
	"context"
	"errors"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/typednats/typednats/bench/internal/order"
	"github.com/typednats/typednats/bench/internal/orderpb"
)

// grpcSystem is gRPC without TLS, on one connection.
func grpcSystem() System {
	return System{Name: "gRPC", Start: func(string) (*Running, error) {
		var lc net.ListenConfig
		listener, err := lc.Listen(context.Background(), "tcp", loopback)
		if err != nil {
			return nil, err
		}
		server := grpc.NewServer()
		orderpb.RegisterOrdersServer(server, grpcService{})
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()

		r := new(Running)
		r.onClose(func() error {
			server.Stop()
			return <-served
		})
		conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		r.onClose(conn.Close)
		client := orderpb.NewOrdersClient(conn)
		r.Small = pbCall(withoutOptions(client.Check), pbSmall())
		r.Large = pbCall(withoutOptions(client.Place), pbLarge())
		r.Blocking = pbCall(withoutOptions(client.Wait), pbSmall())
		return r, nil
	}}
}

// withoutOptions is a method of the client that takes no options.
func withoutOptions[P any](
	method func(context.Context, P, ...grpc.CallOption) (P, error),
) func(context.Context, P) (P, error) {
	return func(ctx context.Context, in P) (P, error) { return method(ctx, in) }
}

// grpcService implements the service for gRPC.
type grpcService struct {
	orderpb.UnimplementedOrdersServer
}

func (grpcService) Check(_ context.Context, in *orderpb.Stock) (*orderpb.Stock, error) {
	return pbCheck(in), nil
}

func (grpcService) Place(_ context.Context, in *orderpb.Order) (*orderpb.Order, error) {
	return pbPlace(in), nil
}

func (grpcService) Wait(_ context.Context, in *orderpb.Stock) (*orderpb.Stock, error) {
	order.Block()
	return pbCheck(in), nil
}

// pbCheck is what the service does with the small message.
func pbCheck(in *orderpb.Stock) *orderpb.Stock {
	return &orderpb.Stock{Item: in.GetItem(), Count: in.GetCount(), Price: in.GetPrice(), Ok: true}
}

// pbPlace is what it does with the one of 2 KB.
func pbPlace(in *orderpb.Order) *orderpb.Order {
	return &orderpb.Order{Id: in.GetId(), Customer: in.GetCustomer(), Lines: in.GetLines(), Ok: true}
}

// pbSmall is order.Small in Protocol Buffers.
func pbSmall() *orderpb.Stock {
	s := order.Small()
	return &orderpb.Stock{Item: s.Item, Count: int64(s.Count), Price: s.Price}
}

// pbLarge is order.Large in Protocol Buffers.
func pbLarge() *orderpb.Order {
	o := order.Large()
	pb := &orderpb.Order{Id: o.ID, Customer: o.Customer}
	for _, l := range o.Lines {
		pb.Lines = append(pb.Lines, &orderpb.Line{
			Sku: l.SKU, Name: l.Name, Count: int64(l.Count), Price: l.Price, Site: l.Site,
		})
	}
	return pb
}
