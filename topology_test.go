package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

// arrived is how a request came to its handler.
type arrived struct {
	value   any
	limited bool // the handler has a deadline, which the caller chose
	headers bool // with the caller's time
}

// The endpoints of the topologies: a bare number, which JSON would read as another one, a note, a handler that waits, and
// one that is there when the others are.
var (
	topoNumber = typednats.NewEndpoint[int, int, typednats.Never]("number").WithCodec(msgpack.Codec, json.Codec)
	topoNote   = typednats.NewEndpoint[note, note, missing]("note").WithCodec(msgpack.Codec, json.Codec)
	topoWait   = echo.InSubject("wait")
	topoReady  = typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("ready")
)

// telling is a handler that returns its request and tells how that came.
func telling[T any](log chan<- arrived) func(context.Context, *typednats.ServiceRequest[T]) (T, error) {
	return func(ctx context.Context, r *typednats.ServiceRequest[T]) (T, error) {
		deadline, ok := ctx.Deadline()
		left := time.Until(deadline)
		log <- arrived{r.Value, ok && left > 0 && left <= patience, len(r.Header[typednats.TimeoutHeader]) > 0}
		return r.Value, nil
	}
}

// startTopo starts a service at its place in a topology. It returns the group in which callers find it, and a connection
// of theirs, once the service is known there: servers tell each other of subscriptions in their own time.
func startTopo(
	t *testing.T, topo topology, bound []typednats.BoundEndpoint, opts ...nats.Option,
) (typednats.Group, *nats.Conn) {
	t.Helper()
	ready := topoReady.InGroup(typednats.NewGroup("topo")).Handle(func(context.Context, struct{}) (struct{}, error) {
		return struct{}{}, nil
	})
	start(t, topo.connectService(t), config(), append(slices.Clone(bound), ready)...)
	callers, nc := typednats.NewGroup(topo.prefix), topo.connectCaller(t, opts...)
	awaitTopo(t, nc, callers)
	return callers, nc
}

// awaitTopo waits until the service is known where a connection is.
func awaitTopo(t *testing.T, nc *nats.Conn, callers typednats.Group) {
	t.Helper()
	eventually(t, "the service to be known where it is called", func() bool {
		ctx, cancel := context.WithTimeout(within(t), time.Second) // beyond a leaf node nobody says that nobody serves
		defer cancel()
		_, err := typednats.RequestService(ctx, nc, topoReady.InGroup(callers), struct{}{})
		return err == nil
	})
}

// Whatever is between a caller and a service, each request arrives as what it is, with its deadline: the first one, later
// ones, and those after the connection was lost.
func TestRequestsArriveAsWhatTheyAre(t *testing.T) {
	t.Parallel()
	for name, build := range topologies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topo, log, service := build(t), make(chan arrived, 1), typednats.NewGroup("topo")
			back, isBack := signal()
			callers, nc := startTopo(t, topo, []typednats.BoundEndpoint{
				topoNumber.InGroup(service).HandleWith(telling[int](log)),
				topoNote.InGroup(service).HandleWith(telling[note](log)),
			}, reconnecting(nats.ReconnectHandler(back))...)
			ways := requesters(t, nc)
			for round := range 2 {
				for way, r := range ways {
					for call := range 3 {
						what := fmt.Sprintf("%s, round %d, call %d", way, round, call)
						headers := way != "client" || !topo.tokens || call == 0
						number, err := typednats.RequestService(within(t), r, topoNumber.InGroup(callers), 53)
						if err != nil || number != 53 {
							t.Fatalf("%s: %d, %v, want 53", what, number, err)
						}
						if got, want := await(t, log, "the handler"), (arrived{53, true, headers}); got != want {
							t.Errorf("%s: the number arrived as %+v, want %+v", what, got, want)
						}
						text, err := typednats.RequestService(within(t), r, topoNote.InGroup(callers), note{"x"})
						if err != nil || text.Text != "x" {
							t.Fatalf("%s: %v, %v, want x", what, text, err)
						}
						if got, want := await(t, log, "the handler"), (arrived{note{"x"}, true, headers}); got != want {
							t.Errorf("%s: the note arrived as %+v, want %+v", what, got, want)
						}
					}
				}
				if round == 0 {
					disconnect(t, topo.caller, nc)
					await(t, isBack, "the caller to be back")
					awaitTopo(t, nc, callers) // it may be on another node
				}
			}
		})
	}
}

