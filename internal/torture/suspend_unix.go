//go:build unix

package main

import (
	"os"
	"syscall"
)

// canSuspend reports whether processes can be stopped for a while.
const canSuspend = true

func suspend(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
