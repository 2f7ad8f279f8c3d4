// Typednats looks at the services on a NATS system, calls their endpoints and compares their contracts.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // who presses Ctrl-C again ends the process
	code := run(ctx, newTool(os.Stdin, os.Stdout, os.Stderr, os.Getenv), os.Args[1:])
	stop()
	os.Exit(code) //nolint:forbidigo // this is package main, and nothing is deferred
}
