//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
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

// TestTerminatedWhileAHandlerRuns sends the real signal to a real process.
func TestTerminatedWhileAHandlerRuns(t *testing.T) {
	t.Parallel()
	srv := typednatstest.RunSocket(t)
	nc := srv.Connect(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(answer) })
	other := typednats.ServiceConfig{Name: "exchange", Version: "1.0.0"}
	svc, err := typednats.NewService(nc, other, Rate.Handle(func(context.Context, string) (float64, error) {
		close(asked)
		<-answer
		return 1.5, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		release()
		_ = svc.Stop(context.Background())
	}()
	program := start(t, srv.ClientURL())
	program.await(t, "/readyz", http.StatusOK)

	replies := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		reply, err := typednats.RequestService(ctx, nc, Quote, QuoteRequest{Currency: "XAU", Euros: 2})
		if err == nil && reply.Price != 3 {
			t.Errorf("price %v, want 3", reply.Price)
		}
		replies <- err
	}()
	<-asked
	if err := program.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	program.await(t, "/readyz", http.StatusServiceUnavailable)
	program.await(t, "/livez", http.StatusOK)
	awaitNobody(t, nc)
	release()
	if err := <-replies; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if err := program.cmd.Wait(); err != nil {
		t.Errorf("the program: %v, want exit status 0", err)
	}
}

// TestNATSComesLater: the program starts without NATS, and a probe does not have it killed for that.
func TestNATSComesLater(t *testing.T) {
	t.Parallel()
	port, free := occupyPort(t)
	program := start(t, "nats://"+port.String())
	program.await(t, "/livez", http.StatusOK)
	program.await(t, "/readyz", http.StatusServiceUnavailable)
	free()
	srv := typednatstest.RunSocket(t, func(o *server.Options) { o.Port = port.Port })
	program.await(t, "/readyz", http.StatusOK)
	if _, err := srv.Connect(t).Request("$SRV.PING.pricing", nil, patience); err != nil {
		t.Errorf("ping: %v", err)
	}
}

func TestWithoutURL(t *testing.T) {
	t.Parallel()
	if err := run(t.Context(), "", ":0"); err == nil {
		t.Error("it serves without NATS_URL")
	}
}

// process is the program in a process of its own.
type process struct {
	cmd    *exec.Cmd
	probes string // where its page is
}

// start starts the program, and returns once it has its page for probes.
func start(t *testing.T, url string) process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self) //nolint:gosec // this very program
	cmd.Env = append(os.Environ(), runMain+"=1", "NATS_URL="+url, "PROBES=127.0.0.1:0")
	log := &programLog{out: t.Output(), addr: make(chan string, 1)}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // the end of the test's context has killed it, if nothing else has ended it
	select {
	case addr := <-log.addr:
		return process{cmd, "http://" + addr}
	case <-time.After(patience):
		t.Fatal("the program has no page for probes")
		return process{}
	}
}

// programLog passes on what the program logs, and looks for the address of its page.
type programLog struct {
	out  io.Writer
	addr chan string
	text strings.Builder
}

// Write implements [io.Writer].
func (l *programLog) Write(p []byte) (int, error) {
	l.text.Write(p)
	if _, rest, found := strings.Cut(l.text.String(), "probes on "); found {
		if addr, _, whole := strings.Cut(rest, "\n"); whole {
			l.addr <- addr
			l.text.Reset()
		}
	}
	return l.out.Write(p)
}

// await probes until the status comes, as Kubernetes does.
func (p process) await(t *testing.T, path string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	probe := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.probes+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := probe.Do(request)
		if err != nil {
			t.Fatalf("probe %s: %v", path, err)
		}
		_ = response.Body.Close()
		if response.StatusCode == status {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("probe %s: status %d, want %d", path, response.StatusCode, status)
		}
	}
}

// awaitNobody waits until no service takes new requests.
func awaitNobody(t *testing.T, nc *nats.Conn) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	late := time.After(patience)
	for {
		_, err := nc.Request("$SRV.PING.pricing", nil, patience)
		if errors.Is(err, nats.ErrNoResponders) {
			return
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("the service still takes requests: error %v", err)
		}
	}
}

// occupyPort takes a port on which nobody speaks NATS, until free is called.
func occupyPort(t *testing.T) (addr *net.TCPAddr, free func()) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	free = func() { _ = listener.Close(); <-ended }
	t.Cleanup(free)
	addr, _ = listener.Addr().(*net.TCPAddr)
	return addr, free
}
