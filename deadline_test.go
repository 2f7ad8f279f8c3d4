package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// untilTheEnd is a handler that heeds its context, as it should.
func untilTheEnd(ctx context.Context, _ note) (note, error) {
	<-ctx.Done()
	return note{}, fmt.Errorf("query: %w", ctx.Err())
}

// TestTimeIsOneErrorWhoeverNotices has callers that run out of time while the handler notices that as well: whichever
// is first, it is the caller's time, and no failure of the service.
func TestTimeIsOneErrorWhoeverNotices(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, reports := srv.Connect(t), make(reportLog, 1000)
	const callers, calls = 64, 3
	kinds := requesters(t, nc)
	s := start(t, srv.Connect(t), config(reports.config), echo.Handle(untilTheEnd,
		typednats.WithMaxConcurrent(callers*calls*len(kinds)))) // so that none is refused for lack of slots
	for kind, r := range kinds {
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for range calls {
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
					_, err := typednats.RequestService(ctx, r, echo, note{})
					cancel()
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%s: %v, want DeadlineExceeded", kind, err)
					}
				}
			})
		}
		all.Wait()
	}
	mustStop(t, s) // so all that was to be reported is
	if len(reports) > 0 {
		t.Errorf("%d were reported, the first: %v", len(reports), (<-reports).Err)
	}
	stats, _ := s.EndpointStats("echo")
	if stats.NumErrors > 0 && !strings.HasPrefix(stats.LastError, "504:") {
		t.Errorf("the statistics show %q", stats.LastError)
	}
}

// TestEndOfAHandlersContextIsAnswered has who ended it, as another language sees it, whether the handler returns that it has
// ended or why.
func TestEndOfAHandlersContextIsAnswered(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(t *testing.T, nc *nats.Conn, s *typednats.Service, request *nats.Msg)
		want nats.Header
	}{
		"deadline": {func(*testing.T, *nats.Conn, *typednats.Service, *nats.Msg) {}, headerOf(
			"Nats-Service-Error", "the time for the request was over before the handler was done",
			"Nats-Service-Error-Code", "504", "Typednats-Interrupted", "deadline")},
		"cancelled": {func(t *testing.T, nc *nats.Conn, _ *typednats.Service, request *nats.Msg) {
			t.Helper()
			if err := nc.Publish("_TYPEDNATS.CANCEL.echo", []byte(request.Reply)); err != nil {
				t.Error(err)
			}
		}, headerOf(
			"Nats-Service-Error", "the caller gave up before the handler was done",
			"Nats-Service-Error-Code", "499", "Typednats-Interrupted", "cancelled")},
		"stopping": {func(t *testing.T, _ *nats.Conn, s *typednats.Service, _ *nats.Msg) {
			t.Helper()
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if err := s.Stop(ended); !errors.Is(err, typednats.ErrAbandoned) {
				t.Errorf("Stop = %v", err)
			}
		}, headerOf(
			"Nats-Service-Error", "the service stopped before the handler was done",
			"Nats-Service-Error-Code", "503", "Typednats-Interrupted", "stopping")},
	} {
		for returned, of := range map[string]func(context.Context) error{"Err": context.Context.Err, "Cause": context.Cause} {
			t.Run(name+", "+returned, func(t *testing.T) {
				t.Parallel()
				srv := typednatstest.Run(t)
				nc, reports, started := srv.Connect(t), make(reportLog, 10), make(chan struct{}, 1)
				s := start(t, srv.Connect(t), config(reports.config), echo.Handle(func(ctx context.Context, in note) (note, error) {
					started <- struct{}{}
					<-ctx.Done()
					return in, fmt.Errorf("query: %w", of(ctx))
				}))
				timeout := "60000"
				if name == "deadline" {
					timeout = "20"
				}
				reply := nats.NewInbox() + ".~" + timeout + "~~1"
				sub, err := nc.SubscribeSync(reply)
				if err != nil {
					t.Fatal(err)
				}
				request := &nats.Msg{Subject: "echo", Reply: reply, Data: []byte(`{}`)}
				if err := nc.PublishMsg(request); err != nil {
					t.Fatal(err)
				}
				await(t, started, "the handler")
				test.end(t, nc, s, request)
				got, err := sub.NextMsgWithContext(within(t))
				if err != nil {
					t.Fatal(err)
				}
				compare(t, "reply", test.want, got.Header)
				if len(reports) > 0 {
					t.Errorf("reported %v", (<-reports).Err)
				}
			})
		}
	}
}

// TestEndOfAnotherContextIsTheServicesFailure has a handler with a time of its own that it set itself.
func TestEndOfAnotherContextIsTheServicesFailure(t *testing.T) {
	t.Parallel()
	nc, reports := typednatstest.Server(t), make(reportLog, 1)
	start(t, nc, config(reports.config), echo.Handle(func(ctx context.Context, in note) (note, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		return untilTheEnd(ctx, in)
	}))
	_, err := typednats.RequestService(within(t), nc, echo, note{})
	compareFailure(t, "call", typednats.ServiceError{Code: 500, Description: "internal error"}, err)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v: the call's time was not over", err)
	}
	if got := await(t, reports, "the report").Err; !errors.Is(got, context.DeadlineExceeded) {
		t.Errorf("reported %v", got)
	}
}

