package typednats_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/raw"
	"github.com/typednats/typednats/typednatstest"
)

// What a server does not read fills the buffers of a socket soon if it is large. nats.go then waits in the middle of a write,
// under its lock, for as long as FlusherTimeout says: here, longer than a test.
const largeBodies = 40

var (
	large    = bytes.Repeat([]byte("x"), 900<<10)
	inLarge  = typednats.NewEndpoint[[]byte, []byte, typednats.Never]("large").WithCodec(raw.Codec)
	unfrozen = nats.FlusherTimeout(time.Hour)
)

// Calls and their cancellations returned when the write did, after a minute by default.
func TestCallsEndThoughTheServerIsFrozen(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	p := newProxy(t, srv)
	start(t, srv.Connect(t), config(), echo.Handle(repeat), inLarge.Handle(
		func(context.Context, []byte) ([]byte, error) { return nil, nil }))
	client := newClient(t, p.connect(t, unfrozen), typednats.WithDefaultTimeout(200*time.Millisecond))
	warm(t, client)
	if _, err := typednats.RequestService(within(t), client, inLarge, large); err != nil {
		t.Fatalf("call before: %v", err)
	}
	answer(t, srv.Connect(t), "silent", silence)
	if _, err := typednats.RequestService(context.Background(), client, echo.InSubject("silent"), note{}); err == nil {
		t.Error("a silent service has answered")
	}
	p.stall() // while the inbox has a former subscription, which ends soon
	deadline, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	cancellable, giveUp := context.WithCancel(context.Background())
	ended := make(chan error, 3*largeBodies)
	for range largeBodies {
		for _, ctx := range []context.Context{deadline, cancellable, context.Background()} {
			go func() {
				_, err := typednats.RequestService(ctx, client, inLarge, large)
				ended <- err
			}()
		}
	}
	<-deadline.Done()
	giveUp()
	for range cap(ended) {
		if err := await(t, ended, "the end of a call"); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			t.Errorf("call: %v", err)
		}
	}
	for range 15 { // later ones, which are small; they take longer than the former subscription stays
		if _, err := typednats.RequestService(context.Background(), client, echo, note{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a small call: %v", err)
		}
	}
	p.resume()
	eventually(t, "calls to be answered again", func() bool {
		_, err := typednats.RequestService(context.Background(), client, echo, note{})
		return err == nil
	})
}

// Stop and RemoveEndpoint returned when the write did.
func TestStopEndsThoughTheServerIsFrozen(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(context.Context, *typednats.Service) error{
		"Stop":           func(ctx context.Context, s *typednats.Service) error { return s.Stop(ctx) },
		"RemoveEndpoint": func(ctx context.Context, s *typednats.Service) error { return s.RemoveEndpoint(ctx, "large") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.RunSocket(t)
			p := newProxy(t, srv)
			begun, release := make(chan struct{}, largeBodies), make(chan struct{})
			s, err := typednats.NewService(p.connect(t, unfrozen), config(),
				inLarge.Handle(func(context.Context, []byte) ([]byte, error) {
					begun <- struct{}{}
					<-release
					return large, nil
				}))
			if err != nil {
				t.Fatal(err)
			}
			raw := newRawClient(t, srv.Connect(t))
			for range largeBodies {
				raw.send("x", "large", "")
			}
			for range largeBodies {
				await(t, begun, "a handler")
			}
			p.stall()
			close(release)
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			defer cancel()
			if err := await(t, async(func() error { return end(ctx, s) }), "the end"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it returned %v, want DeadlineExceeded", err)
			}
			p.resume()
			_ = s.Stop(within(t)) // it returns again what it has returned, if it was that
			await(t, s.Done(), "Done")
		})
	}
}

// A Stop that waited for a handler when the connection was closed waited for ever.
func TestStopEndsWhenTheConnectionIsClosedMeanwhile(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc, caller := srv.Connect(t), srv.Connect(t)
	g := newGate()
	defer g.open()
	s := start(t, nc, config(), echo.Handle(g.handle))
	newRawClient(t, nc).send("x", "echo", `{}`)
	await(t, g.entered, "the handler to run")
	stopped := async(func() error { return s.Stop(context.Background()) })
	eventually(t, "the stop to begin", func() bool { return errors.Is(s.Ready(within(t)), typednats.ErrServiceStopped) })
	awaitGone(t, caller, "$SRV.PING") // before that, it is a stop on a connection that was closed already
	nc.Close()
	err := await(t, stopped, "Stop")
	if !errors.Is(err, typednats.ErrAbandoned) || !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("Stop = %v, want ErrAbandoned because of ErrConnectionClosed", err)
	}
	await(t, s.Done(), "Done")
	await(t, await(t, g.ctxs, "the handler's context").Done(), "the end of the handler's context")
}

// A connection that was lost and made anew while Serve drained was said to be closed.
func TestServeDrainsOverAReconnect(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	p := newProxy(t, srv)
	back, isBack := signal()
	nc, caller := p.connect(t, reconnecting(nats.ReconnectHandler(back))...), srv.Connect(t)
	g := newGate()
	defer g.open()
	ctx, end := context.WithCancel(within(t))
	served := async(func() error { return typednats.Serve(ctx, nc, config(), echo.Handle(g.handle)) })
	awaitServed(t, caller)
	newRawClient(t, caller).send("x", "echo", `{}`)
	await(t, g.entered, "the handler to run")
	p.stall()
	end()
	g.open() // the reply and its flush are on their way when the connection breaks
	p.cut()
	p.resume()
	await(t, isBack, "the connection to be back")
	if err := await(t, served, "Serve"); err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
}
