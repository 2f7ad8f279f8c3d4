package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/typednats/typednats"
)

// stock is what the examples have in store.
var stock = map[string]int{"nut": 100, "bolt": 2}

// reserve handles Reserve.
func reserve(_ context.Context, r ReserveRequest) (Reservation, error) {
	left, known := stock[r.Item]
	switch {
	case !known:
		return Reservation{}, UnknownItemError{Item: r.Item}
	case r.Quantity > left:
		return Reservation{}, OutOfStockError{Item: r.Item, Left: left}
	}
	return Reservation{ID: "r-1"}, nil
}

func ExampleServe() {
	nc, end := exampleConn()
	defer end()

	// A program gets this context from signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM).
	ctx, interrupt := context.WithCancel(context.Background())
	cfg := typednats.ServiceConfig{
		Name:         "warehouse",
		Version:      "1.0.0",
		DrainTimeout: 20 * time.Second,
		OnStart:      func(s *typednats.Service) { go health(s) }, // a page for probes, perhaps
	}
	interrupt()
	err := typednats.Serve(ctx, nc, cfg, Reserve.Handle(reserve))
	fmt.Println("drained:", err == nil)
	// Output: drained: true
}

// health stands for what looks at a service while it runs.
func health(s *typednats.Service) {
	<-s.Done()
}

func ExampleNewService() {
	nc, end := exampleConn()
	defer end()

	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"},
		Reserve.Handle(reserve, typednats.WithMaxConcurrent(8)),
	)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(svc.Info().Endpoints[0].Subject)

	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := svc.Stop(ctx); err != nil { // errors.Is(err, typednats.ErrAbandoned): not all was answered in time
		log.Fatal(err)
	}
	// Output: warehouse.reserve
}

func ExampleService_Ready() {
	nc, end := exampleConn()
	defer end()

	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"}, Reserve.Handle(reserve))
	if err != nil {
		log.Fatal(err)
	}
	ready := func(w http.ResponseWriter, r *http.Request) {
		if err := svc.Ready(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	}
	ask := func() int {
		w := httptest.NewRecorder()
		ready(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/ready", nil))
		return w.Code
	}
	fmt.Println(ask())
	if err := svc.Stop(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(ask())
	// Output:
	// 200
	// 503
}

func ExampleEndpoint_HandleWith() {
	nc, end := exampleConn()
	defer end()

	report := func(_ context.Context, r *typednats.ServiceRequest[Reading]) (struct{}, error) {
		fmt.Printf("%.1f degrees at %s, sent by %s\n", r.Value.Celsius, r.Subject, r.Header.Get("Sent-By"))
		r.ReplyHeader().Set("Received-By", "rack-7")
		return struct{}{}, nil
	}
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "sensors", Version: "1.0.0"},
		Report.HandleWith(report))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(context.Background()) }()

	cellar := Report.At("warehouse.sensors.cellar.reading")
	_, err = typednats.RequestService(context.Background(), nc, cellar, Reading{Celsius: 11.5},
		typednats.WithHeader("Sent-By", "s-12"))
	fmt.Println("error:", err)
	// Output:
	// 11.5 degrees at warehouse.sensors.cellar.reading, sent by s-12
	// error: <nil>
}

func ExampleWithMaxPending() {
	nc, end := exampleConn()
	defer end()

	entered, leave := make(chan struct{}), make(chan struct{})
	slow := func(context.Context, ReserveRequest) (Reservation, error) {
		entered <- struct{}{}
		<-leave
		return Reservation{ID: "r-1"}, nil
	}
	bound := Reserve.Handle(slow, typednats.WithMaxConcurrent(1), typednats.WithMaxPending(0, 0))
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"}, bound)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(context.Background()) }()

	first := make(chan error)
	go func() {
		_, err := typednats.RequestService(context.Background(), nc, Reserve, ReserveRequest{Item: "nut"})
		first <- err
	}()
	<-entered // the only handler is busy, and nothing may wait
	_, err = typednats.RequestService(context.Background(), nc, Reserve, ReserveRequest{Item: "nut"})
	fmt.Println("second:", err)

	close(leave)
	fmt.Println("first:", <-first)
	// Output:
	// second: call "reserve" at "warehouse.reserve": service error 503: too many requests
	// first: <nil>
}

func ExampleErrorReport() {
	nc, end := exampleConn()
	defer end()

	reports := make(chan typednats.ErrorReport, 1)
	cfg := typednats.ServiceConfig{
		Name:         "warehouse",
		Version:      "1.0.0",
		Logger:       slog.New(slog.DiscardHandler),
		ErrorHandler: func(r typednats.ErrorReport) { reports <- r },
	}
	broken := func(context.Context, ReserveRequest) (Reservation, error) {
		return Reservation{}, errors.New("connect to db-3 as admin: refused")
	}
	svc, err := typednats.NewService(nc, cfg, Reserve.Handle(broken))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(context.Background()) }()

	_, err = typednats.RequestService(context.Background(), nc, Reserve, ReserveRequest{Item: "nut"})
	r := <-reports
	fmt.Println("the caller sees:", strings.ReplaceAll(err.Error(), r.ErrorID, "<id>"))
	fmt.Println("the service sees:", r.Endpoint, r.Err)
	// Output:
	// the caller sees: call "reserve" at "warehouse.reserve": service error 500: internal error, id <id>
	// the service sees: reserve connect to db-3 as admin: refused
}

func ExampleService_EndpointStats() {
	nc, end := exampleConn()
	defer end()

	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"},
		Reserve.Handle(reserve))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(context.Background()) }()

	for _, item := range []string{"nut", "gear"} {
		_, err := typednats.RequestService(context.Background(), nc, Reserve, ReserveRequest{Item: item})
		fmt.Println(item, err)
	}
	stats, _ := svc.EndpointStats("reserve")
	fmt.Println(stats.NumRequests, "requests,", stats.NumErrors, "error, the last was", stats.LastError)
	// Output:
	// nut <nil>
	// gear unknown item "gear"
	// 2 requests, 1 error, the last was 404:unknown item "gear"
}

func ExampleService_AddEndpoints() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	if err := svc.AddEndpoints(Reserve.Handle(reserve)); err != nil {
		log.Fatal(err)
	}
	fmt.Println("added:", len(svc.Info().Endpoints))
	if err := svc.RemoveEndpoint(ctx, "reserve"); err != nil { // waits for the handlers in flight
		log.Fatal(err)
	}
	fmt.Println("removed:", len(svc.Info().Endpoints))
	// Output:
	// added: 1
	// removed: 0
}