// TestCauseOfTheEndIsInTheError has callers that say why they give up.
func TestCauseOfTheEndIsInTheError(t *testing.T) {
	t.Parallel()
	cause := errors.New("the budget is spent")
	eachWay(t, []typednats.BoundEndpoint{echo.Handle(untilTheEnd)}, func(t way) {
		late, cancel := context.WithTimeoutCause(t.Context(), 5*time.Millisecond, cause)
		defer cancel()
		if _, err := typednats.RequestService(late, t.r, echo, note{}); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, cause) {
			t.Errorf("timeout: %v", err)
		}
		given, giveUp := context.WithCancelCause(t.Context())
		giveUp(cause)
		if _, err := typednats.RequestService(given, t.r, echo, note{}); !errors.Is(err, context.Canceled) || !errors.Is(err, cause) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

// TestEndpointWithTimeout has the time of a descriptor on both sides.
func TestEndpointWithTimeout(t *testing.T) {
	t.Parallel()
	left := make(chan time.Duration, 1)
	patient := echo.WithTimeout(time.Hour)
	eachWay(t, []typednats.BoundEndpoint{echo.Handle(timeLeft(left))}, func(t way) {
		if _, err := typednats.RequestService(t.Context(), t.r, patient, note{}); err != nil {
			t.Fatal(err)
		}
		if got := await(t.T, left, "the handler"); got < 59*time.Minute || got > time.Hour {
			t.Errorf("a call that says nothing leaves %v, want an hour", got)
		}
	})
	short := echo.WithTimeout(20 * time.Millisecond)
	eachWay(t, []typednats.BoundEndpoint{short.Handle(untilTheEnd)}, func(t way) {
		if _, err := typednats.RequestService(within(t.T), t.r, short, note{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller that waits longer got %v", err)
		}
		if _, err := typednats.RequestService(t.Context(), t.r, short, note{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller that says nothing got %v", err)
		}
	})
	nc := typednatstest.Server(t)
	start(t, nc, config(), short.Handle(untilTheEnd))
	if reply := exchange(t, nc, "echo", nil, `{}`); !strings.HasPrefix(failureOf(reply), "504:") {
		t.Errorf("a caller of another make got %q", failureOf(reply))
	}
	for _, d := range []time.Duration{0, -time.Second} {
		if err := echo.WithTimeout(d).Validate(); !errors.Is(err, typednats.ErrInvalidEndpoint) || !strings.Contains(err.Error(), "WithTimeout") {
			t.Errorf("WithTimeout(%v): %v", d, err)
		}
	}
}

// TestAttemptTimeoutRetriesWhoeverNotices has a first attempt that runs out of time, which the handler notices as well.
func TestAttemptTimeoutRetriesWhoeverNotices(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	var mu sync.Mutex
	seen := make(map[string]bool)
	start(t, srv.Connect(t), config(), again.Handle(func(ctx context.Context, in note) (note, error) {
		mu.Lock()
		second := seen[in.Text]
		seen[in.Text] = true
		mu.Unlock()
		if second {
			return in, nil
		}
		return untilTheEnd(ctx, in)
	}))
	client := typednats.NewClient(srv.Connect(t), typednats.WithRetry(typednats.Retry{
		Attempts: 100, Backoff: time.Millisecond, AttemptTimeout: 20 * time.Millisecond, Budget: 100,
	}))
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			in := note{fmt.Sprint(i)}
			if out, err := typednats.RequestService(within(t), client, again, in); err != nil || out != in {
				t.Errorf("call %d: %v, %v", i, out, err)
			}
		})
	}
	all.Wait()
}

// A group of calls is given up when one of them fails, and its context's cause is that failure. It was taken for what the
// others had got: another service's code and errors, and whether they were run.
func TestFailureOfAnotherCallIsNoAnswerToThisOne(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	released := newGate()
	defer released.open()
	start(t, nc, config(), echo.Handle(released.handle))
	for name, cause := range map[string]error{
		"nobody serves it":  callOf(echo.InSubject("nobody"), note{})(nc),
		"a code":            &typednats.CallError{Subject: "other", Err: typednats.Errorf(404, "no")},
		"a code, alone":     fmt.Errorf("other: %w", typednats.Errorf(404, "no")),
		"a declared error":  missing{"nut"},
		"another of nats":   nats.ErrNoResponders,
		"an error of users": errors.New("shop closes"),
	} {
		for kind, r := range requesters(t, nc) {
			ctx, giveUp := context.WithCancelCause(within(t))
			seen := newWatching()
			call := async(func() error {
				_, err := typednats.RequestService(ctx, r, echo, note{}, typednats.WithObserver(seen))
				return err
			})
			await(t, released.entered, "the handler")
			giveUp(cause)
			err := await(t, call, "the end of the call")
			if !errors.Is(err, context.Canceled) || !errors.Is(err, cause) || !strings.Contains(err.Error(), cause.Error()) {
				t.Errorf("%s, %s: %v, want the cause in it", kind, name, err)
			}
			_, isReply := errors.AsType[*typednats.ServiceError](err)
			_, isDeclared := errors.AsType[missing](err)
			if isReply || isDeclared || name == "nobody serves it" && errors.Is(err, nats.ErrNoResponders) {
				t.Errorf("%s, %s: %v is taken for an answer to this call", kind, name, err)
			}
			if answer := answerOf(err); answer != "perhaps" {
				t.Errorf("%s, %s: run: %q, want perhaps", kind, name, answer)
			}
			if o := await(t, seen.ended, "the observer"); o.Outcome != typednats.OutcomeUnanswered || o.Code != 0 {
				t.Errorf("%s, %s: outcome %v, code %d, want unanswered", kind, name, o.Outcome, o.Code)
			}
		}
	}
}
