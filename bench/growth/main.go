// Command growth measures how the cost of calls and of services grows, up to where it breaks: with callers, the size of
// messages, endpoints, declared errors, instances and interceptors. From the module's folder:
//
//	go run ./growth -plots FOLDER
//
// It prints tables in Markdown. It ends with status 1 if a cost grows faster than it may, and with status 2 for bad
// flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
)

func main() {
	rig.ServeIfChild()
	os.Exit(run(sweeps(), os.Args[1:], os.Stdout, os.Stderr))
}

// settings is what the flags ask for.
type settings struct {
	quick  bool
	plots  plot.Folder // folder, "" for none
	sweeps []sweep
	rounds int
	slice  time.Duration // of one measurement
}

func run(sweeps []sweep, args []string, stdout, stderr io.Writer) int {
	s, err := parseFlags(sweeps, args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	kept, err := s.run(context.Background(), stdout)
	switch {
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "growth: %v\n", err)
		return 1
	case !kept && !s.quick:
		_, _ = fmt.Fprintln(stderr, "growth: a cost grows faster than it may")
		return 1
	}
	return 0
}

// parseFlags tells stderr about what is wrong.
func parseFlags(sweeps []sweep, args []string, stderr io.Writer) (settings, error) {
	s := settings{rounds: 5, slice: 400 * time.Millisecond}
	var names []string
	for _, each := range sweeps {
		names = append(names, each.name)
	}
	set := flag.NewFlagSet("growth", flag.ContinueOnError)
	set.SetOutput(stderr)
	only := set.String("only", "", "sweeps to run, with commas between them: "+strings.Join(names, ", ")+"; all if empty")
	set.StringVar((*string)(&s.plots), "plots", "", "existing folder for one SVG of each sweep; none if empty")
	set.BoolVar(&s.quick, "quick", false, "run the smallest form, to see that it works; growth is not judged")
	if err := set.Parse(args); err != nil {
		return settings{}, err
	}
	var err error
	s.sweeps, err = choose(sweeps, *only)
	if err = errors.Join(err, s.check(set.Args())); err != nil {
		_, _ = fmt.Fprintf(stderr, "growth: %v\n", err)
		set.Usage()
		return settings{}, err
	}
	if s.quick {
		s.rounds, s.slice = 1, 5*time.Millisecond
	}
	return s, nil
}

// check reports what is wrong beside the flags' syntax.
func (s settings) check(rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q", rest[0])
	}
	if err := s.plots.Check(); err != nil {
		return fmt.Errorf("-plots: %w", err)
	}
	return nil
}

// choose returns the sweeps whose names are given, with commas between them.
func choose(all []sweep, names string) ([]sweep, error) {
	if names == "" {
		return all, nil
	}
	var chosen []sweep
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(one sweep) bool { return one.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only: there is no sweep %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// run runs the sweeps and reports whether every cost grows as it may.
func (s settings) run(ctx context.Context, stdout io.Writer) (kept bool, err error) {
	machine, err := rig.DescribeMachine()
	if err != nil {
		return false, err
	}
	if _, err := fmt.Fprintln(stdout, machine.Markdown()); err != nil {
		return false, err
	}
	kept, laws := true, 0
	for _, each := range s.sweeps {
		r, err := each.run(ctx, s)
		if err != nil {
			return false, fmt.Errorf("%s: %w", each.name, err)
		}
		if _, err := fmt.Fprintf(stdout, "## %s\n\n%s\n", each.title, r.markdown(!s.quick)); err != nil {
			return false, err
		}
		kept, laws = kept && r.kept(), laws+len(r.laws)
		if err := s.plots.Write(each.name, r.figure); err != nil {
			return false, err
		}
	}
	if kept && !s.quick {
		_, err = fmt.Fprintf(stdout, "All %d costs grow as they may.\n", laws)
	}
	return kept, err
}

// points are the places of a sweep: all of them, or the first two if it is to be quick.
func (s settings) points(all ...int) []int {
	if s.quick {
		return all[:2]
	}
	return all
}
