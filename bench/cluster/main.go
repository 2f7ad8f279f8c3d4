// Command cluster shows what one does past one NATS server, on a cluster of three: more instances of a service, a
// service split over several subjects, and several connections of one program. From the module's folder:
//
//	go run ./cluster -plots FOLDER
//
// It prints tables in Markdown. It ends with status 1 if instances or subjects that are added do not add throughput, and
// with status 2 for bad flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
)

func main() {
	rig.ServeIfChild()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// settings is what the flags ask for.
type settings struct {
	quick  bool
	plots  plot.Folder // folder, "" for none
	rounds int
	slice  time.Duration // of one measurement
}

func run(args []string, stdout, stderr io.Writer) int {
	s, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if err := s.run(context.Background(), stdout); err != nil {
		_, _ = fmt.Fprintf(stderr, "cluster: %v\n", err)
		return 1
	}
	return 0
}

// parseFlags tells stderr about what is wrong.
func parseFlags(args []string, stderr io.Writer) (settings, error) {
	s := settings{rounds: 3, slice: 1500 * time.Millisecond}
	set := flag.NewFlagSet("cluster", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar((*string)(&s.plots), "plots", "", "existing folder for the SVG; none if empty")
	set.BoolVar(&s.quick, "quick", false, "run the smallest form, to see that it works; throughput is not judged")
	if err := set.Parse(args); err != nil {
		return settings{}, err
	}
	if err := s.check(set.Args()); err != nil {
		_, _ = fmt.Fprintf(stderr, "cluster: %v\n", err)
		set.Usage()
		return settings{}, err
	}
	if s.quick {
		s.rounds, s.slice = 1, 20*time.Millisecond
	}
	return s, nil
}

func (s settings) check(rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q", rest[0])
	}
	if err := s.plots.Check(); err != nil {
		return fmt.Errorf("-plots: %w", err)
	}
	return nil
}

// run runs the three parts.
func (s settings) run(ctx context.Context, stdout io.Writer) (err error) {
	machine, err := rig.DescribeMachine()
	if err != nil {
		return err
	}
	c, err := startCluster(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	_, err = fmt.Fprintf(stdout, "%s\nThree NATS servers with routes between them, each a process of its own. They, the services "+
		"and the callers share %d processors of one machine: whatever the processors bound cannot grow here. So the handlers of "+
		"the first two parts wait %v, as if for a database, and each instance runs %d at a time.\n\n",
		machine.Markdown(), runtime.NumCPU(), handlerTime, handlersPerInstance)
	if err != nil {
		return err
	}
	var charts []plot.Chart
	for _, part := range []func(context.Context, settings) (*report, error){
		c.instances, c.partitions, c.connections,
	} {
		r, err := part(ctx, s)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(stdout, "## %s\n\n%s\n%s\n\n", r.title, r.table.Markdown(), r.sentence); err != nil {
			return err
		}
		if r.missed != nil && !s.quick {
			return r.missed
		}
		charts = append(charts, r.chart)
	}
	return s.plots.Write("cluster", plot.Figure{Charts: charts})
}

// report is what a part has found out.
type report struct {
	title, sentence string
	table           *rig.Table
	chart           plot.Chart
	missed          error // what it should have shown and did not
}
