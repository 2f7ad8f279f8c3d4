// Command torture runs services and clients on a cluster of NATS servers, breaks things on purpose, and gives an exact
// account of what became of every call. Everything happens on loopback, and in one process unless the servers are to be
// processes of their own.
//
//	go run ./internal/torture -seconds 20 -seed 1
//	go run ./internal/torture -seconds 20 -seed 1 -servers processes
//
// It ends with status 1 if a promise of the library was broken, and with status 2 for bad flags.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	if conf := os.Getenv(nodeVariable); conf != "" {
		os.Exit(runNode(conf, os.Stdin, os.Stdout, os.Stderr)) //nolint:forbidigo // this is package main, and nothing is deferred
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) //nolint:forbidigo // this is package main, and nothing is deferred
}

// settings is what the flags ask for.
type settings struct {
	length  time.Duration
	seed    uint64
	violent bool // faults that may lose messages, too
	apart   bool // the servers are processes of their own
	workers int
}

// servers is what -servers says.
func (s settings) servers() string {
	if s.apart {
		return serversProcesses
	}
	return serversEmbedded
}

// Values of -faults.
const (
	faultsGentle = "gentle"
	faultsAll    = "all"
)

// Values of -servers.
const (
	serversEmbedded  = "embedded"
	serversProcesses = "processes"
)

func run(args []string, stdout, stderr io.Writer) int {
	s, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	r, err := torture(s, stdout)
	if err != nil {
		printf(stderr, "torture: %v\n", err)
		return 1
	}
	if !r.write(stdout) {
		return 1
	}
	return 0
}

// parseFlags tells stderr about what is wrong.
func parseFlags(args []string, stderr io.Writer) (settings, error) {
	set := flag.NewFlagSet("torture", flag.ContinueOnError)
	set.SetOutput(stderr)
	seconds := set.Int("seconds", 20, "how long to make calls, in seconds")
	seed := set.Uint64("seed", 1, "seed of the faults and of the load")
	faults := set.String("faults", faultsAll, "gentle: what must lose no call; all: also lost nodes and connections")
	servers := set.String("servers", serversEmbedded, "embedded: in this process; processes: each in one of its own")
	workers := set.Int("workers", 48, "how many calls are made at a time")
	if err := set.Parse(args); err != nil {
		return settings{}, err
	}
	var bad error
	switch {
	case set.NArg() > 0:
		bad = fmt.Errorf("unexpected argument %q", set.Arg(0))
	case *seconds < 1:
		bad = fmt.Errorf("-seconds is %d, want at least 1", *seconds)
	case *workers < 1:
		bad = fmt.Errorf("-workers is %d, want at least 1", *workers)
	case *faults != faultsGentle && *faults != faultsAll:
		bad = fmt.Errorf("-faults is %q, want %s or %s", *faults, faultsGentle, faultsAll)
	case *servers != serversEmbedded && *servers != serversProcesses:
		bad = fmt.Errorf("-servers is %q, want %s or %s", *servers, serversEmbedded, serversProcesses)
	}
	if bad != nil {
		printf(stderr, "torture: %v\n", bad)
		set.Usage()
		return settings{}, bad
	}
	return settings{
		length:  time.Duration(*seconds) * time.Second,
		seed:    *seed,
		violent: *faults == faultsAll,
		apart:   *servers == serversProcesses,
		workers: *workers,
	}, nil
}
