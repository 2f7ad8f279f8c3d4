package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/typednats/typednats/bench/internal/compare"
	"github.com/typednats/typednats/bench/internal/peer"
)

// build is one way to build this program.
type build struct {
	experiment string   // GOEXPERIMENT
	systems    []string // what is measured with it, beside the references
}

// builds are with both implementations of encoding/json. Only some systems can tell them apart.
func builds(systems []peer.System, bounded []peer.System) []build {
	var all []string
	for _, s := range slices.Concat(systems, bounded) {
		all = append(all, s.Name)
	}
	return []build{
		{experiment: "nojsonv2", systems: all},
		{experiment: "jsonv2", systems: []string{"raw again", "hand-written JSON", "typednats JSON"}},
	}
}

// measureBuilds builds this program in each way, measures with each, and prints the tables.
func measureBuilds(ctx context.Context, cfg compare.Config, stdout, stderr io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "typednats-bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, b := range builds(cfg.Systems, cfg.Bounded) {
		if len(cfg.Only) > 0 {
			b.systems = slices.DeleteFunc(b.systems, func(name string) bool { return !slices.Contains(cfg.Only, name) })
		}
		if len(b.systems) == 0 {
			continue
		}
		printf(stderr, "building with GOEXPERIMENT=%s\n", b.experiment)
		program, err := b.program(ctx, dir)
		if err != nil {
			return err
		}
		result, err := b.measure(ctx, program, cfg, stderr)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(stdout, result.Markdown()+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// program builds this program and returns its path.
func (b build) program(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "bench-"+b.experiment)
	const self = "github.com/typednats/typednats/bench"
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", path, self) //nolint:gosec // nobody chose path
	cmd.Env = append(os.Environ(), "GOEXPERIMENT="+b.experiment)
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build with GOEXPERIMENT=%s: %w: %s", b.experiment, err, bytes.TrimSpace(output))
	}
	return path, nil
}

// measure runs a program that was built.
func (b build) measure(ctx context.Context, program string, cfg compare.Config, stderr io.Writer) (*compare.Result, error) {
	cmd := exec.CommandContext(ctx, program, "-json", //nolint:gosec // it was just built
		fmt.Sprintf("-rounds=%d", cfg.Rounds),
		fmt.Sprintf("-duration=%v", cfg.Duration),
		fmt.Sprintf("-calls=%d", cfg.Calls),
		"-only="+strings.Join(b.systems, ","))
	cmd.Stderr = stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("measure with GOEXPERIMENT=%s: %w", b.experiment, err)
	}
	result := new(compare.Result)
	if err := json.Unmarshal(output, result); err != nil {
		return nil, fmt.Errorf("measure with GOEXPERIMENT=%s: %w", b.experiment, err)
	}
	return result, nil
}
