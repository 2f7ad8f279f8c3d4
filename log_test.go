package typednats_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// logged is what a logger wrote.
type logged struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

// taken returns the lines and forgets them.
func (l *logged) taken() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.out.Reset()
	return slices.Collect(strings.Lines(l.out.String()))
}

// await returns the next lines. A service's observer is called after the reply was sent.
func (l *logged) await(tb testing.TB) []string {
	tb.Helper()
	var lines []string
	eventually(tb, "a line", func() bool {
		lines = l.taken()
		return len(lines) > 0
	})
	return lines
}

// logger writes lines without what differs each time.
func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == "time" {
				return slog.Attr{}
			}
			if a.Key == "duration" && a.Value.Kind() == slog.KindDuration && a.Value.Duration() > 0 {
				return slog.String("duration", "some")
			}
			if a.Key == "error_id" && errorID.MatchString(", id "+a.Value.String()) {
				return slog.String(a.Key, "some")
			}
			if err, ok := a.Value.Any().(error); ok {
				return slog.String(a.Key, withoutID(err.Error()))
			}
			return a
		},
	}))
}

func TestLogObserver(t *testing.T) {
	t.Parallel()
	var service, client logged
	bound := echo.Handle(func(ctx context.Context, in note) (note, error) {
		switch in.Text {
		case "busy":
			return note{}, typednats.Errorf(503, "later")
		case "not internal":
			return note{}, typednats.Errorf(499, "no")
		case "canceled":
			return note{}, fmt.Errorf("query: %w", context.Canceled) // not by the caller
		}
		return mixed(ctx, in)
	}, typednats.WithObserver(typednats.LogObserver(service.logger())))
	nc := typednatstest.Server(t)
	s := start(t, nc, config(), bound)
	on := " service=test instance=" + s.ID() + " endpoint=echo subject=echo duration=some"
	const at = " endpoint=echo subject=echo duration=some"
	opt := typednats.WithObserver(typednats.LogObserver(client.logger()))
	for text, want := range map[string]struct{ service, client string }{
		"hello": {`level=INFO msg="request answered"` + on, `level=INFO msg="call answered"` + at},
		"declared": {
			`level=INFO msg="request answered"` + on + ` code=404 tag=missing error="no nut"`,
			`level=INFO msg="call answered"` + at + ` code=404 tag=missing error="no nut"`,
		},
		"service": {
			`level=WARN msg="request failed"` + on + ` code=403 error="service error 403: no"`,
			`level=WARN msg="call failed"` + at + ` code=403 error="call \"echo\" at \"echo\": service error 403: no"`,
		},
		"not internal": {
			`level=WARN msg="request failed"` + on + ` code=499 error="service error 499: no"`,
			`level=WARN msg="call failed"` + at + ` code=499 error="call \"echo\" at \"echo\": service error 499: no"`,
		},
		"busy": {
			`level=ERROR msg="request failed"` + on + ` code=503 error="service error 503: later"`,
			`level=ERROR msg="call failed"` + at + ` code=503 error="call \"echo\" at \"echo\": service error 503: later"`,
		},
		"undeclared": {
			`level=ERROR msg="request failed"` + on + ` code=500 error_id=some error=secret`,
			`level=ERROR msg="call failed"` + at + ` code=500 error="call \"echo\" at \"echo\": service error 500: internal error"`,
		},
		"canceled": {
			`level=ERROR msg="request failed"` + on + ` code=500 error_id=some error="query: context canceled"`,
			`level=ERROR msg="call failed"` + at + ` code=500 error="call \"echo\" at \"echo\": service error 500: internal error"`,
		},
		"panic": {
			`level=ERROR msg="request failed"` + on + ` code=500 error_id=some error="panic: boom"`,
			`level=ERROR msg="call failed"` + at + ` code=500 error="call \"echo\" at \"echo\": service error 500: internal error"`,
		},
	} {
		_, _ = typednats.RequestService(within(t), nc, echo, note{text}, opt)
		compare(t, text+" on the client", []string{want.client + "\n"}, client.taken())
		compare(t, text+" on the service", []string{want.service + "\n"}, service.await(t))
	}
	_, err := typednats.RequestService(within(t), nc, echo.InSubject("nobody"), note{}, opt)
	compare(t, "a call that nobody answered", []string{
		`level=ERROR msg="call unanswered" endpoint=echo subject=nobody duration=some error="` +
			strings.ReplaceAll(err.Error(), `"`, `\"`) + "\"\n",
	}, client.taken())
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = typednats.RequestService(gone, nc, echo, note{}, opt)
	compare(t, "a call that was given up", []string{
		`level=WARN msg="call unanswered"` + at + ` error="call \"echo\" at \"echo\": context canceled"` + "\n",
	}, client.taken())
}

// An error that wraps the end of a context other than the request's is the service's, and so is a stop that does not wait.
func TestLogObserverOfContextsThatEnded(t *testing.T) {
	t.Parallel()
	var out logged
	nc := typednatstest.Server(t)
	late := fmt.Errorf("%w: %w", typednats.Errorf(504, "the database is late"), context.DeadlineExceeded)
	g := newGate()
	defer g.open()
	s := start(t, nc, config(), echo.Handle(func(ctx context.Context, in note) (note, error) {
		if in.Text == "late" {
			return in, late
		}
		g.entered <- in
		return untilTheEnd(ctx, in)
	}, typednats.WithObserver(typednats.LogObserver(out.logger()))))
	on := " service=test instance=" + s.ID() + " endpoint=echo subject=echo duration=some"
	exchange(t, nc, "echo", nil, `{"text":"late"}`)
	compare(t, "another context", []string{`level=ERROR msg="request failed"` + on +
		` code=504 error="service error 504: the database is late: context deadline exceeded"` + "\n"}, out.await(t))
	raw := newRawClient(t, nc)
	raw.send("1", "echo", `{}`)
	await(t, g.entered, "the handler")
	_ = s.Stop(cancelled(within(t)))
	_, failure, _ := raw.next()
	compare(t, "reply", "503:the service stopped before the handler was done", failure)
	compare(t, "a stop", []string{`level=ERROR msg="request failed"` + on + ` code=503 error="query: context canceled"` + "\n"},
		out.await(t))
}

