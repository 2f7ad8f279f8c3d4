// Package rig is what the benchmark programs measure with: NATS servers in processes of their own, load, processor time,
// allocations and tables.
package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// The first argument of a process that does one of the rig's jobs.
const (
	serverJob  = "rig-nats-server"
	spinnerJob = "rig-spinner"
)

// ServeIfChild does the job of a child and ends the process, if this process is a child that this package started.
// Otherwise it does nothing. Call it first in main and in TestMain: children are the same program again.
func ServeIfChild() {
	var err error
	switch job() {
	case serverJob:
		err = serveNATS(os.Args[2:], os.Stdin, os.Stdout)
	case spinnerJob:
		err = spin(os.Stdin, os.Stdout)
	default:
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// job is what this process was started for; "" if it is no child.
func job() string {
	if len(os.Args) < 2 {
		return ""
	}
	switch name := os.Args[1]; name {
	case serverJob, spinnerJob:
		return name
	default:
		return ""
	}
}

// child is this program again, in a process of its own. It ends when its standard input is closed, so it never outlives
// this process.
type child struct {
	pid  int
	stop func() error
}

// startChild starts a child and decodes the line of JSON that says that it is ready.
func startChild(ctx context.Context, ready any, env []string, args ...string) (*child, error) {
	if job() != "" {
		return nil, errors.New("this process is a child itself: main and TestMain call ServeIfChild first")
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, exe, args...) //nolint:gosec // it is this program
	cmd.Env = append(os.Environ(), env...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, stdin.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, stdin.Close(), stdout.Close())
	}
	stop := sync.OnceValue(func() error {
		_ = stdin.Close() // a child that has ended has closed it, too
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("%s: %w: %s", args[0], err, strings.TrimSpace(complaints.String()))
		}
		return nil
	})
	if err := json.NewDecoder(stdout).Decode(ready); err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not start: %w", args[0], err), stop())
	}
	return &child{pid: cmd.Process.Pid, stop: stop}, nil
}

// announce tells the parent that the child is ready and waits until the parent wants it to end.
func announce(ready any, stdin io.Reader, stdout io.Writer) error {
	if err := json.NewEncoder(stdout).Encode(ready); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	_, err := io.Copy(io.Discard, stdin)
	return err
}
