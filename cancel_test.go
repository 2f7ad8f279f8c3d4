package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// untilGone is a handler that says when it runs, returns once its context ends, and says why it did.
type untilGone struct {
	started chan note
	ended   chan error
}

func newUntilGone() untilGone { return untilGone{make(chan note, 16), make(chan error, 16)} }

func (u untilGone) handle(ctx context.Context, in note) (note, error) {
	u.started <- in
	<-ctx.Done()
	u.ended <- context.Cause(ctx)
	return in, nil
}

func TestCallThatIsGivenUpEndsItsHandler(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	u := newUntilGone()
	start(t, srv.Connect(t), config(), echo.Handle(u.handle))
	ctx, cancel := context.WithCancel(within(t))
	call := callAsync(ctx, typednats.NewClient(srv.Connect(t)), echo, note{})
	await(t, u.started, "the handler to run")
	cancel()
	if got := await(t, call, "the call to end"); !errors.Is(got.err, context.Canceled) {
		t.Errorf("call = %v, want Canceled", got.err)
	}
	if cause := await(t, u.ended, "the handler's context to end"); !errors.Is(cause, typednats.ErrCallerGone) {
		t.Errorf("the handler's context ended because of %v, want ErrCallerGone", cause)
	}
}

func TestCallThatIsGivenUpInTheQueueIsNotRun(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	u := newUntilGone()
	s := start(t, srv.Connect(t), config(), echo.Handle(u.handle, typednats.WithMaxConcurrent(1)))
	client := typednats.NewClient(srv.Connect(t))
	runs, giveUpFirst := context.WithCancel(within(t))
	waits, giveUpSecond := context.WithCancel(within(t))
	first := callAsync(runs, client, echo, note{"first"})
	await(t, u.started, "the handler to run")
	second := callAsync(waits, client, echo, note{"second"})
	eventually(t, "the second request to arrive", func() bool { return requestsOf(s, "echo") == 2 })
	giveUpSecond()
	if got := await(t, second, "the second call to end"); !errors.Is(got.err, context.Canceled) {
		t.Errorf("second call = %v, want Canceled", got.err)
	}
	giveUpFirst() // the service hears of it after it has heard of the second one
	if got := await(t, first, "the first call to end"); !errors.Is(got.err, context.Canceled) {
		t.Errorf("first call = %v, want Canceled", got.err)
	}
	_ = await(t, u.ended, "the handler's context to end") // why is another test's affair
	if err := s.Stop(within(t)); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if len(u.started) != 0 {
		t.Error("the request of a call that was given up was run")
	}
	stats, _ := s.EndpointStats("echo")
	compare(t, "requests and errors", [2]int{2, 1}, [2]int{stats.NumRequests, stats.NumErrors})
	compare(t, "last error", "499:the caller gave up before the handler ran", stats.LastError)
}

// An empty message on the cancel subject ended the requests without a reply subject that were in the queue.
func TestEmptyCancellationCancelsNothing(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	u := newUntilGone()
	start(t, srv.Connect(t), config(), echo.Handle(u.handle, typednats.WithMaxConcurrent(1)))
	nc := srv.Connect(t)
	for _, timeout := range []string{"500", "3000"} { // the second one waits for the first
		msg := &nats.Msg{Subject: "echo", Header: nats.Header{typednats.TimeoutHeader: {timeout}}, Data: []byte("{}")}
		if err := nc.PublishMsg(msg); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Publish("_TYPEDNATS.CANCEL.echo", nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		cause := await(t, u.ended, "the handler's context to end")
		if !errors.Is(cause, context.DeadlineExceeded) {
			t.Errorf("the handler's context ended because of %v, want DeadlineExceeded", cause)
		}
	}
}

// What waits for a context may fail with its cause in place of its error, as net/http does. That was code 500, and a report.
func TestHandlerReturnsTheCauseOfItsEnd(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	started := make(chan struct{}, 1)
	reports := make(reportLog, 4)
	s := start(t, srv.Connect(t), config(reports.config), echo.Handle(func(ctx context.Context, in note) (note, error) {
		started <- struct{}{}
		<-ctx.Done()
		if in.Text == "cause" {
			return note{}, context.Cause(ctx)
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:1", nil)
		if err != nil {
			return note{}, err
		}
		reply, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			_ = reply.Body.Close()
		}
		return note{}, fmt.Errorf("ask the stock: %w", err)
	}))
	client := newClient(t, srv.Connect(t))
	for i, how := range []string{"cause", "request"} {
		ctx, cancel := context.WithCancel(within(t))
		call := callAsync(ctx, client, echo, note{how})
		await(t, started, "the handler to run")
		cancel()
		await(t, call, "the call to end")
		eventually(t, "the request to be counted", func() bool {
			stats, _ := s.EndpointStats("echo")
			return stats.NumErrors == i+1
		})
		stats, _ := s.EndpointStats("echo")
		compare(t, how+": last error", "499:the caller gave up before the handler was done", stats.LastError)
	}
	if err := s.Stop(within(t)); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if len(reports) > 0 {
		t.Errorf("reported: %+v", <-reports)
	}
}
