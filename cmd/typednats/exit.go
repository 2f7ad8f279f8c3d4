package main

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/discovery"
)

// The exit codes, which `typednats --help` lists.
const (
	exitOK         = 0
	exitService    = 1  // the service's error, declared or not, and instances that have different contracts
	exitUsage      = 2  // arguments, files, the output, and what does not fit a schema with --strict
	exitNobody     = 3  // nobody serves it
	exitTimeout    = 4  // no reply in time
	exitConnection = 5  // no connection, or no permission
	exitBreaking   = 6  // check or diff found something, or --check of gen and docs something stale
	exitBug        = 70 // a bug of this command
)

const exitHelp = `Exit codes:
  0   success
  1   the service answered with an error, or gen and docs found instances that contradict each other
  2   usage: wrong arguments, a file that cannot be read or written, input that does not fit with --strict
  3   nobody serves it
  4   no reply in time
  5   no connection, or no permission
  6   check or diff found something that breaks, or --check of gen and docs something stale
  70  a bug of this command`

// failure is an error with the exit code of the command.
type failure struct {
	code int
	err  error
	// shown says that the error was printed already, in the form that the command has for it.
	shown bool
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail returns err as one that ends the command with a code.
func fail(code int, err error) error { return &failure{code: code, err: err} }

// exitCode returns the code that the command ends with because of err.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f.code
	}
	for _, class := range []struct {
		code int
		errs []error
	}{
		{exitUsage, []error{discovery.ErrInvalidArgument}},
		{exitNobody, []error{nats.ErrNoResponders}},
		{exitConnection, []error{
			nats.ErrPermissionViolation, nats.ErrNoServers, nats.ErrDisconnected, nats.ErrConnectionClosed,
			nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrReconnectBufExceeded,
		}},
		{exitTimeout, []error{context.DeadlineExceeded, nats.ErrTimeout, context.Canceled}},
	} {
		for _, target := range class.errs {
			if errors.Is(err, target) {
				return class.code
			}
		}
	}
	return exitBug
}
