package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := startFleet(t)
	for range 3 {
		s.run(t, "typednats call legacy.fail")
	}
	shown, code := s.run(t, "typednats metrics")
	want := `nats_service_errors_total{service="legacy",version="0.9.0",id="LegacyInstance00000001",endpoint="fail",subject="legacy.fail",queue_group="q"} 3` + "\n"
	if code != 0 || !strings.Contains(shown, want) || !strings.Contains(shown, `nats_service_instances{service="warehouse"} 2`+"\n") {
		t.Errorf("%d: %s", code, shown)
	}
	if shown, code := s.run(t, "typednats metrics --listen nonsense"); code != exitUsage {
		t.Errorf("%d: %s", code, shown)
	}
}

func TestMetricsPage(t *testing.T) {
	t.Parallel()
	s := startFleet(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(binDir, "typednats"), "metrics", "--listen", "127.0.0.1:0") //nolint:gosec // it is what is tested
	cmd.Env = s.env
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url = strings.TrimSpace(url)
	get := func(url string) (int, string, string) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close() //nolint:errcheck // it was read
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header.Get("Content-Type"), string(body)
	}
	for _, requests := range []string{"0", "1"} {
		code, contentType, body := get(url)
		want := `endpoint="text",subject="legacy.text",queue_group="q"} ` + requests
		if code != http.StatusOK || contentType != "text/plain; version=0.0.4; charset=utf-8" || !strings.Contains(body, want) {
			t.Errorf("%d, %s: %s", code, contentType, body)
		}
		s.run(t, "typednats call legacy.text")
	}
	if code, _, _ := get(strings.TrimSuffix(url, "/metrics") + "/other"); code != http.StatusNotFound {
		t.Errorf("another page: %d", code)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
