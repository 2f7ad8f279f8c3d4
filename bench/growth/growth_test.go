package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
)

func TestMain(m *testing.M) {
	rig.ServeIfChild()
	goleak.VerifyTestMain(m)
}

// places are the first cells of the rows of the tables under a heading, table after table.
func places(t *testing.T, markdown string) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	number := regexp.MustCompile(`^[0-9][0-9,.]*`)
	var heading string
	body := false
	for line := range strings.Lines(markdown) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "## "):
			heading = strings.TrimPrefix(line, "## ")
		case !strings.HasPrefix(line, "|"):
			body = false
		case strings.HasPrefix(line, "| --"):
			body = true
		case body:
			cells := strings.Split(strings.Trim(line, "|"), "|")
			all[heading] = append(all[heading], strings.TrimSpace(cells[0]))
			for _, cell := range cells[1:] {
				cell = strings.TrimSpace(cell)
				v, err := strconv.ParseFloat(strings.ReplaceAll(number.FindString(cell), ",", ""), 64)
				noRatio := cell == "" && strings.TrimSpace(cells[0]) == "0" // what is added to nothing
				if !noRatio && (err != nil || v <= 0) {
					t.Errorf("%s: cell %q of %s is not positive", heading, cell, line)
				}
			}
		}
	}
	return all
}

// The smallest form has all tables with all rows, what breaks, and all figures.
func TestQuick(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	if status := run(sweeps(), []string{"-quick", "-plots", dir}, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d: %s\n%s", status, &stderr, &stdout)
	}
	want := map[string][]string{
		"Callers":                         {"1", "4"},
		"Size of the message":             {"64 B", "256 B", "64 B", "256 B"},
		"Endpoints of a service":          {"1", "10", "1", "10"},
		"Size of the program":             {"0", "1"},
		"Declared errors of an endpoint":  {"1", "4"},
		"Instances that answer discovery": {"1", "10"},
		"Interceptors":                    {"0", "1"},
	}
	if diff := cmp.Diff(want, places(t, stdout.String())); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	for _, text := range []string{
		"the endpoint accepts 5 (2 run, 3 wait) and refuses the others at once",
		"`call \"held\" at \"held\": service error 503: too many requests`",
		"a request, typednats JSON: `call \"json\" at \"json\": nats: maximum payload exceeded`",
		"a reply, raw: `nats: timeout`",
		"a reply, typednats: `call \"inflate\" at \"inflate\": service error 500: reply of 1048577 bytes",
		"- A service starts, and answers, with up to ", "With one more NewService returns `start service ",
		"The median latency grows as callers^",
	} {
		if !strings.Contains(stdout.String(), text) {
			t.Errorf("the output lacks %s", text)
		}
	}
	if t.Failed() {
		t.Logf("output:\n%s", &stdout)
	}
	for _, each := range sweeps() {
		svg, err := fs.ReadFile(os.DirFS(dir), each.name+".svg")
		if err != nil {
			t.Error(err)
		}
		if err := xml.Unmarshal(svg, new(struct{})); err != nil {
			t.Errorf("%s: %v", each.name, err)
		}
	}
}

// reporting is a sweep with a ready report.
func reporting(name string, r report) sweep {
	r.figure = plot.Figure{Charts: []plot.Chart{{Lines: []plot.Line{plot.NewLine(name, []float64{1}, []float64{1})}}}}
	return sweep{name, "Title of " + name, func(context.Context, settings) (*report, error) { return &r, nil }}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	xs := []float64{1, 10, 100}
	kept := reporting("kept", report{laws: []law{{"It", "x", xs, xs, linear}}})
	broken := reporting("broken", report{laws: []law{{"It", "x", xs, []float64{1, 100, 10_000}, linear}}})
	failing := sweep{"failing", "", func(context.Context, settings) (*report, error) { return nil, errors.New("no luck") }}
	for name, c := range map[string]struct {
		sweeps         []sweep
		args           []string
		status         int
		stdout, stderr string
	}{
		"all is well": {
			[]sweep{kept, kept}, nil, 0, "All 2 costs grow as they may.", "",
		},
		"a broken law": {
			[]sweep{broken, kept}, nil, 1, "It grows as x^2.00. It may grow linearly (at most 1.15): BROKEN.",
			"growth: a cost grows faster than it may",
		},
		"quick": {
			[]sweep{broken}, []string{"-quick"}, 0, "It grows as x^2.00.\n", "",
		},
		"what was not asked for": {
			[]sweep{broken, kept, failing}, []string{"-only", "kept"}, 0, "## Title of kept", "",
		},
		"a failure": {
			[]sweep{failing, kept}, nil, 1, "", "growth: failing: no luck",
		},
		"help": {
			[]sweep{kept, broken}, []string{"-help"}, 0, "", "sweeps to run, with commas between them: kept, broken; all if empty",
		},
	} {
		var stdout, stderr bytes.Buffer
		if status := run(c.sweeps, c.args, &stdout, &stderr); status != c.status {
			t.Errorf("%s: status %d, want %d", name, status, c.status)
		}
		if !strings.Contains(stdout.String(), c.stdout) {
			t.Errorf("%s: output %s, want %s", name, &stdout, c.stdout)
		}
		if !strings.Contains(stderr.String(), c.stderr) || c.stderr == "" && stderr.Len() > 0 {
			t.Errorf("%s: error %q, want %q", name, &stderr, c.stderr)
		}
	}
}

