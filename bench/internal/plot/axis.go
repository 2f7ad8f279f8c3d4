package plot

import (
	"math"
	"slices"
	"strconv"

	"github.com/dustin/go-humanize"
	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

// maxLogTicks is how many ticks a logarithmic axis has before only the powers of ten keep theirs.
const maxLogTicks = 7

// Axis is one axis of a chart. The horizontal one has its ticks where points are, the vertical one at round values: from
// 0 on if it is not logarithmic.
type Axis struct {
	// Label says what is on the axis, with its unit.
	Label string

	// Log makes the axis logarithmic; all values are then above 0.
	Log bool

	// Format writes the value at a tick. nil means [Number].
	Format func(value float64) string
}

// Number writes a value in few characters: 0.5, 4096, 20 k, 1.5 M.
func Number(v float64) string {
	if math.Abs(v) < 10_000 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	return humanize.SIWithDigits(v, 1, "")
}

// Bytes writes a size in few characters: 64 B, 4 KiB, 1 MiB.
func Bytes(v float64) string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	for len(units) > 1 && v >= 1024 {
		v, units = v/1024, units[1:]
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) + " " + units[0]
}

// takes reports whether the value can be on the axis.
func (a Axis) takes(v float64) bool {
	return !math.IsNaN(v) && !math.IsInf(v, 0) && (v > 0 || !a.Log)
}

// applyTo sets up an axis for values between low and high. Without places for the ticks it chooses some.
func (a Axis) applyTo(axis *gonum.Axis, low, high float64, places []float64) {
	styleAxis(axis)
	axis.Label.Text = a.Label
	if a.Log {
		axis.Scale = gonum.LogScale{}
	}
	horizontal := places != nil
	switch {
	case horizontal:
	case a.Log:
		places = ladder(low, high)
		low, high = places[0], places[len(places)-1]
		if len(places) > maxLogTicks {
			places = powersOfTen(low, high)
		}
	default:
		low, high = min(low, 0), max(high, 0)
		if low == high {
			high = 1
		}
		for _, tick := range (gonum.DefaultTicks{}).Ticks(low, high) {
			if !tick.IsMinor() {
				places = append(places, tick.Value)
			}
		}
	}
	if low == high { // a single place, in the middle
		low, high = low/2, high*2
	}
	axis.Min, axis.Max = low, high
	format := a.Format
	if format == nil {
		format = Number
	}
	var ticks []gonum.Tick
	for _, v := range places {
		ticks = append(ticks, gonum.Tick{Value: v, Label: format(v)})
	}
	if horizontal {
		thinOut(*axis, ticks)
	}
	axis.Tick.Marker = gonum.ConstantTicks(ticks)
}

// thinOut takes away labels that would touch the one to the right of them.
func thinOut(axis gonum.Axis, ticks []gonum.Tick) {
	const axisWidth = chartWidth * 4 / 5 // about: the vertical axis takes the rest
	left := vg.Length(math.Inf(1))       // of the label to the right
	for i, tick := range slices.Backward(ticks) {
		center, width := axisWidth*vg.Length(axis.Norm(tick.Value)), axis.Tick.Label.Width(tick.Label)
		if center+width/2+margin/4 > left {
			ticks[i].Label = ""
			continue
		}
		left = center - width/2
	}
}

// ladder returns the numbers of the form 1, 2 and 5 with zeros, from the last that is not above low to the first that is
// not below high.
func ladder(low, high float64) []float64 {
	var rungs []float64
	for exponent := int(math.Floor(math.Log10(low))); ; exponent++ {
		for _, step := range []float64{1, 2, 5} {
			rung := step * math.Pow10(exponent)
			if rung <= low {
				rungs = rungs[:0]
			}
			rungs = append(rungs, rung)
			if rung >= high && len(rungs) > 1 {
				return rungs
			}
		}
	}
}

// powersOfTen returns those between low and high.
func powersOfTen(low, high float64) []float64 {
	var powers []float64
	for exponent := int(math.Ceil(math.Log10(low) - 1e-9)); math.Pow10(exponent) <= high; exponent++ {
		powers = append(powers, math.Pow10(exponent))
	}
	return powers
}
