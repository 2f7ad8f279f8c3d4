// Package compare measures systems side by side.
//
// Each figure is measured in rounds. In a round all systems take their turn, in another order each time, with runs of a
// reference system in between, so that what disturbs the machine disturbs neighbours alike. A system's ratio in a round
// is its value over the mean of the two runs of the reference next to it.
package compare

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/typednats/typednats/bench/internal/peer"
	"github.com/typednats/typednats/bench/internal/rig"
)

// Config is what is measured, and how long.
type Config struct {
	// URL is that of the NATS server.
	URL string

	// Systems are compared in every figure that they have calls for. [peer.Raw] and [peer.RawGoroutines] are in it.
	Systems []peer.System

	// Bounded are compared with [peer.Raw] in the figure about bounded concurrency.
	Bounded []peer.System

	// Only is the names of the systems that are measured beside the references. Empty means all.
	Only []string

	// Rounds is how often each system has its turn.
	Rounds int

	// Duration is how long a system is measured for one figure in one round.
	Duration time.Duration

	// Calls is how many calls are made to count allocations.
	Calls int

	// Progress is told what happens, a line at a time. nil means that nobody wants to know.
	Progress func(line string)
}

// Validate returns an error that says what cannot be measured.
func (c *Config) Validate() error {
	switch {
	case c.Rounds < 1:
		return fmt.Errorf("rounds is %d, want at least 1", c.Rounds)
	case c.Duration <= 0:
		return fmt.Errorf("duration is %v, want a positive one", c.Duration)
	case c.Calls < 1:
		return fmt.Errorf("calls is %d, want at least 1", c.Calls)
	}
	var names []string
	for _, s := range slices.Concat(c.Systems, c.Bounded) {
		if !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	for _, name := range c.Only {
		if !slices.Contains(names, name) {
			return fmt.Errorf("there is no system %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}

// Payload is the size of the messages.
type Payload string

// The payloads.
const (
	Small Payload = "small"
	Large Payload = "2 KB"
)

// Metric is a figure, with its unit.
type Metric string

// The metrics.
const (
	Sequential10  Metric = "sequential p10, µs" // the 10th percentile of the round trip
	Sequential50  Metric = "sequential p50, µs"
	Throughput64  Metric = "64 callers, calls/s"
	Throughput512 Metric = "512 callers, calls/s"
	CPU           Metric = "CPU, µs"
	Allocations   Metric = "allocations"
	Bytes         Metric = "bytes"
	Blocking      Metric = "blocking handler, calls/s" // 64 callers
	Bounded       Metric = "fast handler, calls/s"     // 64 callers
)

// Series is the values of one metric for one system.
type Series struct {
	Metric  Metric    `json:"metric"`
	Payload Payload   `json:"payload"`
	System  string    `json:"system"`
	Values  []float64 `json:"values"`

	// Ratios is against the reference, one for each round; empty for the reference itself.
	Ratios []float64 `json:"ratios,omitempty"`
}

// Result is everything that was measured.
type Result struct {
	Machine rig.Machine `json:"machine"`
	Config  string      `json:"config"` // in words
	Series  []*Series   `json:"series"`
}

// Find returns a series, or nil if it was not measured.
func (r *Result) Find(m Metric, p Payload, system string) *Series {
	for _, s := range r.Series {
		if s.Metric == m && s.Payload == p && s.System == system {
			return s
		}
	}
	return nil
}

// series returns a series, new if need be.
func (r *Result) series(m Metric, p Payload, system string) *Series {
	if s := r.Find(m, p, system); s != nil {
		return s
	}
	s := &Series{Metric: m, Payload: p, System: system}
	r.Series = append(r.Series, s)
	return s
}

// Run measures. The first failure ends it. The calls get ctx as it is, so one without a deadline, that cannot be
// cancelled either, is what all systems can be compared with.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	machine, err := rig.DescribeMachine()
	if err != nil {
		return nil, err
	}
	stages, err := cfg.stages()
	if err != nil {
		return nil, err
	}
	result := &Result{Machine: machine, Config: cfg.words()}
	for round := range cfg.Rounds {
		if cfg.Progress != nil {
			cfg.Progress(fmt.Sprintf("%s: round %d of %d", machine.Go, round+1, cfg.Rounds))
		}
		for _, s := range stages {
			if err := s.run(ctx, &cfg, round, result); err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return result, nil
}

// words is the configuration for those who read the tables.
func (c *Config) words() string {
	return fmt.Sprintf("Rounds: %d. Each run: %v. %s", c.Rounds, c.Duration, peer.About())
}

// stage is what is measured in one go.
type stage struct {
	name      string
	payload   Payload
	reference peer.System
	systems   []peer.System // without the reference
	awake     bool          // with spinners
	measure   func(context.Context, *Config, *peer.Running) (values, error)
}

// values is what one run gives.
type values map[Metric]float64

// stages returns what there is to do. A stage in which nothing is left to compare with the reference is left out.
func (c *Config) stages() ([]stage, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var stages []stage
	add := func(s stage, reference string, systems []peer.System) error {
		i := slices.IndexFunc(c.Systems, func(s peer.System) bool { return s.Name == reference })
		if i < 0 {
			return fmt.Errorf("%s: there is no %q to compare with", s.name, reference)
		}
		s.reference = c.Systems[i]
		for _, system := range systems {
			if system.Name != reference && (len(c.Only) == 0 || slices.Contains(c.Only, system.Name)) {
				s.systems = append(s.systems, system)
			}
		}
		if len(s.systems) > 0 {
			stages = append(stages, s)
		}
		return nil
	}
	var errs []error
	for _, p := range []Payload{Small, Large} {
		for _, s := range []stage{
			{name: "sequential calls", payload: p, awake: true, measure: sequential(p)},
			{name: "64 callers", payload: p, measure: throughput(p, 64)},
			{name: "512 callers", payload: p, measure: throughput(p, 512)},
			{name: "allocations", payload: p, measure: allocations(p)},
		} {
			errs = append(errs, add(s, peer.Raw, c.Systems))
		}
	}
	errs = append(errs,
		add(stage{name: "blocking handler", payload: Small, measure: blocking}, peer.RawGoroutines, c.Systems),
		add(stage{name: "bounded concurrency", payload: Small, measure: bounded}, peer.Raw, c.Bounded))
	return stages, errors.Join(errs...)
}

// between is how many systems take their turn between two runs of the reference.
const between = 2

// run measures each system once.
func (s *stage) run(ctx context.Context, c *Config, round int, result *Result) (err error) {
	if s.awake {
		spinners, startErr := rig.StartSpinners(ctx)
		if startErr != nil {
			return startErr
		}
		defer func() { err = errors.Join(err, spinners.Close()) }()
	}
	// Each round begins elsewhere, so that nobody is always the first.
	first := round * len(s.systems) / c.Rounds
	order := slices.Concat(s.systems[first:], s.systems[:first])
	before, err := s.once(ctx, c, s.reference)
	if err != nil {
		return err
	}
	s.record(result, s.reference, before)
	for group := range slices.Chunk(order, between) {
		measured := make([]values, len(group))
		for i, system := range group {
			if measured[i], err = s.once(ctx, c, system); err != nil {
				return err
			}
		}
		after, err := s.once(ctx, c, s.reference)
		if err != nil {
			return err
		}
		s.record(result, s.reference, after)
		for i, system := range group {
			s.record(result, system, measured[i])
			for metric, value := range measured[i] {
				series := result.series(metric, s.payload, system.Name)
				series.Ratios = append(series.Ratios, 2*value/(before[metric]+after[metric]))
			}
		}
		before = after
	}
	return nil
}

func (s *stage) record(result *Result, system peer.System, measured values) {
	for metric, value := range measured {
		series := result.series(metric, s.payload, system.Name)
		series.Values = append(series.Values, value)
	}
}

// once starts a system, measures it and ends it.
func (s *stage) once(ctx context.Context, c *Config, system peer.System) (v values, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", system.Name, err)
		}
	}()
	running, err := system.Start(c.URL)
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	defer func() {
		if closeErr := running.Close(); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("close: %w", closeErr))
		}
	}()
	runtime.GC() // what came before is not this system's to clear away
	return s.measure(ctx, c, running)
}
