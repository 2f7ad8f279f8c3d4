//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is the program in a process of its own.
type process struct {
	cmd    *exec.Cmd
	page   string // where its page is
	log    *processLog
	stderr *bytes.Buffer // for when it has ended
	ended  chan error
}

// launch starts the program.
func launch(t *testing.T, env ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{
		cmd: exec.CommandContext(t.Context(), self), //nolint:gosec // this very program
		log: &processLog{out: t.Output(), more: make(chan struct{})}, stderr: new(bytes.Buffer), ended: make(chan error, 1),
	}
	p.cmd.Env = append(os.Environ(), append([]string{runMain + "=1", "HTTP_ADDR=127.0.0.1:0", "LOG_LEVEL="}, env...)...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		p.ended <- p.cmd.Wait() // the end of the test's context kills it, if nothing else has ended it
	}()
	t.Cleanup(func() { <-over })
	return p
}

// start starts the program, and returns once it has its page.
func start(t *testing.T, env ...string) *process {
	t.Helper()
	p := launch(t, env...)
	line := p.awaitLine(t, logLine{"level": "INFO", "msg": "the page is there"})
	p.page = "http://" + line["address"].(string)
	return p
}

// terminate sends the program what Kubernetes sends.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// awaitEnd waits for the end of the program, which has written all it had to say as JSON.
func (p *process) awaitEnd(t *testing.T, status int) {
	t.Helper()
	var err error
	select {
	case err = <-p.ended:
	case <-time.After(patience):
		t.Fatal("the program does not end")
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || p.cmd.ProcessState.ExitCode() != status {
		t.Errorf("the program: %v, want exit status %d", err, status)
	}
	if p.stderr.Len() > 0 {
		t.Errorf("what is no line of JSON on stdout: %s", p.stderr)
	}
}

// get reads what is on the page.
func (p *process) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.page+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatalf("get %s: %v", path, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("get %s: %v", path, err)
	}
	return response.StatusCode, string(text)
}

// await probes until the status comes, as Kubernetes does.
func (p *process) await(t *testing.T, path string, status int) {
	t.Helper()
	p.awaitPage(t, path, func(got int, _ string) string {
		if got != status {
			return fmt.Sprintf("status %d, want %d", got, status)
		}
		return ""
	})
}

// awaitMetrics reads the page, as Prometheus does, until all lines are on it: a service measures a request after its
// reply.
func (p *process) awaitMetrics(t *testing.T, lines ...string) (page string) {
	t.Helper()
	return p.awaitPage(t, "/metrics", func(status int, page string) string {
		for _, line := range lines {
			if status != http.StatusOK || !strings.Contains(page, "\n"+line+"\n") {
				return fmt.Sprintf("status %d, want %s in\n%s", status, line, page)
			}
		}
		return ""
	})
}

// awaitPage reads the page until nothing is wrong with it.
func (p *process) awaitPage(t *testing.T, path string, wrong func(status int, body string) string) string {
	t.Helper()
	late := time.After(patience)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		status, body := p.get(t, path)
		mistake := wrong(status, body)
		if mistake == "" {
			return body
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("%s: %s", path, mistake)
		}
	}
}

// awaitLine waits for a line of the log that has all of want, and returns it.
func (p *process) awaitLine(t *testing.T, want logLine) logLine {
	t.Helper()
	return p.awaitLines(t, 1, want)[0]
}

// awaitLines waits for n such lines.
func (p *process) awaitLines(t *testing.T, n int, want logLine) []logLine {
	t.Helper()
	late := time.After(patience)
	for {
		lines, more := p.log.read()
		found := slices.DeleteFunc(slices.Clone(lines), func(line logLine) bool { return !line.has(want) })
		if len(found) >= n {
			return found
		}
		select {
		case <-more:
		case <-late:
			t.Fatalf("the log has %d lines with %v, want %d: %v", len(found), want, n, lines)
		}
	}
}

// logLine is one line of the log.
type logLine map[string]any

func (l logLine) has(want logLine) bool {
	for key, value := range want {
		if l[key] != value {
			return false
		}
	}
	return true
}

// processLog is what the program writes to stdout: lines of JSON.
type processLog struct {
	out io.Writer // gets the same

	mu    sync.Mutex
	rest  []byte // a line that has not ended
	lines []logLine
	more  chan struct{} // closed with the next line
}

// Write implements [io.Writer]. What is no JSON is an error, which the end of the program then is, too.
func (l *processLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		text, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return l.out.Write(p)
		}
		var line logLine
		if err := json.Unmarshal(text, &line); err != nil {
			return 0, err
		}
		l.lines, l.rest = append(l.lines, line), rest
		close(l.more)
		l.more = make(chan struct{})
	}
}

// read returns the lines so far, and what is closed when there are more.
func (l *processLog) read() (lines []logLine, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines), l.more
}

func (l *processLog) all() []logLine {
	lines, _ := l.read()
	return lines
}

// occupyPort takes a port on which nobody speaks NATS, until free is called.
func occupyPort(t *testing.T) (addr *net.TCPAddr, free func()) {
	t.Helper()
	return listen(t, func() {})
}

// listen takes a port, until free is called, and calls accepted for each connection, which it closes.
func listen(t *testing.T, accepted func()) (addr *net.TCPAddr, free func()) {
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
			accepted()
			_ = conn.Close()
		}
	}()
	free = func() { _ = listener.Close(); <-ended }
	t.Cleanup(free)
	addr, _ = listener.Addr().(*net.TCPAddr)
	return addr, free
}
