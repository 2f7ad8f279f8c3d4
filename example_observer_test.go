package typednats_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"sync"

	"github.com/typednats/typednats"
)

// tally counts how requests end, by endpoint.
type tally struct {
	mu    sync.Mutex
	count map[string]int
	ended chan struct{}
}

// Start implements [typednats.Observer].
func (t *tally) Start(ctx context.Context, _ *typednats.Observation) context.Context { return ctx }

// End implements [typednats.Observer].
func (t *tally) End(_ context.Context, o *typednats.Observation) {
	t.mu.Lock()
	t.count[fmt.Sprintf("%s %v %d", o.Endpoint, o.Outcome, o.Code)]++
	t.mu.Unlock()
	t.ended <- struct{}{}
}

func ExampleObserver() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	all := &tally{count: make(map[string]int), ended: make(chan struct{}, 10)}
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{
		Name: "warehouse", Version: "1.0.0", Logger: slog.New(slog.DiscardHandler),
		Observers: []typednats.Observer{all},
	}, Reserve.Handle(reserve))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	_, _ = typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: "nut"})
	_, _ = typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: "gear"})
	_, _ = nc.Request(Reserve.Subject(), []byte("no JSON"), typednats.DefaultTimeout)
	for range 3 {
		<-all.ended // it comes after the reply
	}
	fmt.Println(all.count)
	// Output:
	// map[reserve declared 404:1 reserve ok 0:1 reserve refused 400:1]
}

func ExampleLogObserver() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	without := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { // what differs each time
		switch a.Key {
		case "time", "duration", "service", "instance":
			return slog.Attr{}
		}
		return a
	}}
	observers := []typednats.Observer{typednats.LogObserver(slog.New(slog.NewTextHandler(os.Stdout, without)))}
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0", Observers: observers},
		Reserve.Handle(reserve, typednats.WithMaxConcurrent(1)))
	if err != nil {
		log.Fatal(err)
	}

	_, _ = typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: "nut"})
	_, _ = typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: "gear"})
	_, _ = nc.Request(Reserve.Subject(), []byte("{"), typednats.DefaultTimeout)
	_ = svc.Stop(ctx) // the lines come after the replies
	// Output:
	// level=INFO msg="request answered" endpoint=reserve subject=warehouse.reserve
	// level=INFO msg="request answered" endpoint=reserve subject=warehouse.reserve code=404 tag=UnknownItemError error="unknown item \"gear\""
	// level=WARN msg="request refused" endpoint=reserve subject=warehouse.reserve code=400 refused=decode error="service error 400: request cannot be decoded: unexpected end of JSON input"
}
