package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

func TestClientSubscribesOnceUnderTheInboxPrefix(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "service", Password: "p"},
			{Username: "client", Password: "p", Permissions: &server.Permissions{
				Publish:   &server.SubjectPermission{Allow: []string{"echo"}},
				Subscribe: &server.SubjectPermission{Allow: []string{"_MINE.>"}},
			}},
		}
	})
	start(t, srv.Connect(t, nats.UserInfo("service", "p")), config(), echo.Handle(repeat))
	refused := make(chan error, 10)
	nc := srv.Connect(t, nats.UserInfo("client", "p"), nats.CustomInboxPrefix("_MINE"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	ctx := within(t)
	client := typednats.NewClient(nc)
	if got := nc.NumSubscriptions(); got != 0 {
		t.Errorf("%d subscriptions before the first call, want 0", got)
	}
	for range 3 {
		if out, err := typednats.RequestService(ctx, client, echo, note{"hello"}); err != nil || out.Text != "hello" {
			t.Errorf("call = %v, %v", out, err)
		}
		if got := nc.NumSubscriptions(); got != 1 {
			t.Errorf("%d subscriptions, want 1", got)
		}
	}
	for range 2 {
		if err := client.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if got := nc.NumSubscriptions(); got != 0 {
		t.Errorf("%d subscriptions after Close, want 0", got)
	}
	if !nc.IsConnected() {
		t.Error("Close closed the connection, too")
	}
	if _, err := typednats.RequestService(ctx, nc, echo, note{}); err != nil {
		t.Errorf("call through the connection after Close: %v", err)
	}
	if len(refused) > 0 {
		t.Errorf("the server refused: %v", <-refused)
	}
}

// pendingCalls makes calls of a peer that does not answer and waits until all have arrived there.
func pendingCalls(t *testing.T, srv *typednatstest.NATS, r typednats.Requester) []<-chan ending {
	t.Helper()
	const pending = 20
	arrived := make(chan struct{}, pending)
	answer(t, srv.Connect(t), "mute", func(*nats.Msg) *nats.Msg {
		arrived <- struct{}{}
		return nil
	})
	var calls []<-chan ending
	for range pending {
		calls = append(calls, callAsync(within(t), r, echo.InSubject("mute"), note{}))
	}
	for range pending {
		await(t, arrived, "a request")
	}
	return calls
}

func TestEndOfTheClientEndsCalls(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(nc *nats.Conn, c *typednats.Client)
		want error
	}{
		"close client":     {func(_ *nats.Conn, c *typednats.Client) { _ = c.Close() }, typednats.ErrClientClosed},
		"close connection": {func(nc *nats.Conn, _ *typednats.Client) { nc.Close() }, nats.ErrConnectionClosed},
		"drain connection": {func(nc *nats.Conn, _ *typednats.Client) { _ = nc.Drain() }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			nc, ctx := srv.Connect(t), within(t)
			client := typednats.NewClient(nc)
			calls := pendingCalls(t, srv, client)
			test.end(nc, client)
			for _, call := range calls {
				got := await(t, call, "the call to end")
				if test.want != nil && !errors.Is(got.err, test.want) {
					t.Errorf("call = %v, want %v", got.err, test.want)
				}
				if test.want == nil && !errors.Is(got.err, nats.ErrConnectionDraining) && !errors.Is(got.err, nats.ErrConnectionClosed) {
					t.Errorf("call = %v, want that the connection is gone", got.err)
				}
			}
			if _, err := typednats.RequestService(ctx, client, echo, note{}); err == nil || errors.Is(err, ctx.Err()) {
				t.Errorf("later call = %v, want a failure at once", err)
			}
			if err := client.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

func TestCancelledCallDropsItsLateReply(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	requests := make(chan *nats.Msg, 10)
	answer(t, nc, "echo", func(m *nats.Msg) *nats.Msg {
		if string(m.Data) == `{"text":"late"}` {
			requests <- m
			return nil
		}
		return &nats.Msg{Data: m.Data}
	})
	client := typednats.NewClient(nc)
	t.Cleanup(func() { _ = client.Close() })
	callCtx, cancel := context.WithCancel(ctx)
	call := callAsync(callCtx, client, echo, note{"late"})
	late := await(t, requests, "the request")
	cancel()
	if got := await(t, call, "the call to end"); !errors.Is(got.err, context.Canceled) {
		t.Errorf("call = %v, want Canceled", got.err)
	}
	inbox := late.Reply[:strings.LastIndex(late.Reply, ".")]
	for _, subject := range []string{late.Reply, late.Reply, inbox + ".x", inbox + ".~0~~zzz", inbox + ".~0~~!", inbox + ".1"} {
		if err := nc.Publish(subject, []byte(`{"text":"wrong"}`)); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		if out, err := typednats.RequestService(ctx, client, echo, note{"next"}); err != nil || out.Text != "next" {
			t.Errorf("next call = %v, %v", out, err)
		}
	}
}

func TestSecondReplyIsDropped(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	answer(t, nc, "echo", func(m *nats.Msg) *nats.Msg {
		_ = nc.Publish(m.Reply, m.Data)
		_ = nc.Publish(m.Reply, []byte(`{"text":"second"}`))
		return &nats.Msg{Data: []byte(`{"text":"third"}`)}
	})
	client := typednats.NewClient(nc)
	t.Cleanup(func() { _ = client.Close() })
	for i := range 20 {
		in := note{fmt.Sprint(i)}
		if out, err := typednats.RequestService(ctx, client, echo, in); err != nil || out != in {
			t.Errorf("call %d = %v, %v", i, out, err)
		}
	}
}

func TestClientNeverMixesRepliesUp(t *testing.T) {
	t.Parallel()
	const callers, calls = 16, 60
	srv := typednatstest.Run(t)
	ctx := within(t)
	for range 2 {
		start(t, srv.Connect(t), config(), echo.WithCodec(msgpack.Codec).Handle(mixed, typednats.WithMaxConcurrent(8)))
	}
	nc := srv.Connect(t)
	ways := requesters(t, nc)
	var wg sync.WaitGroup
	for kind, r := range ways {
		for c := range callers {
			wg.Go(func() {
				for i := range calls {
					in := note{fmt.Sprint(kind, c, i)}
					if i%10 == 9 {
						in.Text = "declared"
					}
					out, err := typednats.RequestService(ctx, r, echo.WithCodec(msgpack.Codec), in)
					if _, declared := errors.AsType[missing](err); declared != (in.Text == "declared") || !declared && out != in {
						t.Errorf("call with %v = %v, %v", in, out, err)
					}
				}
			})
		}
	}
	wg.Wait()
}

func TestClientsOnOneConnectionAreIndependent(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	start(t, nc, config(), echo.Handle(repeat))
	a, b := typednats.NewClient(nc), typednats.NewClient(nc)
	t.Cleanup(func() { _ = b.Close() })
	for _, c := range []*typednats.Client{a, b} {
		if _, err := typednats.RequestService(ctx, c, echo, note{}); err != nil {
			t.Error(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if _, err := typednats.RequestService(ctx, b, echo, note{}); err != nil {
		t.Errorf("call through the other client: %v", err)
	}
}

func TestClientClosedDuringCalls(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	start(t, nc, config(), echo.Handle(repeat))
	for range 20 {
		client := typednats.NewClient(nc)
		var callers sync.WaitGroup
		first := make(chan struct{}, 8)
		for range cap(first) {
			callers.Go(func() {
				for {
					_, err := typednats.RequestService(ctx, client, echo, note{})
					if err != nil {
						if !errors.Is(err, typednats.ErrClientClosed) {
							t.Errorf("call = %v, want ErrClientClosed", err)
						}
						return
					}
					select {
					case first <- struct{}{}:
					default:
					}
				}
			})
		}
		await(t, first, "a reply")
		if err := client.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		callers.Wait()
	}
}

func TestClientIsARequesterForMessages(t *testing.T) {
	t.Parallel()
	nc, ctx := typednatstest.Server(t), within(t)
	requests := make(chan *nats.Msg, 10)
	answer(t, nc, "plain", func(m *nats.Msg) *nats.Msg {
		requests <- m
		return &nats.Msg{Data: []byte("pong")}
	})
	client := typednats.NewClient(nc)
	t.Cleanup(func() { _ = client.Close() })
	msg := &nats.Msg{Subject: "plain", Reply: "mine", Header: nats.Header{"A": {"b"}}, Data: []byte("ping")}
	reply, err := client.RequestMsgWithContext(ctx, msg)
	if err != nil || string(reply.Data) != "pong" {
		t.Errorf("RequestMsgWithContext = %v, %v", reply, err)
	}
	got := await(t, requests, "the request")
	compare(t, "header", nats.Header{"A": {"b"}}, got.Header)
	compare(t, "data", "ping", string(got.Data))
	if msg.Reply != "mine" || got.Reply == "mine" {
		t.Errorf("reply subject %q was sent; the caller's message has %q now", got.Reply, msg.Reply)
	}
	var none context.Context
	for name, test := range map[string]struct {
		call func() (*nats.Msg, error)
		want error
	}{
		"nil message": {func() (*nats.Msg, error) { return client.RequestMsgWithContext(ctx, nil) }, nats.ErrInvalidMsg},
		"nil context": {func() (*nats.Msg, error) { return client.RequestMsgWithContext(none, msg) }, nats.ErrInvalidContext},
		"no subject":  {func() (*nats.Msg, error) { return client.RequestMsgWithContext(ctx, &nats.Msg{}) }, nats.ErrBadSubject},
		"nobody": {func() (*nats.Msg, error) {
			return client.RequestMsgWithContext(ctx, &nats.Msg{Subject: "nobody"})
		}, nats.ErrNoResponders},
		"cancelled": {func() (*nats.Msg, error) { return client.RequestMsgWithContext(cancelled(ctx), msg) }, context.Canceled},
	} {
		if reply, err := test.call(); reply != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: %v, %v, want %v", name, reply, err, test.want)
		}
	}
}

func TestCallWaitsNoLongerThanItsDeadline(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	answer(t, nc, "mute", silence)
	client := typednats.NewClient(nc, typednats.WithDefaultTimeout(10*time.Millisecond))
	t.Cleanup(func() { _ = client.Close() })
	for name, call := range map[string]func() error{
		"call": func() error {
			_, err := typednats.RequestService(context.Background(), client, echo.InSubject("mute"), note{})
			return err
		},
		"request": func() error {
			_, err := client.RequestMsgWithContext(context.Background(), &nats.Msg{Subject: "mute"})
			return err
		},
	} {
		begun := time.Now()
		if err := call(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s = %v, want DeadlineExceeded", name, err)
		}
		if waited := time.Since(begun); waited >= typednats.DefaultTimeout {
			t.Errorf("%s waited for %v, which is the time of a client that sets none", name, waited)
		}
	}
}

// TestLateRepliesReachNobodyElse gives calls up at about the time when their replies come, through one client, whose
// places to wait are used again.
func TestLateRepliesReachNobodyElse(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	start(t, srv.Connect(t), config(), echo.Handle(repeat))
	client := typednats.NewClient(srv.Connect(t))
	t.Cleanup(func() { _ = client.Close() })
	var answered, givenUp atomic.Int64
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			patience := time.Microsecond
			for i := range 500 {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				stop := time.AfterFunc(patience, cancel)
				want := note{fmt.Sprint(caller, " ", i)}
				got, err := typednats.RequestService(ctx, client, echo, want)
				stop.Stop()
				cancel()
				switch {
				case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
					givenUp.Add(1)
					patience += patience/8 + time.Microsecond
				case err != nil:
					t.Errorf("call %v: %v", want, err)
				case got != want:
					t.Errorf("call %v got the reply %v", want, got)
				default:
					answered.Add(1)
					patience -= patience / 8
				}
			}
		})
	}
	callers.Wait()
	if answered.Load() == 0 || givenUp.Load() == 0 {
		t.Errorf("%d calls were answered and %d given up, want some of each", answered.Load(), givenUp.Load())
	}
}

// deadlineOnly is a context that has a deadline and never ends.
type deadlineOnly struct{ context.Context } //nolint:containedctx // it is a context itself

func (deadlineOnly) Deadline() (time.Time, bool) { return time.Now().Add(time.Hour), true }

func TestCallEndsEvenIfItsContextDoesNot(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	answer(t, srv.Connect(t), "mute", silence)
	client := typednats.NewClient(srv.Connect(t), typednats.WithDefaultTimeout(20*time.Millisecond))
	t.Cleanup(func() { _ = client.Close() })
	_, err := typednats.RequestService(deadlineOnly{context.Background()}, client, echo.InSubject("mute"), note{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("call = %v, want %v", err, context.DeadlineExceeded)
	}
}
