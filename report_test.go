package typednats_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// lines is a log as its lines come.
type lines chan map[string]any

// Write takes one line.
func (l lines) Write(p []byte) (int, error) {
	var line map[string]any
	if err := json.NewDecoder(bytes.NewReader(p)).Decode(&line); err != nil {
		return 0, err
	}
	l <- line
	return len(p), nil
}

func TestReportsAreLoggedWithWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	nc, log := typednatstest.Server(t), make(lines, 16)
	s := start(t, nc, config(func(cfg *typednats.ServiceConfig) {
		cfg.Logger = slog.New(slog.NewJSONHandler(log, nil))
		cfg.StatsHandler = func(string) any { runtime.Goexit(); return nil }
	}), echo.InSubject("echo.*").Handle(func(_ context.Context, in note) (note, error) {
		if in.Text == "panic" {
			panic("boom")
		}
		return note{}, errors.New("secret")
	}))
	for name, test := range map[string]struct {
		subject, body          string
		message, endpoint, err string
		hasStack               bool
	}{
		"undeclared error": {
			subject: "echo.a", body: `{}`, message: "typednats: request failed", endpoint: "echo", err: "secret",
		},
		"panic": {
			subject: "echo.b", body: `{"text":"panic"}`, message: "typednats: request failed", endpoint: "echo",
			err: "panic: boom", hasStack: true,
		},
		"about the service": {
			subject: "$SRV.STATS.test", message: "typednats: service in trouble", err: "the StatsHandler ended its goroutine",
		},
	} {
		if _, err := nc.RequestWithContext(within(t), test.subject, []byte(test.body)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		line := await(t, log, "the line about "+name)
		stack, _ := line["stack"].(string)
		if hasStack := strings.Contains(stack, "report_test.go"); hasStack != test.hasStack {
			t.Errorf("%s: stack %q, want one of the handler: %v", name, stack, test.hasStack)
		}
		delete(line, "stack")
		delete(line, "time")
		if id, _ := line["error_id"].(string); !errorID.MatchString(", id " + id) {
			t.Errorf("%s: the id of the error is %q", name, id)
		}
		delete(line, "error_id")
		compare(t, name, map[string]any{
			"level": "ERROR", "msg": test.message, "service": "test", "instance": s.ID(), "endpoint": test.endpoint,
			"subject": test.subject, "error": test.err,
		}, line)
	}
}

// awkward is what a function of the owner's can do in place of returning. What hangs does so until the test ends.
func awkward(t *testing.T) map[string]func() {
	t.Helper()
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	return map[string]func(){
		"panics": func() { panic("boom") },
		"exits":  runtime.Goexit,
		"hangs":  func() { <-over },
	}
}

// badLog is a log that does something else when it gets a line.
type badLog func()

func (l badLog) Write([]byte) (int, error) {
	l()
	return 0, nil
}

// A Logger that panicked ended the process, and an ErrorHandler that did not return kept the slot of its request.
func TestReportsToFunctionsThatFail(t *testing.T) {
	t.Parallel()
	for does, do := range awkward(t) {
		for place, set := range map[string]func(*typednats.ServiceConfig){
			"Logger": func(cfg *typednats.ServiceConfig) {
				cfg.Logger = slog.New(slog.NewTextHandler(badLog(do), nil))
			},
			"ErrorHandler": func(cfg *typednats.ServiceConfig) {
				cfg.ErrorHandler = func(typednats.ErrorReport) { do() }
			},
			"both": func(cfg *typednats.ServiceConfig) {
				cfg.Logger = slog.New(slog.NewTextHandler(badLog(do), nil))
				cfg.ErrorHandler = func(typednats.ErrorReport) { do() }
			},
		} {
			t.Run(place+" "+does, func(t *testing.T) {
				t.Parallel()
				srv := typednatstest.Run(t)
				nc := srv.Connect(t)
				s := start(t, nc, config(set), echo.Handle(mixed, typednats.WithMaxConcurrent(1)))
				for range 20 {
					if _, err := typednats.RequestService(within(t), nc, echo, note{"undeclared"}); codeOf(err) != "500:internal error" {
						t.Fatalf("call: %v", err)
					}
				}
				if got, err := typednats.RequestService(within(t), nc, echo, note{"ok"}); err != nil {
					t.Errorf("call = %v, %v", got, err)
				}
				mustStop(t, s)
			})
		}
	}
}

// An ErrorHandler that fails in place of a Logger that hangs is told all the same.
func TestErrorHandlerIsToldBesideALoggerThatFails(t *testing.T) {
	t.Parallel()
	for does, do := range awkward(t) {
		if does == "hangs" {
			continue // it holds up its own report
		}
		nc, reports := typednatstest.Server(t), make(reportLog, 1)
		start(t, nc, config(reports.config, func(cfg *typednats.ServiceConfig) {
			cfg.Logger = slog.New(slog.NewTextHandler(badLog(do), nil))
		}), echo.Handle(mixed))
		_, _ = typednats.RequestService(within(t), nc, echo, note{"undeclared"})
		if r := await(t, reports, "the report though the Logger "+does); r.Endpoint != "echo" {
			t.Errorf("report %+v", r)
		}
	}
}

// An ErrorHandler that stopped the service waited for the stop, which waited for its request.
func TestErrorHandlerStopsItsService(t *testing.T) {
	t.Parallel()
	nc, services := typednatstest.Server(t), make(chan *typednats.Service, 1)
	stopped := make(chan error, 1)
	s := start(t, nc, config(func(cfg *typednats.ServiceConfig) {
		cfg.ErrorHandler = func(typednats.ErrorReport) {
			stopped <- (<-services).Stop(context.Background())
		}
	}), echo.Handle(mixed))
	services <- s
	if _, err := typednats.RequestService(within(t), nc, echo, note{"undeclared"}); codeOf(err) != "500:internal error" {
		t.Errorf("call: %v", err)
	}
	if err := await(t, stopped, "the stop"); err != nil {
		t.Errorf("Stop = %v", err)
	}
}

// Reports that nobody takes are bounded, and their number is told by the next one that is.
func TestReportsAreBounded(t *testing.T) {
	t.Parallel()
	nc, log := typednatstest.Server(t), make(lines, 1<<12)
	g := newGate()
	defer g.open()
	start(t, nc, config(func(cfg *typednats.ServiceConfig) {
		cfg.Logger = slog.New(slog.NewJSONHandler(log, nil))
		cfg.ErrorHandler = func(typednats.ErrorReport) { <-g.opened }
	}), echo.Handle(mixed))
	count := goroutines(t)
	raw := newRawClient(t, nc)
	const requests, most = 1500, 1024
	for range requests {
		raw.send("x", "echo", `{"text":"undeclared"}`)
	}
	for range requests {
		raw.next()
	}
	if n := count(); n > most+100 {
		t.Errorf("%d goroutines more", n)
	}
	g.open()
	eventually(t, "the reports to be made", func() bool { return count() < 100 })
	for range most {
		await(t, log, "a line")
	}
	raw.send("x", "echo", `{"text":"undeclared"}`)
	line := await(t, log, "the line after those that were not made")
	compare(t, "reports that were not made", any(float64(requests-most)), line["reports_untold"])
}
