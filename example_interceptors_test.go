package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"time"

	"github.com/typednats/typednats"
)

// allow refuses requests whose Tenant header is missing.
func allow(next typednats.Handler) typednats.Handler {
	return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
		if inv.Header.Get("Tenant") == "" {
			return nil, typednats.Errorf(401, "a Tenant is needed")
		}
		return next(ctx, inv)
	}
}

// timed tells how requests end.
func timed(next typednats.Handler) typednats.Handler {
	return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
		start := time.Now()
		reply, err := next(ctx, inv)
		code, declared := inv.Outcome(err)
		observe(inv.Endpoint, time.Since(start), code, declared)
		return reply, err
	}
}

// trim removes the spaces around the item.
func trim(next typednats.Handler) typednats.Handler {
	return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
		if r, ok := inv.Request.(ReserveRequest); ok {
			r.Item = strings.TrimSpace(r.Item)
			inv.Request = r
		}
		return next(ctx, inv)
	}
}

// crashes tells of panics.
func crashes(next typednats.Handler) typednats.Handler {
	return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
		reply, err := next(ctx, inv)
		if p, ok := errors.AsType[*typednats.PanicError](err); ok {
			fmt.Println(inv.Endpoint, "panicked:", p.Value) // p.Stack is the stack
		}
		return reply, err
	}
}

// observe stands in for a program's metrics.
func observe(endpoint string, _ time.Duration, code int, declared bool) {
	fmt.Println(endpoint, code, declared)
}

func ExampleInterceptor() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	svc, err := typednats.NewService(nc, typednats.ServiceConfig{
		Name:         "warehouse",
		Version:      "1.0.0",
		Interceptors: []typednats.Interceptor{timed},
	}, Reserve.Handle(reserve, typednats.WithInterceptors(allow)))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	_, err = typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: "nut"})
	fmt.Println(err)
	_, err = typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: "gear"},
		typednats.WithHeader("Tenant", "acme"))
	fmt.Println(err)
	// Output:
	// reserve 401 false
	// call "reserve" at "warehouse.reserve": service error 401: a Tenant is needed
	// reserve 404 true
	// unknown item "gear"
}

func ExampleWithInterceptors() {
	nc, end := exampleWarehouse()
	defer end()

	tenant := func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			inv.Header.Set("Tenant", "acme")
			return next(ctx, inv)
		}
	}
	client := typednats.NewClient(nc, typednats.WithInterceptors(tenant))
	defer func() { _ = client.Close() }()
	reply, err := typednats.RequestService(context.Background(), client, Reserve, ReserveRequest{Item: "nut"},
		typednats.WithInterceptors(timed)) // inside those of the client
	fmt.Println(reply.ID, err)
	// Output:
	// reserve 0 false
	// r-1 <nil>
}

func ExampleInvocation() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"},
		Reserve.Handle(reserve, typednats.WithInterceptors(trim)))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	reply, err := typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: " nut "})
	fmt.Println(reply.ID, err)
	// Output: r-1 <nil>
}

func ExamplePanicError() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	fails := func(context.Context, ReserveRequest) (Reservation, error) { panic("out of paper") }
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{
		Name: "warehouse", Version: "1.0.0", Logger: slog.New(slog.DiscardHandler),
	}, Reserve.Handle(fails, typednats.WithInterceptors(crashes)))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	_, err = typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: "nut"})
	se, _ := errors.AsType[*typednats.ServiceError](err)
	fmt.Println("the caller gets code", se.Code)
	// Output:
	// reserve panicked: out of paper
	// the caller gets code 500
}

func ExampleWithRetry() {
	nc, end := exampleConn()
	defer end()
	client := typednats.NewClient(nc, typednats.WithRetry(typednats.Retry{
		Attempts:       5,
		Backoff:        5 * time.Millisecond,
		AttemptTimeout: time.Second, // for endpoints that are Idempotent
	}))
	defer func() { _ = client.Close() }()

	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_, err := typednats.RequestService(ctx, client, Reserve, ReserveRequest{Item: "nut"})
	fmt.Println(err)
	// Output: call "reserve" at "warehouse.reserve": nats: no responders available for request
}

func ExampleInvocation_OnAttempt() {
	nc, end := exampleConn()
	defer end()
	seeing := func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) {
			inv.OnAttempt(func(a typednats.Attempt) { fmt.Println("attempt", a.Number, a.Err) })
			return next(ctx, inv)
		}
	}
	client := typednats.NewClient(nc, typednats.WithRetry(typednats.Retry{Attempts: 2}), typednats.WithInterceptors(seeing))
	defer func() { _ = client.Close() }()

	_, _ = typednats.RequestService(context.Background(), client, Reserve, ReserveRequest{Item: "nut"})
	// Output:
	// attempt 1 nats: no responders available for request
	// attempt 2 nats: no responders available for request
}
