//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// patience bounds what should take no time at all, so that a failure is not a hang.
const patience = 30 * time.Second

// runMain in the environment makes the test's program the example's.
const runMain = "EXAMPLE_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// TestMetricsAndLogs: what requests have come to is on the page and in the log, and with the id that a caller got an
// operator finds what the caller was not told.
func TestMetricsAndLogs(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	nc := srv.Connect(t)
	rates := startExchange(t, nc)
	program := start(t, "NATS_URL="+srv.ClientURL())
	program.await(t, "/readyz", http.StatusOK)

	if price, err := ask(t, nc, "USD"); err != nil || price != 3 {
		t.Errorf("quote in USD: %v, %v, want 3", price, err)
	}
	refusal, err := nc.Request(Quote.Subject(), []byte(`{"currency":`), patience)
	if err != nil || refusal.Header.Get("Nats-Service-Error-Code") != "400" {
		t.Errorf("a request that is no JSON: %v, %v, want code 400", refusal, err)
	}
	_, err = ask(t, nc, "LOST")
	id := regexp.MustCompile(`internal error, id (\w+)`).FindStringSubmatch(errorText(err))
	if id == nil {
		t.Fatalf("quote in a currency whose rate is lost: %v, want an internal error with an id", err)
	}
	running := make(chan error, 1)
	go func() { _, err := ask(t, nc, "SLOW"); running <- err }()
	<-rates.asked

	const method, system = `rpc_method="pricing.quote"`, `rpc_system_name="typednats"`
	page := program.awaitMetrics(t,
		`rpc_server_call_duration_seconds_count{`+method+`,rpc_status_code="OK",`+system+`} 1`,
		`rpc_server_call_duration_seconds_count{`+method+`,rpc_status_code="400",`+system+`} 1`,
		`rpc_server_call_duration_seconds_count{error_type="500",`+method+`,rpc_status_code="500",`+system+`} 1`,
		`rpc_server_call_duration_seconds_bucket{`+method+`,rpc_status_code="OK",`+system+`,le="+Inf"} 1`,
		`rpc_client_call_duration_seconds_count{rpc_method="exchange.rate",rpc_status_code="OK",`+system+`} 1`,
		`typednats_server_queue_duration_seconds_count{`+method+`,rpc_status_code="OK",`+system+`} 1`,
		`typednats_server_request_size_bytes_count{`+method+`,rpc_status_code="OK",`+system+`} 1`,
		`typednats_server_active_calls{`+method+`,`+system+`,typednats_service="pricing"} 1`,
		`typednats_server_waiting_calls{`+method+`,`+system+`,typednats_service="pricing"} 0`,
	)
	for _, name := range namesInGuide(t) {
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(page) {
			t.Errorf("the guide asks for %s, which is not on the page", name)
		}
	}
	for _, line := range []logLine{
		{"level": "INFO", "msg": "request answered", "service": "pricing", "subject": "pricing.quote"},
		{"level": "WARN", "msg": "request refused", "code": 400.0, "refused": "decode"},
		{"level": "ERROR", "msg": "request failed", "code": 500.0, "error_id": id[1]},
		{"level": "ERROR", "msg": "typednats: request failed", "endpoint": "quote", "error_id": id[1]},
	} {
		program.awaitLine(t, line)
	}
	rates.release()
	if err := <-running; err != nil {
		t.Errorf("the slow quote: %v", err)
	}
	program.terminate(t)
	program.awaitEnd(t, 0)
}

// TestTerminatedWhileAHandlerRuns sends the real signal to a real process.
func TestTerminatedWhileAHandlerRuns(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	nc := srv.Connect(t)
	rates := startExchange(t, nc)
	program := start(t, "NATS_URL="+srv.ClientURL())
	program.await(t, "/readyz", http.StatusOK)
	program.await(t, "/livez", http.StatusOK)
	running := make(chan error, 1)
	go func() {
		price, err := ask(t, nc, "SLOW")
		if err == nil && price != 3 {
			t.Errorf("price %v, want 3", price)
		}
		running <- err
	}()
	<-rates.asked
	program.terminate(t)
	program.await(t, "/readyz", http.StatusServiceUnavailable)
	program.await(t, "/livez", http.StatusOK)
	awaitNobody(t, nc)
	program.awaitMetrics(t,
		`typednats_server_active_calls{rpc_method="pricing.quote",rpc_system_name="typednats",typednats_service="pricing"} 1`)
	rates.release()
	if err := <-running; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	program.awaitEnd(t, 0)
}

