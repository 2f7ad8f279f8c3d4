package main

import (
	"bufio"
	"context"
	"io"
	"log"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test. No test waits that long unless something is broken.
const patience = 60 * time.Second

func Example_run() {
	if err := run(context.Background(), nil, os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// rpc_client_call_duration_seconds histogram
	// rpc_server_call_duration_seconds histogram
	// target_info gauge
	// typednats_server_active_calls gauge
	// typednats_server_max_calls gauge
	// typednats_server_queue_duration_seconds histogram
	// typednats_server_reply_size_bytes histogram
	// typednats_server_request_size_bytes histogram
	// typednats_server_waiting_calls gauge
}

// Prometheus finds both sides on the page, each ending with its number.
func TestPageIsServed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	running, interrupt := context.WithCancel(ctx)
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(running, []string{"-serve", "127.0.0.1:0"}, write)
		_ = write.Close()
	}()
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("the program says nothing: %v", err)
	}
	url := strings.TrimSpace(strings.TrimPrefix(line, "serving "))
	const server, client = "rpc_server_call_duration_seconds_count", "rpc_client_call_duration_seconds_count"
	const method, system = `rpc_method="stock.*.check"`, `rpc_system_name="typednats"`
	want := []string{
		server + `{` + method + `,rpc_status_code="OK",` + system + `} 2`,
		server + `{` + method + `,rpc_status_code="404",` + system + `,typednats_error_tag="NotFound"} 1`,
		server + `{error_type="500",` + method + `,rpc_status_code="500",` + system + `} 1`,
		client + `{` + method + `,rpc_status_code="OK",` + system + `} 2`,
		client + `{` + method + `,rpc_status_code="404",` + system + `,typednats_error_tag="NotFound"} 1`,
		client + `{error_type="500",` + method + `,rpc_status_code="500",` + system + `} 1`,
		`typednats_server_active_calls{` + method + `,` + system + `,typednats_service="warehouse"} 0`,
		`typednats_server_waiting_calls{` + method + `,` + system + `,typednats_service="warehouse"} 0`,
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for missing := want; len(missing) > 0; { // a service records a request after its reply
		page, err := readPage(ctx, url)
		if err != nil {
			t.Fatalf("%v; the last page lacks %q", err, missing)
		}
		missing = nil
		for _, line := range want {
			if !strings.Contains(page, "\n"+line+"\n") {
				missing = append(missing, line)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the page lacks %q:\n%s", missing, page)
		}
	}
	interrupt()
	if err := <-ended; err != nil {
		t.Errorf("the program ends with %v", err)
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	if err := run(t.Context(), []string{"-serve", "nowhere:none"}, io.Discard); err == nil || !strings.Contains(err.Error(), "serve the page") {
		t.Errorf("run with an address that is none = %v", err)
	}
	if err := run(t.Context(), []string{"-help"}, io.Discard); err != nil {
		t.Errorf("run -help = %v", err)
	}
}
