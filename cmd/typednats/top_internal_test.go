//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/term"

	"github.com/typednats/typednats/cmd/typednats/internal/terminal"
)

// onTerminal is the command on a terminal.
type onTerminal struct {
	t       *testing.T
	cmd     *exec.Cmd
	control *os.File // what a person does and sees
	tty     *os.File
	before  *term.State // of the terminal

	mu   sync.Mutex
	out  []byte
	more chan struct{} // something was written
	read chan struct{} // nothing will be
}

func startOnTerminal(t *testing.T, s *shell, args ...string) *onTerminal {
	t.Helper()
	control, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	o := &onTerminal{t: t, control: control, tty: tty, more: make(chan struct{}, 1), read: make(chan struct{})}
	o.resize(160, 24)
	if o.before, err = term.GetState(int(tty.Fd())); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	o.cmd = exec.CommandContext(ctx, filepath.Join(binDir, "typednats"), args...) //nolint:gosec // it is what is tested
	o.cmd.Stdin, o.cmd.Stdout, o.cmd.Stderr = tty, tty, tty
	o.cmd.Env = s.env
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := o.cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() {
		defer close(o.read)
		buf := make([]byte, 4096)
		for {
			n, err := control.Read(buf)
			o.mu.Lock()
			o.out = append(o.out, buf[:n]...)
			o.mu.Unlock()
			select {
			case o.more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		if o.cmd.ProcessState == nil {
			_ = o.cmd.Wait()
		}
		_ = tty.Close()
		<-o.read
		_ = control.Close()
	})
	return o
}

func (o *onTerminal) resize(width, height uint16) {
	o.t.Helper()
	if err := pty.Setsize(o.control, &pty.Winsize{Cols: width, Rows: height}); err != nil {
		o.t.Fatal(err)
	}
}

func (o *onTerminal) press(keys string) {
	o.t.Helper()
	if _, err := io.WriteString(o.control, keys); err != nil {
		o.t.Fatal(err)
	}
}

var styles = regexp.MustCompile(`\x1b\[[0-9;?]*[a-zA-Z]`)

// frame returns the lines of the last whole screen that was drawn.
func (o *onTerminal) frame() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	end := bytes.LastIndex(o.out, []byte(terminal.ClearBelow))
	if end < 0 {
		return nil
	}
	begin := bytes.LastIndex(o.out[:end], []byte(terminal.Home))
	return strings.Split(styles.ReplaceAllString(string(o.out[begin:end]), ""), "\r\n")
}

// all returns all that was written.
func (o *onTerminal) all() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.out)
}

// await waits for a screen.
func (o *onTerminal) await(what string, is func(lines []string) bool) {
	o.t.Helper()
	deadline := time.After(30 * time.Second)
	for !is(o.frame()) {
		select {
		case <-o.more:
		case <-deadline:
			o.t.Fatalf("no screen with %s; the last one is:\n%s", what, strings.Join(o.frame(), "\n"))
		}
	}
}

func has(text string) func([]string) bool {
	return func(lines []string) bool { return strings.Contains(strings.Join(lines, "\n"), text) }
}

// ended waits for the end of the command, and checks that the terminal is as it was.
func (o *onTerminal) ended(code int) {
	o.t.Helper()
	err := o.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != code) {
		o.t.Errorf("it ended with %v, want %d", err, code)
	}
	after, err := term.GetState(int(o.tty.Fd()))
	if err != nil {
		o.t.Fatal(err)
	}
	if *o.before != *after {
		o.t.Error("the terminal is not as it was")
	}
	o.await("its end", func([]string) bool { return o.hasLeft() })
}

// hasLeft reports whether the last that was written is the end of the screen.
func (o *onTerminal) hasLeft() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.HasSuffix(o.out, []byte(terminal.LeaveScreen))
}

