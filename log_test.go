package typednats_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

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
			return a
		},
	}))
}

func TestLogInterceptor(t *testing.T) {
	t.Parallel()
	var service, client logged
	bound := echo.Handle(func(ctx context.Context, in note) (note, error) {
		switch in.Text {
		case "busy":
			return note{}, typednats.Errorf(503, "later")
		case "not internal":
			return note{}, typednats.Errorf(499, "no")
		}
		return mixed(ctx, in)
	}, typednats.WithInterceptors(typednats.LogInterceptor(service.logger())))
	const at = " endpoint=echo subject=echo duration=some\n"
	eachWay(t, []typednats.BoundEndpoint{bound}, func(t way) {
		opt := typednats.WithInterceptors(typednats.LogInterceptor(client.logger()))
		for text, want := range map[string]struct{ service, client string }{
			"hello": {`level=INFO msg="request handled"`, `level=INFO msg="call made"`},
			"declared": {
				`level=INFO msg="request handled" code=404 declared=true error="no nut"`,
				`level=INFO msg="call made" code=404 declared=true error="no nut"`,
			},
			"service": {
				`level=WARN msg="request handled" code=403 declared=false error="service error 403: no"`,
				`level=WARN msg="call made" code=403 declared=false error="call \"echo\" at \"echo\": service error 403: no"`,
			},
			"not internal": {
				`level=WARN msg="request handled" code=499 declared=false error="service error 499: no"`,
				`level=WARN msg="call made" code=499 declared=false error="call \"echo\" at \"echo\": service error 499: no"`,
			},
			"busy": {
				`level=ERROR msg="request handled" code=503 declared=false error="service error 503: later"`,
				`level=ERROR msg="call made" code=503 declared=false error="call \"echo\" at \"echo\": service error 503: later"`,
			},
			"undeclared": {
				`level=ERROR msg="request handled" code=500 declared=false error=secret`,
				`level=ERROR msg="call made" code=500 declared=false error="call \"echo\" at \"echo\": service error 500: internal error"`,
			},
		} {
			_, _ = typednats.RequestService(within(t), t.r, echo, note{text}, opt)
			compare(t, text+" on the service", []string{want.service + at}, service.taken())
			compare(t, text+" on the client", []string{want.client + at}, client.taken())
		}
		_, err := typednats.RequestService(within(t), t.r, echo.InSubject("nobody"), note{}, opt)
		compare(t, "a call that nobody answered", []string{
			`level=ERROR msg="call made" code=0 declared=false error="` + strings.ReplaceAll(err.Error(), `"`, `\"`) +
				`" endpoint=echo subject=nobody duration=some` + "\n",
		}, client.taken())
	})
}

func TestLogInterceptorOfAService(t *testing.T) {
	t.Parallel()
	var out logged
	nc := typednatstest.Server(t)
	start(t, nc, config(func(c *typednats.ServiceConfig) {
		c.Interceptors = []typednats.Interceptor{typednats.LogInterceptor(out.logger())}
	}), echo.Handle(repeat))
	if _, err := typednats.RequestService(within(t), nc, echo, note{}); err != nil {
		t.Fatal(err)
	}
	compare(t, "log", []string{`level=INFO msg="request handled" endpoint=echo subject=echo duration=some` + "\n"}, out.taken())
}

// TestLogInterceptorOfAnImpatientCaller has the end of a handler's context, which is not its failure.
func TestLogInterceptorOfAnImpatientCaller(t *testing.T) {
	t.Parallel()
	var out logged
	nc := typednatstest.Server(t)
	s := start(t, nc, config(), echo.Handle(untilTheEnd, typednats.WithInterceptors(typednats.LogInterceptor(out.logger()))))
	reply := exchange(t, nc, "echo", headerOf(typednats.TimeoutHeader, "5"), `{}`)
	mustStop(t, s)
	compare(t, "reply", "504:the time for the request was over before the handler was done", failureOf(reply))
	compare(t, "log", []string{`level=WARN msg="request handled" code=504 declared=false error="query: context deadline exceeded"` +
		" endpoint=echo subject=echo duration=some\n"}, out.taken())
}

func TestLogInterceptorWithoutLogger(t *testing.T) {
	t.Parallel()
	opt := typednats.WithInterceptors(typednats.LogInterceptor(nil))
	eachWay(t, []typednats.BoundEndpoint{echo.Handle(repeat, opt)}, func(t way) {
		if out, err := typednats.RequestService(within(t), t.r, echo, note{"x"}, opt); err != nil || out.Text != "x" {
			t.Errorf("call = %v, %v", out, err)
		}
	})
}
