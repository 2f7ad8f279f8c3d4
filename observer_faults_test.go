package typednats_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// quitting is an observer that ends the goroutine it is called on, as t.FailNow does.
type quitting struct {
	inStart bool // else in End
	ended   *atomic.Int64
}

func (q quitting) Start(ctx context.Context, _ *typednats.Observation) context.Context {
	if q.inStart {
		runtime.Goexit()
	}
	return ctx
}

func (q quitting) End(context.Context, *typednats.Observation) {
	q.ended.Add(1)
	runtime.Goexit()
}

// Of an observer that ended the goroutine of a refusal, all further refusals got no answer, the process ended with one that
// unlocked twice, and Stop did not return.
func TestObserverThatEndsItsGoroutineOfARefusal(t *testing.T) {
	t.Parallel()
	for name, inStart := range map[string]bool{"in Start": true, "in End": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for kind, test := range map[string]struct {
				pending int
				header  []string // of the requests behind the one that runs
				refuse  func(t *testing.T, s *typednats.Service, raw *rawClient)
				want    string
			}{
				"overload": {want: "503:too many requests"},
				"expiry": {
					pending: 10, header: []string{typednats.TimeoutHeader, "50"},
					want: "504:the time for the request was over before the handler ran",
				},
				"stop": {
					pending: 10, want: "503:service is stopping",
					refuse: func(t *testing.T, s *typednats.Service, _ *rawClient) {
						t.Helper()
						eventually(t, "the others wait", func() bool { return s.Load()[0].Waiting == 3 })
						if err := s.Stop(cancelled(within(t))); !errors.Is(err, typednats.ErrAbandoned) {
							t.Errorf("Stop = %v, want ErrAbandoned", err)
						}
					},
				},
			} {
				t.Run(kind, func(t *testing.T) {
					t.Parallel()
					var told atomic.Int64
					nc, g := typednatstest.Server(t), newGate()
					defer g.open()
					s := start(t, nc, config(), echo.Handle(g.handle, typednats.WithMaxConcurrent(1),
						typednats.WithMaxPending(test.pending, 1<<20), typednats.WithObserver(quitsIfRefused{quitting{inStart, &told}})))
					raw := newRawClient(t, nc)
					raw.send("runs", "echo", `{}`)
					await(t, g.entered, "the handler")
					for _, name := range []string{"1", "2", "3"} {
						raw.send(name, "echo", `{}`, test.header...)
					}
					if test.refuse != nil {
						test.refuse(t, s, raw)
					}
					for range 3 {
						_, failure, _ := raw.next()
						compare(t, "answer", test.want, failure)
					}
					eventually(t, "the observer is told of all", func() bool { return told.Load() == 3 })
				})
			}
		})
	}
}

// quitsIfRefused leaves alone what runs.
type quitsIfRefused struct{ quitting }

func (q quitsIfRefused) Start(ctx context.Context, o *typednats.Observation) context.Context {
	if ctx.Done() != nil { // it has a context of its own: it runs
		return ctx
	}
	return q.quitting.Start(ctx, o)
}

func (q quitsIfRefused) End(ctx context.Context, o *typednats.Observation) {
	if o.Outcome == typednats.OutcomeRefused {
		q.quitting.End(ctx, o)
	}
}

// One that ended the goroutine of a request kept those before it from hearing of the end.
func TestObserverThatEndsItsGoroutineHidesNothing(t *testing.T) {
	t.Parallel()
	var ended, told atomic.Int64
	nc := typednatstest.Server(t)
	s := start(t, nc, config(), echo.Handle(repeat,
		typednats.WithObserver(endedBy(func(*typednats.Observation) { told.Add(1) })), typednats.WithObserver(quitting{false, &ended})))
	for range 3 {
		if _, err := typednats.RequestService(within(t), nc, echo, note{}); err != nil {
			t.Error(err)
		}
	}
	mustStop(t, s)
	compare(t, "told", [2]int64{3, 3}, [2]int64{ended.Load(), told.Load()})
}

// A client's observers were told of the start of a call only, if an interceptor panicked.
func TestObserverSeesACallThatPanics(t *testing.T) {
	t.Parallel()
	nc, o := typednatstest.Server(t), newWatching()
	for name, quit := range map[string]func(){"panic": func() { panic("boom") }, "goexit": runtime.Goexit} {
		recovered := make(chan any, 1)
		go func() {
			defer func() { recovered <- recover() }()
			_, _ = typednats.RequestService(within(t), nc, echo, note{}, typednats.WithObserver(o),
				typednats.WithInterceptors(func(typednats.Handler) typednats.Handler {
					return func(context.Context, *typednats.Invocation) (any, error) {
						quit()
						return note{}, nil
					}
				}))
		}()
		if got := await(t, recovered, "the end"); (got == "boom") != (name == "panic") {
			t.Errorf("%s: recovered %v", name, got)
		}
		end := await(t, o.ended, "the end")
		compare(t, name, typednats.OutcomeFailed, end.Outcome)
		if end.Err == nil || end.Took <= 0 {
			t.Errorf("%s: error %v after %v", name, end.Err, end.Took)
		}
	}
	compare(t, "more ends", 0, len(o.ended))
}

// The context of a request that was refused behind a guard never ended, and what the guard or an observer had tied to it
// stayed until the service ended.
func TestContextOfARefusedRequestEnds(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	ended := make(chan error, 1)
	start(t, nc, config(), echo.Handle(repeat,
		typednats.WithGuards(func(ctx context.Context, inv *typednats.Invocation) (context.Context, error) {
			context.AfterFunc(ctx, func() { ended <- ctx.Err() })
			if inv.Header.Get("Quit") != "" {
				runtime.Goexit()
			}
			return ctx, nil
		})))
	for name, request := range map[string]*nats.Msg{
		"no JSON":       {Data: []byte("{")},
		"foreign codec": {Header: headerOf("Content-Type", "text/plain")},
		"goexit":        {Header: headerOf("Quit", "x")},
		"reply":         {Data: []byte("{}")},
	} {
		exchange(t, nc, "echo", request.Header, string(request.Data))
		if err := await(t, ended, "the end of the context of "+name); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the context ended with %v", name, err)
		}
	}
}
