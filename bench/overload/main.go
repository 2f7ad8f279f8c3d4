// Command overload shows what a service makes of more calls than it can serve: with every combination of how long handlers
// take and how long callers wait, and with loads of several kinds. From the module's folder:
//
//	go run ./overload -plots FOLDER
//
// It prints tables in Markdown. It ends with status 1 if less than nine tenths of what is possible is done anywhere, or
// callers are left without an answer, and with status 2 for bad flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
)

// budget is how many calls a second are made at a time, by all loads that run.
const budget = 6000

func main() {
	rig.ServeIfChild()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// settings is what the flags ask for.
type settings struct {
	quick, judge bool
	plots        plot.Folder
}

func run(args []string, stdout, stderr io.Writer) int {
	var s settings
	set := flag.NewFlagSet("overload", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar((*string)(&s.plots), "plots", "", "existing folder for the SVG; none if empty")
	set.BoolVar(&s.quick, "quick", false, "run the smallest form, to see that it works")
	set.BoolVar(&s.judge, "judge", true, "end with status 1 if too little is done")
	if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if err := s.plots.Check(); err != nil || set.NArg() > 0 {
		_, _ = fmt.Fprintf(stderr, "overload: unexpected arguments %q, -plots: %v\n", set.Args(), err)
		return 2
	}
	if err := s.run(context.Background(), stdout); err != nil {
		_, _ = fmt.Fprintf(stderr, "overload: %v\n", err)
		return 1
	}
	return 0
}

func (s settings) run(ctx context.Context, stdout io.Writer) (err error) {
	machine, err := rig.DescribeMachine()
	if err != nil {
		return err
	}
	server, err := rig.StartServer(ctx, rig.ServerOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	handlers := []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second}
	deadlines := []time.Duration{100 * time.Millisecond, time.Second, 5 * time.Second}
	times, warm, count := []float64{1.3, 2, 4, 10}, 4*time.Second, 8*time.Second
	if s.quick {
		handlers, deadlines, times = handlers[:2], deadlines[:1], times[:2]
		warm, count = 100*time.Millisecond, 100*time.Millisecond
	}
	cells := sweep(handlers, deadlines, times, s.quick)
	loads := make([]*load, 0, len(cells))
	for _, c := range cells {
		loads = append(loads, c.load)
	}
	swept, err := runAll(ctx, server.URL(), loads)
	if err != nil {
		return err
	}
	several := kinds(warm, count)
	kept, err := runAll(ctx, server.URL(), several)
	if err != nil {
		return err
	}
	tries := retried(warm, count)
	tried, err := runAll(ctx, server.URL(), tries)
	if err != nil {
		return err
	}
	table, missed := sweepTable(cells, swept, times)
	bursts, err := burstTable(ctx, server.URL(), s.quick)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s\n## Every combination\n\n%s\n## Several kinds\n\n%s\n## Callers that try again\n\n%s\n## Bursts\n\n%s",
		machine.Markdown(), table.Markdown(), kindsTable(several, kept).Markdown(), retriedTable(tries, tried).Markdown(), bursts.Markdown())
	if err != nil {
		return err
	}
	if err := s.plots.Write("overload", plot.Figure{Charts: charts(cells, swept)}); err != nil {
		return err
	}
	if len(missed) > 0 && s.judge && !s.quick {
		return fmt.Errorf("too little is done: %s", strings.Join(missed, "; "))
	}
	return nil
}

// runAll runs loads, as many at a time as the processors can bear.
func runAll(ctx context.Context, url string, loads []*load) ([]*outcome, error) {
	outcomes, errs := make([]*outcome, len(loads)), make([]error, len(loads))
	var (
		mu      sync.Mutex
		ended   = sync.NewCond(&mu)
		now     float64 // calls a second
		running sync.WaitGroup
	)
	for i, l := range loads {
		rate := l.rate()
		mu.Lock()
		for now > 0 && now+rate > budget {
			ended.Wait()
		}
		now += rate
		mu.Unlock()
		running.Go(func() {
			outcomes[i], errs[i] = l.run(ctx, url)
			mu.Lock()
			now -= rate
			mu.Unlock()
			ended.Broadcast()
		})
	}
	running.Wait()
	return outcomes, errors.Join(errs...)
}