// TestNATSComesLater: the program starts without NATS, and a probe does not have it killed for that.
func TestNATSComesLater(t *testing.T) {
	t.Parallel()
	port, free := occupyPort(t)
	program := start(t, "NATS_URL=nats://"+port.String())
	program.await(t, "/livez", http.StatusOK)
	program.await(t, "/readyz", http.StatusServiceUnavailable)
	program.awaitLine(t, logLine{"level": "WARN", "msg": "NATS is away"})
	free()
	srv := typednatstest.RunSocket(t, func(o *server.Options) { o.Port = port.Port })
	program.await(t, "/readyz", http.StatusOK)
	program.awaitLine(t, logLine{"level": "INFO", "msg": "NATS is there"})
	if _, err := srv.Connect(t).Request("$SRV.PING.pricing", nil, patience); err != nil {
		t.Errorf("ping: %v", err)
	}
}

// TestNATSIsAway: the program outlives NATS, says so, and serves again.
func TestNATSIsAway(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	program := start(t, "NATS_URL="+srv.ClientURL())
	program.await(t, "/readyz", http.StatusOK)
	port := srv.Addr().(*net.TCPAddr).Port
	srv.Shutdown()
	srv.WaitForShutdown()
	program.awaitLine(t, logLine{"level": "WARN", "msg": "NATS is lost"})
	program.await(t, "/readyz", http.StatusServiceUnavailable)
	program.await(t, "/livez", http.StatusOK)
	typednatstest.RunSocket(t, func(o *server.Options) { o.Port = port })
	program.await(t, "/readyz", http.StatusOK)
	program.awaitLines(t, 2, logLine{"level": "INFO", "msg": "NATS is there"})
	program.terminate(t)
	program.awaitEnd(t, 0)
}

// TestCredentialsAreRefused: once the server has refused the credentials twice there is no way back, and the program
// ends, so that it is started again.
func TestCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t, func(o *server.Options) { o.Username, o.Password = "pricing", "old" })
	port := srv.Addr().(*net.TCPAddr).Port
	program := start(t, fmt.Sprintf("NATS_URL=nats://pricing:old@127.0.0.1:%d", port))
	program.await(t, "/readyz", http.StatusOK)
	srv.Shutdown()
	srv.WaitForShutdown()
	typednatstest.RunSocket(t, func(o *server.Options) { o.Port, o.Username, o.Password = port, "pricing", "new" })
	program.awaitEnd(t, 1)
	line := program.awaitLine(t, logLine{"level": "ERROR", "msg": "the program has failed"})
	if text, _ := line["error"].(string); !strings.Contains(text, nats.ErrConnectionClosed.Error()) {
		t.Errorf("error %q, want that the connection is closed", text)
	}
}

// TestLogLevel: warnings do not drown in the lines of what goes well.
func TestLogLevel(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	nc := srv.Connect(t)
	startExchange(t, nc)
	program := launch(t, "NATS_URL="+srv.ClientURL(), "LOG_LEVEL=warn")
	awaitSomebody(t, nc)
	if _, err := ask(t, nc, "USD"); err != nil {
		t.Errorf("quote in USD: %v", err)
	}
	if _, err := nc.Request(Quote.Subject(), []byte(`{`), patience); err != nil {
		t.Errorf("a request that is no JSON: %v", err)
	}
	program.terminate(t)
	program.awaitEnd(t, 0)
	for _, line := range program.log.all() {
		if line["msg"] != "request refused" {
			t.Errorf("a line at %v: %v", line["level"], line)
		}
	}
	program.awaitLine(t, logLine{"level": "WARN", "msg": "request refused"})
}

