// Hello is the shortest program that shows all there is to an endpoint: its contract, a handler and a call.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/examples/internal/embedded"
)

// Greet is the contract. In a real system it is in a package of its own, which servers and clients import.
var Greet = typednats.NewEndpoint[GreetRequest, GreetReply, NoName]("greet")

// GreetRequest says whom to greet.
type GreetRequest struct {
	Name string `json:"name"`
}

// GreetReply is a greeting.
type GreetReply struct {
	Text string `json:"text"`
}

// NoName is how Greet can fail. Callers get it as this Go type.
type NoName struct{}

// Error implements error.
func (NoName) Error() string { return "there is nobody to greet" }

func greet(_ context.Context, r GreetRequest) (GreetReply, error) {
	if r.Name == "" {
		return GreetReply{}, NoName{}
	}
	return GreetReply{Text: "Hello, " + r.Name + "!"}, nil
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
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

	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "greeter", Version: "1.0.0"}, Greet.Handle(greet))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.Stop(ctx)) }()

	reply, err := typednats.RequestService(ctx, nc, Greet, GreetRequest{Name: "Ada"})
	if err != nil {
		return err
	}
	fmt.Println(reply.Text)

	_, err = typednats.RequestService(ctx, nc, Greet, GreetRequest{})
	noName, ok := errors.AsType[NoName](err)
	if !ok {
		return errors.Join(errors.New("nobody was greeted without a NoName"), err)
	}
	fmt.Println("Nobody:", noName)
	return nil
}
