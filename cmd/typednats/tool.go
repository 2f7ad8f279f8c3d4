package main

import (
	"io"
	"time"
)

// tool is one run of the command: where it reads and writes, and what its global flags say.
type tool struct {
	stdin  io.Reader
	stdout *output
	stderr io.Writer
	getenv func(string) string

	global globalFlags
	begun  bool // the arguments were understood: what goes wrong from now on is no mistake in them
}

// globalFlags are those of all commands.
type globalFlags struct {
	server, context, creds, nkey string
	timeout                      time.Duration
	json, verbose                bool
	color                        string
}

func newTool(stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) *tool {
	return &tool{stdin: stdin, stdout: &output{Writer: stdout}, stderr: stderr, getenv: getenv}
}
