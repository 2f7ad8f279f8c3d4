package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"syscall"
)

// Spinners keep the processors from idling: one thread for each, of the lowest priority, in a process of their own. On
// a virtual machine it can take longer to wake an idle processor than to make a call.
type Spinners struct {
	child *child
}

// StartSpinners returns once they spin. They end with [Spinners.Close], with ctx, and with this process.
func StartSpinners(ctx context.Context) (*Spinners, error) {
	var count int
	// One more than there are processors, so that the goroutine that waits for the end has one.
	c, err := startChild(ctx, &count, []string{fmt.Sprintf("GOMAXPROCS=%d", runtime.NumCPU()+1)}, spinnerJob)
	if err != nil {
		return nil, fmt.Errorf("start spinners: %w", err)
	}
	return &Spinners{child: c}, nil
}

// Close ends them and waits until they have ended. It can be called any number of times.
func (s *Spinners) Close() error { return s.child.stop() }

// spin is the job of the child.
func spin(stdin io.Reader, stdout io.Writer) error {
	const lowest = 19
	count := runtime.NumCPU()
	errs := make(chan error, count)
	for range count {
		go func() {
			runtime.LockOSThread()
			err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, lowest) // on Linux, of this thread alone
			errs <- err
			for err == nil { //nolint:staticcheck // to use the whole processor is what it is for
			}
		}()
	}
	var err error
	for range count {
		err = errors.Join(err, <-errs)
	}
	if err != nil {
		return fmt.Errorf("lower the priority: %w", err)
	}
	return announce(count, stdin, stdout)
}
