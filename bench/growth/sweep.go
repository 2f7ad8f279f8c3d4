package main

import (
	"context"
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/typednats/typednats/bench/internal/plot"
	"github.com/typednats/typednats/bench/internal/rig"
)

// sweep measures the same at several places.
type sweep struct {
	name  string // for the flag, and for the plot's file
	title string
	run   func(ctx context.Context, s settings) (*report, error)
}

func sweeps() []sweep {
	return []sweep{
		{"callers", "Callers", sweepCallers},
		{"payload", "Size of the message", sweepPayload},
		{"endpoints", "Endpoints of a service", sweepEndpoints},
		{"binary", "Size of the program", sweepBinary},
		{"members", "Declared errors of an endpoint", sweepMembers},
		{"instances", "Instances that answer discovery", sweepInstances},
		{"interceptors", "Interceptors", sweepInterceptors},
	}
}

// report is what a sweep has found out.
type report struct {
	parts  []string // Markdown
	laws   []law
	figure plot.Figure
}

// sayf adds a paragraph.
func (r *report) sayf(format string, args ...any) {
	r.parts = append(r.parts, fmt.Sprintf(format, args...)+"\n")
}

func (r *report) add(t *rig.Table) { r.parts = append(r.parts, t.Markdown()) }

// list adds a sentence with a list below it.
func (r *report) list(sentence string, items []string) {
	r.parts = append(r.parts, sentence+"\n\n- "+strings.Join(items, "\n- ")+"\n")
}

// markdown ends with how things grow, judged if there were enough places to say so.
func (r *report) markdown(judged bool) string {
	var laws strings.Builder
	for _, l := range r.laws {
		if !judged && math.IsNaN(l.exponent()) {
			continue
		}
		fmt.Fprintf(&laws, "- %s%s\n", l, l.verdict(judged))
	}
	return strings.Join(append(r.parts, laws.String()), "\n")
}

// kept reports whether all laws are.
func (r *report) kept() bool {
	for _, l := range r.laws {
		if !l.kept() {
			return false
		}
	}
	return true
}

// The largest exponents that a law allows. They leave room for noise: an exponent of 0.1 is a factor of 1.6 from one
// place to a hundredfold.
const (
	linear = 1.15
	flat   = 0.1
)

// lastPoints is how many places say how something grows in the end. What does not grow says so at all of them.
const lastPoints = 3

// law is a cost at the places of a sweep, and how it may grow.
type law struct {
	what, over string
	xs, ys     []float64
	limit      float64
}

// exponent is the b of y = a x^b, fitted by least squares to the logarithms. A place of 0 has none.
func (l law) exponent() float64 {
	var xs, ys []float64
	for i, x := range l.xs {
		if x > 0 && l.ys[i] > 0 {
			xs, ys = append(xs, math.Log(x)), append(ys, math.Log(l.ys[i]))
		}
	}
	if n := len(xs); l.limit == linear && n > lastPoints {
		xs, ys = xs[n-lastPoints:], ys[n-lastPoints:]
	}
	_, b := stat.LinearRegression(xs, ys, nil, false)
	return b
}

func (l law) kept() bool { return l.exponent() <= l.limit } // and not if it is NaN

// String says what was fitted.
func (l law) String() string {
	return fmt.Sprintf("%s grows as %s^%.2f.", l.what, l.over, l.exponent())
}

func (l law) verdict(judged bool) string {
	shape := "linearly"
	if l.limit == flat {
		shape = "not at all"
	}
	switch {
	case !judged:
		return ""
	case l.kept():
		return fmt.Sprintf(" It may grow %s (at most %v): kept.", shape, l.limit)
	default:
		return fmt.Sprintf(" It may grow %s (at most %v): BROKEN.", shape, l.limit)
	}
}

// floats is for figures whose places were counted.
func floats(places []int) []float64 {
	var all []float64
	for _, n := range places {
		all = append(all, float64(n))
	}
	return all
}
