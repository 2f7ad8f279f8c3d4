package typednats_test

import (
	"context"
	"errors"
	"math"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
	"github.com/typednats/typednats/typednatstest"
)

// allocStock and allocLevel are what small payloads look like.
type allocStock struct {
	Item     string `json:"item"`
	Quantity int    `json:"quantity"`
}

type allocLevel struct {
	Item      string `json:"item"`
	Available int    `json:"available"`
}

// TestAllocations holds the hot path to its allocations, on client and service together: no more than so many beyond
// those of nats.go alone with the same bytes. The bound of a codec is what docs/performance.md accounts for.
func TestAllocations(t *testing.T) { //nolint:paralleltest // it counts what the whole process allocates
	if isRaceBuild() {
		t.Skip("the race detector makes sync.Pool forget things")
	}
	srv := typednatstest.Run(t)
	service, ctx := srv.Connect(t), context.Background()
	request, reply := []byte(`{"item":"bolt","quantity":12}`), []byte(`{"item":"bolt","available":120}`)
	if _, err := service.QueueSubscribe("alloc.nats", "q", func(m *nats.Msg) { _ = m.Respond(reply) }); err != nil {
		t.Fatal(err)
	}
	stock := typednats.NewEndpoint[allocStock, allocLevel, typednats.Never]("stock")
	inJSON := stock.InSubject("alloc.json").WithCodec(json.Codec)
	inMsgpack := stock.InSubject("alloc.msgpack").WithCodec(msgpack.Codec)
	inBytes := typednats.NewEndpoint[[]byte, []byte, typednats.Never]("bytes").InSubject("alloc.raw").WithCodec(raw.Codec)
	level := func(_ context.Context, in allocStock) (allocLevel, error) {
		return allocLevel{Item: in.Item, Available: 10 * in.Quantity}, nil
	}
	start(t, service, config(), inJSON.Handle(level), inMsgpack.Handle(level),
		inBytes.Handle(func(context.Context, []byte) ([]byte, error) { return reply, nil }))
	nc := srv.Connect(t)
	client, onward := typednats.NewClient(nc), typednats.NewClient(service)
	nothing := typednats.WithInterceptors(func(next typednats.Handler) typednats.Handler {
		return func(ctx context.Context, inv *typednats.Invocation) (any, error) { return next(ctx, inv) }
	})
	behind, observing := typednats.NewClient(nc, nothing), typednats.NewClient(nc, typednats.WithObserver(idle{}))
	t.Cleanup(func() { _ = errors.Join(client.Close(), onward.Close(), behind.Close(), observing.Close()) })
	intercepted, chained, observed := stock.InSubject("alloc.intercepted"), stock.InSubject("alloc.chained"), stock.InSubject("alloc.observed")
	start(t, service, config(), intercepted.Handle(level, nothing), observed.Handle(level, typednats.WithObserver(idle{})), chained.Handle(
		func(ctx context.Context, in allocStock) (allocLevel, error) {
			return typednats.RequestService(ctx, onward, inJSON, in)
		}))
	cancellable, cancel := context.WithCancel(ctx)
	defer cancel()

	floor := allocsPerCall(t, func() error {
		_, err := nc.Request("alloc.nats", request, patience)
		return err
	})
	for _, tt := range []struct {
		name  string
		most  int
		call  func() error
		calls int
	}{
		{"JSON", 2, func() error {
			_, err := typednats.RequestService(ctx, client, inJSON, allocStock{"bolt", 12})
			return err
		}, 1},
		{"a context that can be cancelled", 2, func() error {
			_, err := typednats.RequestService(cancellable, client, inJSON, allocStock{"bolt", 12})
			return err
		}, 1},
		{"an interceptor on the service", 5, func() error {
			_, err := typednats.RequestService(ctx, client, intercepted, allocStock{"bolt", 12})
			return err
		}, 1},
		{"an interceptor on the client", 5, func() error {
			_, err := typednats.RequestService(ctx, behind, inJSON, allocStock{"bolt", 12})
			return err
		}, 1},
		{"interceptors on both sides", 8, func() error {
			_, err := typednats.RequestService(ctx, behind, intercepted, allocStock{"bolt", 12})
			return err
		}, 1},
		{"an observer on both sides", 4, func() error {
			_, err := typednats.RequestService(ctx, observing, observed, allocStock{"bolt", 12})
			return err
		}, 1},
		{"a handler that calls on", 4, func() error {
			_, err := typednats.RequestService(ctx, client, chained, allocStock{"bolt", 12})
			return err
		}, 2},
		{"msgpack", 2, func() error {
			_, err := typednats.RequestService(ctx, client, inMsgpack, allocStock{"bolt", 12})
			return err
		}, 1},
		{"bytes", 2, func() error {
			_, err := typednats.RequestService(ctx, client, inBytes, request)
			return err
		}, 1},
	} {
		if n := allocsPerCall(t, tt.call) - tt.calls*floor; n > tt.most {
			t.Errorf("a call with %s makes %d allocations more than nats.go alone, want at most %d", tt.name, n, tt.most)
		}
	}
}

// idle is an observer that does nothing.
type idle struct{}

func (idle) Start(ctx context.Context, _ *typednats.Observation) context.Context { return ctx }
func (idle) End(context.Context, *typednats.Observation)                         {}

// allocsPerCall is the least of several averages: what else runs now and then only adds to it.
func allocsPerCall(t *testing.T, call func() error) int {
	t.Helper()
	least := math.Inf(1)
	for range 5 {
		least = min(least, testing.AllocsPerRun(200, func() {
			if err := call(); err != nil {
				t.Fatal(err)
			}
		}))
	}
	return int(math.Round(least))
}

func isRaceBuild() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