func TestBadFlags(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		`growth: -only: there is no sweep "nothing"`:         {"-only", "callers,nothing"},
		`growth: -only: there is no sweep ""`:                {"-only", "callers,"},
		`growth: -plots: stat ` + file + `2: no such file`:   {"-plots", file + "2"},
		`growth: -plots: "` + file + `" is not a folder`:     {"-plots", file},
		`growth: unexpected argument "callers"`:              {"callers"},
		`flag provided but not defined: -unknown`:            {"-unknown"},
		`invalid boolean value "perhaps" for -quick`:         {"-quick=perhaps"},
		`growth: unexpected argument "-quick=false"`:         {"-only", "callers", "--", "-quick=false"},
		`flag needs an argument: -plots` + "\nUsage of grow": {"-plots"},
	} {
		var stdout, stderr bytes.Buffer
		if status := run(sweeps(), args, &stdout, &stderr); status != 2 {
			t.Errorf("%q: status %d, want 2", args, status)
		}
		if !strings.HasPrefix(stderr.String(), want) || !strings.Contains(stderr.String(), "Usage of growth") {
			t.Errorf("%q: error %s, want %s and the usage", args, &stderr, want)
		}
		if stdout.Len() > 0 {
			t.Errorf("%q: it ran: %s", args, &stdout)
		}
	}
}

func TestLaws(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		law      law
		exponent float64
		kept     bool
	}{
		"linear":            {law{xs: []float64{1, 10, 100}, ys: []float64{3, 30, 300}, limit: linear}, 1, true},
		"square":            {law{xs: []float64{1, 2, 4}, ys: []float64{1, 4, 16}, limit: linear}, 2, false},
		"in the end only":   {law{xs: []float64{1, 2, 4, 8, 16}, ys: []float64{1, 1, 1, 2, 4}, limit: linear}, 1, true},
		"square in the end": {law{xs: []float64{1, 2, 4, 8, 16}, ys: []float64{1, 1, 1, 4, 16}, limit: linear}, 2, false},
		"from 0 on":         {law{xs: []float64{0, 1, 2, 4}, ys: []float64{5, 1, 2, 4}, limit: linear}, 1, true},
		"constant":          {law{xs: []float64{1, 2, 4, 8}, ys: []float64{5, 5, 5, 5}, limit: flat}, 0, true},
		"not constant":      {law{xs: []float64{1, 16}, ys: []float64{1, 2}, limit: flat}, 0.25, false},
		"falling":           {law{xs: []float64{1, 10}, ys: []float64{10, 1}, limit: flat}, -1, true},
	} {
		if got := c.law.exponent(); got < c.exponent-1e-9 || got > c.exponent+1e-9 {
			t.Errorf("%s: exponent %v, want %v", name, got, c.exponent)
		}
		if got := c.law.kept(); got != c.kept {
			t.Errorf("%s: kept is %v, want %v", name, got, c.kept)
		}
	}
	if (law{xs: []float64{1}, ys: []float64{1}, limit: linear}).kept() {
		t.Error("a single place shows no growth, and the law counts as kept")
	}
}

func TestDocumentsHaveTheirSize(t *testing.T) {
	t.Parallel()
	for _, codec := range []typednats.Codec{json.Codec, msgpack.Codec} {
		for _, size := range []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 1<<20 + 1} {
			d, err := documentOf(codec, size)
			if err != nil {
				t.Fatal(err)
			}
			body, err := codec.Marshal(d)
			if err != nil || len(body) != size {
				t.Errorf("%s: %d bytes and error %v, want %d", codec.ContentType(), len(body), err, size)
			}
		}
	}
	if d, err := documentOf(json.Codec, 3); err == nil {
		t.Errorf("%q has 3 bytes", d)
	}
}

func TestMembersAreDistinct(t *testing.T) {
	t.Parallel()
	declared := allMembers()
	if len(declared) != 64 {
		t.Errorf("%d members, want 64", len(declared))
	}
	if err := typednats.NewEndpoint[question, small, member]("e").FailsWith(declared...).Validate(); err != nil {
		t.Error(err)
	}
	for i, one := range declared {
		for _, other := range declared[i+1:] {
			if errors.Is(one, other) {
				t.Errorf("%T is %T", one, other)
			}
		}
	}
}
