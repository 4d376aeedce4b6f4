package stat

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestMedianAndRange(t *testing.T) {
	for _, c := range []struct {
		series              Series
		median, least, most float64
	}{
		{Series{7}, 7, 7, 7},
		{Series{9, 1, 5}, 5, 1, 9},
		{Series{4, 1, 3, 2}, 2.5, 1, 4},
		{Series{100, 1, 1, 1, 1}, 1, 1, 100},
	} {
		least, most := c.series.Range()
		if m := c.series.Median(); m != c.median || least != c.least || most != c.most {
			t.Errorf("%v: median %v, range %v to %v; want %v, %v to %v", c.series, m, least, most, c.median, c.least, c.most)
		}
	}
}

func TestMedianLeavesTheSeriesInOrder(t *testing.T) {
	s := Series{3, 1, 2}
	s.Median()
	if !slices.Equal(s, Series{3, 1, 2}) {
		t.Errorf("the series became %v", s)
	}
}

func TestEmptySeriesHasNoFigures(t *testing.T) {
	least, greatest := Series(nil).Range()
	if !math.IsNaN(Series(nil).Median()) || !math.IsNaN(least) || !math.IsNaN(greatest) {
		t.Error("an empty series has a figure")
	}
}

func TestRatiosAreByRound(t *testing.T) {
	if got := (Series{2, 9}).Ratios(Series{1, 3}); !slices.Equal(got, Series{2, 3}) {
		t.Errorf("got %v", got)
	}
}

func TestQuantileIsNearestRank(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, c := range []struct {
		of   []time.Duration
		q    float64
		want time.Duration
	}{
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
		{hundred, 0.001, 1},
		{[]time.Duration{5}, 0.5, 5},
		{[]time.Duration{5, 6}, 0.5, 5},
		{nil, 0.5, 0},
	} {
		if got := Quantile(c.of, c.q); got != c.want {
			t.Errorf("quantile %v of %d values: %d, want %d", c.q, len(c.of), got, c.want)
		}
	}
}
