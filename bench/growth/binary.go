package main

import (
	"bytes"
	"context"
	_ "embed" // the program
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
)

// library is the module whose endpoints the programs have.
const library = "github.com/typednats/typednats"

//go:embed program.tmpl
var programText string

// program is what a program is like.
type program struct {
	Endpoints      []int
	ByHand, Serves bool
}

// kinds are the programs that are built with each number of endpoints.
func kinds() []program {
	return []program{{ByHand: true, Serves: true}, {Serves: true}, {ByHand: true}, {}}
}

// String names a kind.
func (p program) String() string {
	switch {
	case p.ByHand && p.Serves:
		return "served by hand"
	case p.ByHand:
		return "called by hand"
	case p.Serves:
		return "served"
	default:
		return "called"
	}
}

// sweepBinary builds programs with more and more endpoints.
func sweepBinary(ctx context.Context, s settings) (r *report, err error) {
	dir, err := os.MkdirTemp("", "growth")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w := workshop{dir}
	if err := w.prepare(ctx); err != nil {
		return nil, err
	}
	endpoints := s.points(0, 1, 10, 100, 500)
	sizes := make([][]float64, len(kinds()))
	for _, n := range endpoints {
		for i, p := range kinds() {
			for number := range n {
				p.Endpoints = append(p.Endpoints, number)
			}
			size, err := w.build(ctx, p)
			if err != nil {
				return nil, fmt.Errorf("%d endpoints, %v: %w", n, p, err)
			}
			sizes[i] = append(sizes[i], size)
		}
	}
	return binaryReport(endpoints, sizes), nil
}

// binaryReport takes the sizes of programs by kind and number of endpoints, of which the first is 0.
func binaryReport(endpoints []int, sizes [][]float64) *report {
	header := []string{"endpoints"}
	for _, p := range kinds() {
		header = append(header, p.String()+", program", p.String()+", per endpoint")
	}
	table := rig.NewTable(header...)
	added := make([][]float64, len(sizes))
	for i, n := range endpoints {
		row := []string{count(float64(n))}
		for j, size := range sizes {
			added[j] = append(added[j], size[i]-size[0])
			row = append(row, fmt.Sprintf("%.2f MiB", size[i]/(1<<20)))
			if n == 0 {
				row = append(row, "")
				continue
			}
			row = append(row, plot.Bytes(added[j][i]/float64(n)))
		}
		table.Add(row...)
	}
	r := new(report)
	r.sayf("Programs, built with `-ldflags='-s -w'`, that serve or call endpoints with types of their own: a request, a reply " +
		"and an error. By hand is with nats.go and encoding/json alone, and does less: no checks, no bounds, no statistics. " +
		"What users write anyway is counted everywhere: the types and the handler.")
	r.add(table)
	xs := floats(endpoints)
	chart := plot.Chart{
		Title: "What endpoints add to a program",
		X:     plot.Axis{Label: "endpoints"}, Y: plot.Axis{Label: "KiB"},
	}
	for j, p := range kinds() {
		chart.Lines = append(chart.Lines, plot.NewLine(p.String(), xs, kibibytes(added[j])))
		if !p.ByHand {
			r.laws = append(r.laws, law{"What endpoints that are " + p.String() + " add to a program", "endpoints", xs,
				added[j], linear})
		}
	}
	r.figure = plot.Figure{Charts: []plot.Chart{chart}}
	return r
}

// workshop is a folder with a module whose program uses the library as it is here.
type workshop struct{ dir string }

// prepare makes the module from the library's own, so that it has the same versions of everything.
func (w workshop) prepare(ctx context.Context) error {
	out, err := goTool(ctx, "", "list", "-m", "-f", "{{.Dir}}", library)
	if err != nil {
		return err
	}
	source := strings.TrimSpace(string(out))
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(source, name)) //nolint:gosec // it is where the go command says
		if err != nil {
			return err
		}
		//nolint:gosec // the name is one of two
		if err := os.WriteFile(filepath.Join(w.dir, name), content, 0o600); err != nil {
			return err
		}
	}
	_, err = goTool(ctx, w.dir, "mod", "edit", "-module=example.org/growth",
		"-require="+library+"@v0.0.0", "-replace="+library+"="+source)
	return err
}

// build returns the size of a program.
func (w workshop) build(ctx context.Context, p program) (float64, error) {
	text, err := template.New("program").Parse(programText)
	if err != nil {
		return 0, err
	}
	var source bytes.Buffer
	if err := text.Execute(&source, p); err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(w.dir, "main.go"), source.Bytes(), 0o600); err != nil {
		return 0, err
	}
	if _, err := goTool(ctx, w.dir, "build", "-ldflags=-s -w", "-o", "program", "."); err != nil {
		return 0, err
	}
	info, err := os.Stat(filepath.Join(w.dir, "program"))
	if err != nil {
		return 0, err
	}
	return float64(info.Size()), nil
}

// goTool runs the go command in a folder, "" for the current one.
func goTool(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the arguments are ours
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, strings.TrimSpace(complaints.String()))
	}
	return out, nil
}
