//go:build !unix

package main

import (
	"errors"
	"os"
)

// canSuspend reports whether processes can be stopped for a while.
const canSuspend = false

func suspend(*os.Process) error { return errors.ErrUnsupported }

func resume(*os.Process) error { return errors.ErrUnsupported }
