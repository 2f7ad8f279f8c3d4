package main

import (
	"math"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
)

// count writes a whole number.
func count(v float64) string { return humanize.Comma(int64(math.Round(v))) }

// ratio writes a part of another figure.
func ratio(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// digits writes a figure with three digits that matter.
func digits(v float64) string {
	if math.Abs(v) >= 100 {
		return count(v)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// span writes a duration with three digits that matter.
func span(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

// milliseconds is for figures.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// kibibytes is for figures.
func kibibytes(bytes []float64) []float64 {
	var all []float64
	for _, v := range bytes {
		all = append(all, v/1024)
	}
	return all
}
