package table

import (
	"fmt"
	"math"
	"strconv"
)

// Unit is what a figure counts, and whether more of it is better.
type Unit int

// The units of the table. Times are in seconds, sizes in bytes.
const (
	Seconds        Unit = iota // a time, wall or CPU: less is better
	Bytes                      // memory: less is better
	PerSecond                  // operations per second: more is better
	BytesPerSecond             // throughput: more is better
)

// MoreIsBetter says which way the unit is read.
func (u Unit) MoreIsBetter() bool { return u == PerSecond || u == BytesPerSecond }

// Format writes v with three significant digits and the unit that suits its
// size.
func (u Unit) Format(v float64) string {
	switch u {
	case Seconds:
		return formatTime(v)
	case Bytes:
		return digits(v/1e6) + " MB"
	case BytesPerSecond:
		return digits(v/1e6) + " MB/s"
	default:
		return digits(v) + "/s"
	}
}

func formatTime(seconds float64) string {
	switch {
	case seconds < 1e-3:
		return digits(seconds*1e6) + " µs"
	case seconds < 1:
		return digits(seconds*1e3) + " ms"
	default:
		return digits(seconds) + " s"
	}
}

// digits writes v with three significant digits, at most three decimals, and a
// comma between thousands.
func digits(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case math.Abs(v) >= 999.5:
		return thousands(int64(math.Round(v/significance(v)) * significance(v)))
	case math.Abs(v) >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) >= 9.995:
		return fmt.Sprintf("%.1f", v)
	case math.Abs(v) >= 0.0995:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

// significance is the worth of the third digit of v.
func significance(v float64) float64 {
	return math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-2)
}

// Count writes a whole number as the table does.
func Count(n int) string { return thousands(int64(n)) }

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