// What no interceptor sees.
func TestLogObserverOfRefusals(t *testing.T) {
	t.Parallel()
	var out logged
	nc := typednatstest.Server(t)
	g := newGate()
	defer g.open()
	s := start(t, nc, config(func(c *typednats.ServiceConfig) {
		c.Observers = []typednats.Observer{typednats.LogObserver(out.logger())}
	}), echo.Handle(g.handle, typednats.WithMaxConcurrent(1), typednats.WithMaxPending(0, 0)))
	on := " service=test instance=" + s.ID() + " endpoint=echo subject=echo duration=some"
	exchange(t, nc, "echo", nil, "no JSON")
	compare(t, "undecodable", []string{`level=WARN msg="request refused"` + on +
		` code=400 refused=decode error="service error 400: request cannot be decoded: invalid character 'o' in literal null (expecting 'u')"` + "\n"}, out.await(t))
	raw := newRawClient(t, nc)
	raw.send("runs", "echo", `{}`)
	await(t, g.entered, "the handler")
	raw.send("refused", "echo", `{}`)
	compare(t, "overload", []string{`level=WARN msg="request refused"` + on +
		` code=503 refused=overload error="service error 503: too many requests"` + "\n"}, out.await(t))
}

// The end of a handler's context is not its failure.
func TestLogObserverOfAnImpatientCaller(t *testing.T) {
	t.Parallel()
	var out logged
	nc := typednatstest.Server(t)
	s := start(t, nc, config(), echo.Handle(untilTheEnd, typednats.WithObserver(typednats.LogObserver(out.logger()))))
	reply := exchange(t, nc, "echo", headerOf(typednats.TimeoutHeader, "5"), `{}`)
	mustStop(t, s)
	compare(t, "reply", "504:the time for the request was over before the handler was done", failureOf(reply))
	compare(t, "log", []string{`level=WARN msg="request failed" service=test instance=` + s.ID() +
		` endpoint=echo subject=echo duration=some code=504 error="query: context deadline exceeded"` + "\n"}, out.taken())
}

func TestLogObserverWritesNothingBelowItsLevel(t *testing.T) {
	t.Parallel()
	var out logged
	quiet := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	nc := typednatstest.Server(t)
	s := start(t, nc, config(), echo.Handle(repeat, typednats.WithObserver(typednats.LogObserver(quiet))))
	for _, opt := range []typednats.CallOption{nil, typednats.WithObserver(typednats.LogObserver(nil))} {
		if _, err := typednats.RequestService(within(t), nc, echo, note{}, slices.DeleteFunc([]typednats.CallOption{opt},
			func(o typednats.CallOption) bool { return o == nil })...); err != nil {
			t.Fatal(err)
		}
	}
	mustStop(t, s)
	compare(t, "log", []string{}, out.taken(), cmpopts.EquateEmpty())
}

// The caller, the owner's log, the ErrorHandler and the observer have one id for one error, and another for the next.
func TestErrorIDIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	var ids []string
	for _, text := range []string{"undeclared", "panic", "goexit", "large"} {
		var out logged
		reports, seen := make(reportLog, 1), make(chan string, 1)
		nc := typednatstest.Server(t)
		s := start(t, nc, config(reports.config, func(c *typednats.ServiceConfig) {
			c.Logger = slog.New(slog.NewTextHandler(&out, nil))
			c.Observers = []typednats.Observer{endedBy(func(o *typednats.Observation) { seen <- o.ErrorID })}
		}), echo.Handle(func(ctx context.Context, in note) (note, error) {
			if in.Text == "large" {
				return note{strings.Repeat("x", int(nc.MaxPayload()))}, nil
			}
			return mixed(ctx, in)
		}))
		_, err := typednats.RequestService(within(t), nc, echo, note{text})
		_, id, found := strings.Cut(err.Error(), ", id ")
		if !found || slices.Contains(ids, id) {
			t.Errorf("%s: the caller got %v", text, err)
		}
		ids = append(ids, id)
		compare(t, text+": the observer's", id, await(t, seen, "the observer"))
		compare(t, text+": the ErrorHandler's", id, await(t, reports, "the report").ErrorID)
		stats, _ := s.EndpointStats("echo")
		if !strings.HasSuffix(stats.LastError, ", id "+id) {
			t.Errorf("%s: the last error is %q", text, stats.LastError)
		}
		mustStop(t, s)
		if log := strings.Join(out.taken(), ""); strings.Count(log, " error_id="+id) != 1 {
			t.Errorf("%s: logged %s, want the id %s", text, log, id)
		}
	}
}

// endedBy is an observer of what has ended.
type endedBy func(o *typednats.Observation)

func (endedBy) Start(ctx context.Context, _ *typednats.Observation) context.Context { return ctx }

func (e endedBy) End(_ context.Context, o *typednats.Observation) { e(o) }
