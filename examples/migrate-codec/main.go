// Migrate-codec moves an endpoint from JSON to msgpack while it is called all the time, and no call fails:
//
//  1. Every instance learns msgpack and still takes JSON.
//  2. The clients change over, in any order.
//  3. Every instance forgets JSON.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/examples/internal/embedded"
)

// The contract, release by release: the same value with other codecs.
var (
	price        = typednats.NewEndpoint[string, int, typednats.Never]("price") // JSON
	priceBoth    = price.WithCodec(msgpack.Codec, json.Codec)
	priceMsgpack = price.WithCodec(msgpack.Codec)
)

type endpoint = typednats.Endpoint[string, int, typednats.Never]

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	srv, err := embedded.Start()
	if err != nil {
		return err
	}
	defer srv.Stop()
	nc, err := srv.Connect()
	if err != nil {
		return err
	}
	defer nc.Close()

	instances := make([]*typednats.Service, 2)
	for i := range instances {
		if instances[i], err = start(nc, "1.0.0", price); err != nil {
			return err
		}
	}
	if err := expectRefusal(ctx, nc, priceMsgpack); err != nil {
		return err
	}
	fmt.Println("1.0.0 takes JSON only: clients must not change over yet.")

	if err := rollOut(ctx, nc, instances, "1.1.0", priceBoth, price); err != nil {
		return err
	}
	fmt.Println("1.1.0 takes both, and no JSON call failed on the way: clients can change over.")

	if err := rollOut(ctx, nc, instances, "2.0.0", priceMsgpack, priceMsgpack); err != nil {
		return err
	}
	fmt.Println("2.0.0 takes msgpack only, and no msgpack call failed on the way.")
	err = expectRefusal(ctx, nc, price)
	for _, svc := range instances {
		err = errors.Join(err, svc.Stop(ctx))
	}
	return err
}

func start(nc *nats.Conn, version string, e endpoint) (*typednats.Service, error) {
	return typednats.NewService(nc, typednats.ServiceConfig{Name: "prices", Version: version},
		e.Handle(func(context.Context, string) (int, error) { return 49, nil }))
}

// rollOut replaces one instance after the other while a client calls. Every call must succeed.
func rollOut(
	ctx context.Context, nc *nats.Conn, instances []*typednats.Service, version string, served, called endpoint,
) error {
	var over atomic.Bool
	calls := make(chan error, 1)
	go func() { calls <- keepCalling(ctx, nc, called, &over) }()
	var err error
	for i, old := range instances {
		if instances[i], err = start(nc, version, served); err != nil {
			break
		}
		if err = old.Stop(ctx); err != nil { // it answers what it has accepted
			break
		}
	}
	over.Store(true)
	return errors.Join(err, <-calls)
}

func keepCalling(ctx context.Context, nc *nats.Conn, e endpoint, over *atomic.Bool) error {
	for calls := 0; calls == 0 || !over.Load(); calls++ { // one at least, or it would prove nothing
		got, err := typednats.RequestService(ctx, nc, e, "chair")
		if err != nil {
			return err
		}
		if got != 49 {
			return fmt.Errorf("got price %d, want 49", got)
		}
	}
	return nil
}

// expectRefusal calls e, whose codec no instance takes.
func expectRefusal(ctx context.Context, nc *nats.Conn, e endpoint) error {
	_, err := typednats.RequestService(ctx, nc, e, "chair")
	if failure, ok := errors.AsType[*typednats.ServiceError](err); !ok || failure.Code != 415 {
		return errors.Join(errors.New("the call was not refused with code 415"), err)
	}
	return nil
}
