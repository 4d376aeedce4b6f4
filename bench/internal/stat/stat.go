// Package stat summarises figures that were measured once per round.
//
// The median is what a table shows: on a shared machine a round can be disturbed
// and a mean would carry that into the result. The range says how much.
package stat

import (
	"math"
	"slices"
	"time"
)

// Series is one figure, measured once in each round, in the order of rounds.
type Series []float64

// Median is the middle value, the mean of the two middle ones of an even
// number, and NaN for an empty series.
func (s Series) Median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Range is the least and the greatest value, NaN twice for an empty series.
func (s Series) Range() (least, greatest float64) {
	if len(s) == 0 {
		return math.NaN(), math.NaN()
	}
	return slices.Min(s), slices.Max(s)
}

// Ratios divides s by other round by round. What disturbed a round disturbed
// both of its figures, so these vary less than the figures do. Both series must
// have the same length.
func (s Series) Ratios(other Series) Series {
	ratios := make(Series, len(s))
	for i := range s {
		ratios[i] = s[i] / other[i]
	}
	return ratios
}

// Quantile is the nearest-rank quantile q, above 0 and at most 1, of durations
// in ascending order; zero if there are none.
func Quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}