// A caller that gives up is heard, but for a service that is imported: docs/wire.md says why.
func TestWhereGivingUpIsHeard(t *testing.T) {
	t.Parallel()
	for name, build := range topologies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topo, u := build(t), newUntilGone()
			callers, nc := startTopo(t, topo, []typednats.BoundEndpoint{
				topoWait.InGroup(typednats.NewGroup("topo")).Handle(u.handle),
			})
			ctx, giveUp := context.WithCancel(t.Context())
			timeout, want := patience, typednats.ErrCallerGone
			if !topo.cancels {
				timeout, want = time.Second, context.DeadlineExceeded
			}
			client := newClient(t, nc, typednats.WithDefaultTimeout(timeout))
			call := callAsync(ctx, client, topoWait.InGroup(callers), note{})
			await(t, u.started, "the handler to run")
			giveUp()
			if got := await(t, call, "the call to end"); got.err == nil {
				t.Error("the call that was given up has succeeded")
			}
			if cause := await(t, u.ended, "the handler's context to end"); !errors.Is(cause, want) {
				t.Errorf("the handler's context ended because of %v, want %v", cause, want)
			}
		})
	}
}

// A service of another make picks its codec by Content-Type, which it gets with every call.
func TestForeignServicePicksItsCodecByContentType(t *testing.T) {
	t.Parallel()
	for name, build := range topologies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topo := build(t)
			answer(t, topo.connectService(t), "topo.number", func(m *nats.Msg) *nats.Msg {
				var codec typednats.Codec = json.Codec
				if m.Header.Get("Content-Type") == msgpack.Codec.ContentType() {
					codec = msgpack.Codec
				}
				n := 0
				if err := codec.Unmarshal(m.Data, &n); err != nil || m.Header.Get(typednats.TimeoutHeader) == "" {
					return &nats.Msg{Header: headerOf("Nats-Service-Error", fmt.Sprint(err, m.Header), "Nats-Service-Error-Code", "400")}
				}
				body, _ := codec.Marshal(2 * n)
				return &nats.Msg{Data: body}
			})
			callers, nc := startTopo(t, topo, nil)
			for way, r := range requesters(t, nc) {
				for _, e := range []typednats.Endpoint[int, int, typednats.Never]{topoNumber, topoNumber.WithCodec(json.Codec)} {
					for range 3 {
						if got, err := typednats.RequestService(within(t), r, e.InGroup(callers), 53); err != nil || got != 106 {
							t.Errorf("%s: %d, %v, want 106", way, got, err)
						}
					}
				}
			}
		})
	}
}

// Half of the requests go to an instance beside the caller, half to one that is imported. A caller that has learnt from
// the first that reply subjects arrive is not misread by the second, and learns that it needs headers.
func TestInstancesOnDifferentWaysUnderstandAll(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t, configured(t, twoWays))
	near := topology{service: srv, caller: srv, login: [2]string{"app", "app"}, prefix: "old"}
	log := make(chan arrived, 1)
	bound := []typednats.BoundEndpoint{
		topoNumber.InGroup(typednats.NewGroup("topo")).HandleWith(telling[int](log)),
		topoNote.InGroup(typednats.NewGroup("topo")).HandleWith(telling[note](log)),
	}
	far := topology{service: srv, caller: srv, login: [2]string{"svc", "app"}, prefix: "far"}
	startTopo(t, far, bound)
	callers, nc := startTopo(t, near, bound)
	for way, r := range requesters(t, nc) {
		const calls = 200
		for call := range calls {
			number, err := typednats.RequestService(within(t), r, topoNumber.InGroup(callers), 53)
			if err != nil || number != 53 {
				t.Fatalf("%s: call %d: %d, %v, want 53", way, call, number, err)
			}
			// It names its codec always. So nobody refuses it, and its deadline may be lost until the client asks again.
			if got := await(t, log, "the handler"); got.value != 53 || way != "client" && !got.limited {
				t.Errorf("%s: call %d: the number arrived as %+v", way, call, got)
			}
			text, err := typednats.RequestService(within(t), r, topoNote.InGroup(callers), note{"x"})
			if err != nil || text.Text != "x" {
				t.Fatalf("%s: call %d: %v, %v, want x", way, call, text, err)
			}
			if got := await(t, log, "the handler"); got.value != (note{"x"}) || call > calls/2 && (!got.limited || !got.headers) {
				t.Errorf("%s: call %d: the note arrived as %+v", way, call, got)
			}
		}
	}
}