func TestTopOnTerminal(t *testing.T) {
	t.Parallel()
	s := startFleet(t)
	o := startOnTerminal(t, s, "top", "--interval", "300ms")
	o.await("the endpoints", func(lines []string) bool {
		return has("3 instances, 11 endpoints")(lines) && has("warehouse.reserve")(lines) && has("sorted by name")(lines)
	})
	for range 5 {
		if shown, code := s.run(t, `typednats call warehouse.reserve '{"item":"gear","quantity":1}'`); code != 1 {
			t.Fatal(shown)
		}
	}
	o.await("the calls", has(`404:unknown item "gear"`))
	o.press("e")
	o.await("the endpoint with most errors", has("sorted by errors"))
	o.press("r")
	o.await("the endpoint with most requests", has("sorted by requests"))
	o.press("l")
	o.await("the slowest endpoint", has("sorted by latency"))
	o.press("n")
	o.resize(40, 8)
	fits := func(lines []string) bool {
		for _, line := range lines {
			if len(line) > 40 {
				return false
			}
		}
		return len(lines) <= 8
	}
	o.await("the smaller size", func(lines []string) bool {
		return fits(lines) && has("8 more; scroll")(lines) && has("legacy     fail")(lines)
	})
	o.press("\x1b[B\x1b[B")
	o.await("rows below", func(lines []string) bool {
		return fits(lines) && !has("legacy     fail")(lines) && !has("legacy     greet")(lines)
	})
	o.press(strings.Repeat("j", 30))
	o.await("the last rows", func(lines []string) bool {
		return fits(lines) && has("warehouse  status")(lines) && has("8 more")(lines)
	})
	o.press(strings.Repeat("k", 8))
	o.await("rows above", has("legacy     fail"))
	o.press("q")
	o.ended(exitOK)
}

func TestTopEnds(t *testing.T) {
	t.Parallel()
	s := startFleet(t)
	for name, end := range map[string]func(o *onTerminal){
		"Ctrl-C":  func(o *onTerminal) { o.press("\x03") },
		"SIGTERM": func(o *onTerminal) { _ = o.cmd.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOnTerminal(t, s, "top")
			o.await("anything", has("typednats top"))
			end(o)
			o.ended(exitOK)
		})
	}
	o := startOnTerminal(t, s, "top", "--count", "1", "--interval", "100ms")
	o.ended(exitOK)
}

// TestTopLosesServer: the table stays, and says what is wrong.
func TestTopLosesServer(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	s := newShell(t, server.ClientURL())
	startMicro(t, connectTo(t, server))
	o := startOnTerminal(t, s, "--timeout", "500ms", "top", "--interval", "100ms")
	o.await("the service", has("1 instances, 5 endpoints"))
	server.Stop()
	o.await("what is wrong", has("no answer: "))
	o.press("q")
	if err := o.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestTopOnDumbTerminal: a terminal that cannot be drawn on gets what a pipe does.
func TestTopOnDumbTerminal(t *testing.T) {
	t.Parallel()
	s := startFleet(t)
	s.env = append(s.env, "TERM=dumb")
	o := startOnTerminal(t, s, "top", "legacy", "--interval", "100ms")
	if err := o.cmd.Wait(); err != nil {
		t.Error(err)
	}
	o.await("the last row", func([]string) bool { return strings.Contains(o.all(), "legacy.text") })
	if strings.Contains(o.all(), "\x1b") {
		t.Errorf("it was drawn: %q", o.all())
	}
}

func TestTopIntoPipe(t *testing.T) {
	t.Parallel()
	s := startFleet(t)
	shown, code := s.run(t, "typednats top legacy --interval 100ms --count 2")
	if code != 0 || strings.Contains(shown, "\x1b") {
		t.Fatalf("%d: %q", code, shown)
	}
	const head = "SERVICE  ENDPOINT  SUBJECT         INSTANCES  REQUESTS/S  ERRORS/S  LATENCY  REQUESTS  ERRORS  LAST ERROR\n"
	row := func(name string) string {
		return "legacy   " + name + strings.Repeat(" ", 8-len(name)) + "  legacy." + name + strings.Repeat(" ", 8-len(name)) +
			"         1         0.0       0.0        -         0       0\n"
	}
	table := head + row("fail") + row("greet") + row("headers") + row("status") + row("text")
	if diff := cmp.Diff(table+"\n"+table, shown); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	shown, code = s.run(t, "typednats top --json --interval 100ms --sort requests warehouse")
	var got struct {
		Instances int              `json:"instances"`
		Endpoints []map[string]any `json:"endpoints"`
	}
	if err := json.Unmarshal([]byte(shown), &got); err != nil || code != 0 || got.Instances != 2 || len(got.Endpoints) != 6 {
		t.Errorf("%d, %v: %s", code, err, shown)
	}
	for line, want := range map[string]int{
		"typednats top --sort size": exitUsage, "typednats top --interval 1ms": exitUsage, "typednats top nobody": exitNobody,
	} {
		if shown, code := s.run(t, line); code != want {
			t.Errorf("%s: %d, want %d: %s", line, code, want, shown)
		}
	}
}
