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
		compare(t, name, map[string]any{
			"level": "ERROR", "msg": test.message, "service": "test", "id": s.ID(), "endpoint": test.endpoint,
			"subject": test.subject, "error": test.err,
		}, line)
	}
}