// TestPageCannotListen: the program ends before anybody sends it a request.
func TestPageCannotListen(t *testing.T) {
	t.Parallel()
	port, _ := occupyPort(t)
	var connections atomic.Int64
	broker, _ := listen(t, func() { connections.Add(1) })
	program := launch(t, "NATS_URL=nats://"+broker.String(), "HTTP_ADDR="+port.String())
	program.awaitEnd(t, 1)
	line := program.awaitLine(t, logLine{"level": "ERROR", "msg": "the program has failed"})
	if text, _ := line["error"].(string); !strings.Contains(text, "the page") || !strings.Contains(text, port.String()) {
		t.Errorf("error %q, want one about the page on %s", text, port)
	}
	if n := connections.Load(); n > 0 {
		t.Errorf("the program has made %d connections to NATS", n)
	}
}

func TestEnvironmentIsWrong(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][2]string{
		"no NATS_URL":  {"NATS_URL=", "NATS_URL is not set"},
		"bad NATS_URL": {"NATS_URL=nats://%", "parse"},
		"no LOG_LEVEL": {"LOG_LEVEL=loud", `LOG_LEVEL: slog: level string "loud"`},
		"no address":   {"HTTP_ADDR=nowhere", "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := launch(t, "NATS_URL=nats://127.0.0.1:4222", env[0])
			program.awaitEnd(t, 1)
			line := program.awaitLine(t, logLine{"level": "ERROR", "msg": "the program has failed"})
			if text, _ := line["error"].(string); !strings.Contains(text, env[1]) {
				t.Errorf("error %q, want %q in it", text, env[1])
			}
		})
	}
}

// exchange is the other service.
type exchange struct {
	asked   chan struct{} // closed when somebody asks for the rate that takes its time
	release func()
}

// startExchange starts the service that the program asks for rates.
func startExchange(t *testing.T, nc *nats.Conn) exchange {
	t.Helper()
	asked, answer := make(chan struct{}), make(chan struct{})
	e := exchange{asked, func() { close(answer) }}
	cfg := typednats.ServiceConfig{Name: "exchange", Version: "1.0.0", Logger: slog.New(slog.DiscardHandler)}
	svc, err := typednats.NewService(nc, cfg, Rate.Handle(func(ctx context.Context, currency string) (float64, error) {
		switch currency {
		case "LOST":
			return 0, errors.New("no rate today")
		case "SLOW":
			close(asked)
			select {
			case <-answer:
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		return 1.5, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = svc.Stop(ctx)
	})
	return e
}

// ask asks the program what two euros are.
func ask(t *testing.T, nc *nats.Conn, currency string) (float64, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	reply, err := typednats.RequestService(ctx, nc, Quote, QuoteRequest{Currency: currency, Euros: 2})
	return reply.Price, err
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// namesInGuide returns the names of metrics and labels of the library in the guide's queries.
func namesInGuide(t *testing.T) []string {
	t.Helper()
	guide, err := os.ReadFile("../../docs/guides/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, block := range regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(string(guide), -1) {
		names = append(names, regexp.MustCompile(`\b(rpc|typednats|process|go|error)_\w+`).FindAllString(block[1], -1)...)
	}
	if len(names) < 10 {
		t.Errorf("the guide's queries have %q, want more", names)
	}
	return names
}

// awaitNobody waits until no service takes new requests.
func awaitNobody(t *testing.T, nc *nats.Conn) {
	t.Helper()
	awaitPing(t, nc, func(err error) bool { return errors.Is(err, nats.ErrNoResponders) })
}

// awaitSomebody waits until a service takes requests.
func awaitSomebody(t *testing.T, nc *nats.Conn) {
	t.Helper()
	awaitPing(t, nc, func(err error) bool { return err == nil })
}

func awaitPing(t *testing.T, nc *nats.Conn, enough func(error) bool) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	late := time.After(patience)
	for {
		_, err := nc.Request("$SRV.PING.pricing", nil, patience)
		if enough(err) {
			return
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("the last ping: %v", err)
		}
	}
}
