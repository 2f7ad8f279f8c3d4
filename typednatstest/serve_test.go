package typednatstest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

func TestServe(t *testing.T) {
	t.Parallel()
	client := typednatstest.Serve(t, greet.Handle(hello), byTown.Handle(hello))
	reply, err := typednats.RequestService(t.Context(), client, greet, person{"Ada"})
	if diff := cmp.Diff(greeting{"hello Ada"}, reply); diff != "" || err != nil {
		t.Errorf("error %v, reply (-want +got):\n%s", err, diff)
	}
	_, err = typednats.RequestService(t.Context(), client, byTown.At("town.rome.greet"), person{"nobody"})
	if !errors.Is(err, unknown{"nobody"}) {
		t.Errorf("error %v, want %v", err, unknown{"nobody"})
	}
}

func TestServeWithoutEndpoints(t *testing.T) {
	t.Parallel()
	client := typednatstest.Serve(t)
	if err := callError(t, client); outcome(err) != "nobody" {
		t.Errorf("error %v, want no responders", err)
	}
}

// TestRecordOverTheWire: what a recorder decodes does not depend on a server being there.
func TestRecordOverTheWire(t *testing.T) {
	t.Parallel()
	f := newFakeTB(t)
	var rec *typednatstest.Recorder
	f.run(func() {
		rec = typednatstest.Record(typednatstest.Serve(f, packed.Handle(hello)))
		for _, name := range []string{"Ada", "nobody"} {
			_, _ = typednats.RequestService(f.Context(), rec, packed, person{name})
		}
	})
	want := []brief[person, greeting]{
		{"packed", person{"Ada"}, greeting{"hello Ada"}, ""},
		{"packed", person{"nobody"}, greeting{}, "who is nobody?"},
	}
	if diff := cmp.Diff(want, briefs(typednatstest.CallsTo(rec, packed))); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestServeShowsWhatTheServiceKeeps: a caller learns of code 500 only; the test's log has the rest.
func TestServeShowsWhatTheServiceKeeps(t *testing.T) {
	t.Parallel()
	f := newFakeTB(t)
	f.run(func() {
		client := typednatstest.Serve(f, greet.Handle(func(_ context.Context, p person) (greeting, error) {
			if p.Name == "panic" {
				panic("out of paper")
			}
			return greeting{}, errors.New("disk full") //nolint:err113 // it is not declared
		}))
		for _, name := range []string{"Ada", "panic"} {
			_, err := typednats.RequestService(f.Context(), client, greet, person{name})
			if got := outcome(err); got != "500" {
				t.Errorf("%s: outcome %q, want 500", name, got)
			}
		}
	})
	for _, want := range []string{
		`ERROR typednats: request failed service="typednatstest"`,
		`endpoint="greet" subject="greet" error="disk full"`,
		`error="panic: out of paper"`,
		"\nstack:\ngoroutine ",
		"\n\t", // the lines of the stack
	} {
		if !strings.Contains(f.logged(), want) {
			t.Errorf("the log does not have %q:\n%s", want, f.logged())
		}
	}
	if f.fatal != "" || len(f.errors) > 0 {
		t.Errorf("the test failed: %q %q", f.fatal, f.errors)
	}
}

// TestServeEndsWithTheTest: a call that is in flight then is over, its handler has returned, and nothing is left. What
// the handler returned is in the log; nothing comes after the end.
func TestServeEndsWithTheTest(t *testing.T) {
	t.Parallel()
	f := newFakeTB(t)
	entered, leave, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var client *typednats.Client
	var caller sync.WaitGroup
	f.run(func() {
		client = typednatstest.Serve(f, greet.Handle(func(ctx context.Context, _ person) (greeting, error) {
			defer close(left)
			close(entered)
			<-leave
			select {
			case <-ctx.Done():
				if cause := context.Cause(ctx); !errors.Is(cause, typednats.ErrCallerGone) {
					t.Errorf("the service does not wait for its handler: %v", cause)
				}
			case <-time.After(50 * time.Millisecond): // time enough for a connection that is closed too early
			}
			return greeting{}, errors.New("at the last moment") //nolint:err113 // it is not declared
		}))
		caller.Go(func() {
			_, err := typednats.RequestService(context.Background(), client, greet, person{"Ada"})
			if !errors.Is(err, typednats.ErrClientClosed) {
				t.Errorf("error %v, want %v", err, typednats.ErrClientClosed)
			}
			close(leave) // the client is closed, and the service waits for the handler
		})
		<-entered
	})
	caller.Wait()
	select {
	case <-left:
	default:
		t.Error("the handler has not returned")
	}
	if !strings.Contains(f.logged(), "at the last moment") {
		t.Errorf("the log does not have the error of the handler:\n%s", f.logged())
	}
	if err := callError(t, client); !errors.Is(err, typednats.ErrClientClosed) {
		t.Errorf("error %v, want %v", err, typednats.ErrClientClosed)
	}
	if f.fatal != "" || len(f.errors) > 0 {
		t.Errorf("the test failed: %q %q", f.fatal, f.errors)
	}
}

func TestServeMistakesFailTheTest(t *testing.T) {
	t.Parallel()
	for want, bound := range map[string]typednats.BoundEndpoint{
		"it is nil":                  greet.Handle(nil),
		"At is for clients":          byTown.At("town.rome.greet").Handle(hello),
		"made by Handle":             {},
		`subject "a..b": token 2 is`: greet.InSubject("a..b").Handle(hello),
	} {
		f := newFakeTB(t)
		f.run(func() { typednatstest.Serve(f, bound) })
		if !strings.HasPrefix(f.fatal, "typednatstest: ") || !strings.Contains(f.fatal, want) {
			t.Errorf("the test failed with %q, want %q", f.fatal, want)
		}
	}
}

func TestServedServicesAreApart(t *testing.T) {
	t.Parallel()
	first := typednatstest.Serve(t, greet.Handle(hello))
	second := typednatstest.Serve(t)
	if got := outcomes(t, first, "greet"); got != "fine" {
		t.Errorf("outcome %q, want fine", got)
	}
	if got := outcomes(t, second, "greet"); got != "nobody" {
		t.Errorf("outcome %q, want nobody", got)
	}
}
