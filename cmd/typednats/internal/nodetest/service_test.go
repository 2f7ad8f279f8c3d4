package nodetest_test

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
	inventory "github.com/typednats/typednats/examples/inventory/server"
	"github.com/typednats/typednats/examples/inventory/stock"
	"github.com/typednats/typednats/typednatstest"
)

// TestJavaScriptService calls a service in JavaScript from Go.
func TestJavaScriptService(t *testing.T) {
	t.Parallel()
	dir := workspace(t, "service.js")
	pretty(t, dir, "service.js")
	srv := typednatstest.RunSocket(t)
	stderr := startNode(t, dir, "service.js", srv.ClientURL())

	client := typednats.NewClient(srv.Connect(t))
	t.Cleanup(func() { _ = client.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	check := func(sku string) (stock.CheckReply, error) {
		return typednats.RequestService(ctx, client, stock.Check, stock.CheckRequest{SKU: sku})
	}
	got, err := check("chair")
	if diff := cmp.Diff(stock.CheckReply{SKU: "chair", Available: 12}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	_, err = check("süß\nsofa")
	if e, ok := errors.AsType[stock.NotFound](err); !ok || e.ID != "süß\nsofa" {
		t.Errorf("%v, want NotFound", err)
	}
	_, err = check("")
	if e, ok := errors.AsType[stock.InvalidRequest](err); !ok || e.Reason != "is empty" {
		t.Errorf("%v, want InvalidRequest", err)
	}
	for _, tt := range []struct {
		in      any
		options []typednats.CallOption
		want    typednats.ServiceError
	}{
		{in: (*int)(nil), want: typednats.ServiceError{Code: 500, Description: "internal error"}},
		{
			in: "x", options: []typednats.CallOption{typednats.WithCallCodec(msgpack.Codec)},
			want: typednats.ServiceError{
				Code: 415, Description: "content type application/msgpack is not accepted; accepted: application/json", Refused: "codec",
			},
		},
	} {
		_, err := typednats.Request[any, any](ctx, client, stock.Check.Subject(), tt.in, tt.options...)
		e, ok := errors.AsType[*typednats.ServiceError](err)
		if !ok {
			t.Fatalf("%v, want %v", err, tt.want)
		}
		e.Data = nil
		if diff := cmp.Diff(&tt.want, e); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	msg, err := srv.Connect(t).Request(stock.Check.Subject(), []byte("{"), patience)
	if err != nil || msg.Header.Get("Nats-Service-Error-Code") != "400" || msg.Header.Get("Typednats-Refused") != "decode" {
		t.Errorf("%v: %v", err, msg)
	}
	if !strings.HasPrefix(stderr(), "inventory.api.v1.check TypeError") {
		t.Errorf("the error that nobody declared is not told: %s", stderr())
	}
}

// startNode starts a program and waits until it has printed a line. It ends with the test, by SIGTERM. The function that is
// returned waits for its end, and returns what it has said on standard error.
func startNode(t *testing.T, dir, program, url string) (stderr func() string) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "node", program) //nolint:gosec // the tests say what is run
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NATS_URL="+url)
	cmd.WaitDelay = time.Second
	var said strings.Builder
	cmd.Stderr = &said
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end := func() {
		if ended {
			return
		}
		ended = true
		kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		if err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()); err != nil {
			t.Errorf("%s: %v\n%s", program, err, &said)
		}
	}
	t.Cleanup(end)
	ready := make(chan error, 1)
	go func() {
		_, err := bufio.NewReader(stdout).ReadString('\n')
		ready <- err
	}()
	select {
	case err := <-ready:
		if err != nil {
			t.Fatalf("%s: %v\n%s", program, err, &said)
		}
	case <-time.After(patience):
		t.Fatalf("%s does not say that it is ready", program)
	}
	return func() string {
		end()
		return said.String()
	}
}

// TestGuide runs the client of the guide against the service of the example.
func TestGuide(t *testing.T) {
	t.Parallel()
	dir := workspace(t, "guide.ts", "browser.ts", "fake.ts")
	set := inventorySet(t)
	write(t, dir, "inventory.ts", generate(t, "number", set))
	compile(t, dir)
	pretty(t, dir, "inventory.ts", "guide.ts", "browser.ts", "fake.ts")

	srv := typednatstest.RunSocket(t, func(o *server.Options) {
		o.Websocket = server.WebsocketOpts{Host: "127.0.0.1", Port: -1, NoTLS: true}
	})
	store := inventory.NewStore(inventory.Item{SKU: "chair", Site: "berlin", Available: 12}, inventory.Item{SKU: "lamp", Site: "oslo", Available: -3})
	svc, err := inventory.Inventory{Store: store, Logger: slog.New(slog.DiscardHandler)}.Start(srv.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	stopWith(t, svc)
	out, err := run(t, dir, []string{"NATS_URL=" + srv.ClientURL()}, "node", "guide.js")
	if err != nil {
		t.Errorf("%v", err)
	}
	golden(t, "testdata/guide.txt", out)
	out, err = run(t, dir, nil, "node", "fake.js")
	if err != nil || out != "3\nNotFound\n" {
		t.Errorf("without a connection: %v\n%s", err, out)
	}
	// A browser has WebSocket by itself.
	script := "import { available } from './browser.js'; console.log(await available('" + srv.WebsocketURL() + "', 'chair'))"
	out, err = run(t, dir, nil, "node", "--no-warnings", "--experimental-websocket", "--input-type=module", "--eval", script)
	if err != nil || out != "12\n" {
		t.Errorf("over WebSocket: %v\n%s", err, out)
	}
}
