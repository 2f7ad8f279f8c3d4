package rig

import (
	"math"
	"slices"
)

// Quantile returns the smallest of the samples that a part q of them does not exceed: 0.1 for the 10th percentile.
// Without samples it is NaN. The samples keep their order.
func Quantile(samples []float64, q float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(samples))
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// Median returns the middle of the samples, or the mean of the two that are. Without samples it is NaN.
func Median(samples []float64) float64 {
	if len(samples)%2 == 1 || len(samples) == 0 {
		return Quantile(samples, 0.5)
	}
	sorted := slices.Sorted(slices.Values(samples))
	i := len(sorted) / 2
	return (sorted[i-1] + sorted[i]) / 2
}

// Spread returns the smallest and the largest of the samples. Without samples both are NaN.
func Spread(samples []float64) (smallest, largest float64) {
	return Quantile(samples, 0), Quantile(samples, 1)
}
