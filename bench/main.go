// Command bench compares typednats with raw nats.go, with what people write on it by hand, and with RPC without a
// broker. It prints tables in Markdown.
//
//	go run -C bench .
//
// It builds itself twice, as Go does by default and with GOEXPERIMENT=jsonv2, and measures with both.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/typednats/typednats/bench/internal/compare"
	"github.com/typednats/typednats/bench/internal/peer"
	"github.com/typednats/typednats/bench/internal/rig"
)

func main() {
	rig.ServeIfChild()
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case s.json:
		err = measure(ctx, s.Config, stdout)
	default:
		err = measureBuilds(ctx, s.Config, stdout, stderr)
	}
	if err != nil {
		printf(stderr, "bench: %v\n", err)
		return 1
	}
	return 0
}

// settings is what the flags ask for.
type settings struct {
	compare.Config

	json bool
}

// parseFlags tells stderr about what is wrong.
func parseFlags(args []string, stderr io.Writer) (settings, error) {
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(stderr)
	s := settings{Config: compare.Config{
		Systems:  peer.Systems(),
		Bounded:  peer.Bounded(),
		Progress: func(line string) { printf(stderr, "%s\n", line) },
	}}
	set.IntVar(&s.Rounds, "rounds", 7, "how often each system has its turn")
	set.DurationVar(&s.Duration, "duration", 150*time.Millisecond, "how long a system is measured for one figure in a round")
	set.IntVar(&s.Calls, "calls", 1000, "how many calls are made to count allocations")
	quick := set.Bool("quick", false, "one round of 10ms and 100 calls: to see that it works, not to measure")
	only := set.String("only", "", "the systems to compare with raw, by name, separated by commas (default all)")
	set.BoolVar(&s.json, "json", false, "measure with this build alone, and print every value as JSON")
	if err := set.Parse(args); err != nil {
		return settings{}, err
	}
	if *quick {
		s.Rounds, s.Duration, s.Calls = 1, 10*time.Millisecond, 100
	}
	if *only != "" {
		s.Only = strings.Split(*only, ",")
	}
	bad := s.Validate()
	if set.NArg() > 0 {
		bad = fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	if bad != nil {
		printf(stderr, "bench: %v\n", bad)
		set.Usage()
		return settings{}, bad
	}
	return s, nil
}

// measure measures with this build.
func measure(ctx context.Context, cfg compare.Config, stdout io.Writer) (err error) {
	server, err := rig.StartServer(ctx, rig.ServerOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	cfg.URL = server.URL()
	result, err := compare.Run(ctx, cfg)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(result)
}

// printf prints to one of the standard streams. There is nobody to tell if that fails.
func printf(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}
