package table

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		unit Unit
		v    float64
		want string
	}{
		{Seconds, 0.0001404, "140 µs"},
		{Seconds, 0.00000912, "9.12 µs"},
		{Seconds, 0.0149, "14.9 ms"},
		{Seconds, 2.5, "2.50 s"},
		{Bytes, 30.04e6, "30.0 MB"},
		{PerSecond, 71.26, "71.3/s"},
		{PerSecond, 987.4, "987/s"},
		{PerSecond, 40321, "40,300/s"},
		{PerSecond, 999.96, "1,000/s"},
		{BytesPerSecond, 4.8512e9, "4,850 MB/s"},
		{BytesPerSecond, 1234567.8e6, "1,230,000 MB/s"},
		{PerSecond, 0.0456, "0.046/s"},
		{Seconds, math.NaN(), "– s"},
	} {
		if got := c.unit.Format(c.v); got != c.want {
			t.Errorf("%v of unit %d: %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := Count(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestTableShowsMediansRangesAndRatiosByRound(t *testing.T) {
	var table Table
	for _, round := range [][2]float64{{200e-6, 100e-6}, {450e-6, 300e-6}, {180e-6, 100e-6}} {
		table.Add(Measurement{Work: "sign", Unit: Seconds, Value: round[0], Beside: "raw", Limit: round[1]})
		table.Add(Measurement{Work: "sign rate", Unit: PerSecond, Value: 1 / round[0]})
	}
	table.Note("a note")
	table.Note("a note")

	var out strings.Builder
	if err := table.Write(&out); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"work measured beside its figure ratio",
		"sign 200 µs (180–450 µs) raw 100 µs (100–300 µs) 1.80× (1.50–2.00×) ↓",
		"sign rate 5,000/s (2,220–5,560/s) – ↑",
		"a note",
		"",
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), out.String())
	}
	for i := range want {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want[i] {
			t.Errorf("line %d\n got %q\nwant %q", i, got, want[i])
		}
	}
}

func TestRangeKeepsBothUnitsWhereTheyDiffer(t *testing.T) {
	cells := figure([]float64{900e-6, 2e-3, 3e-3}, Seconds.Format)
	if cells[1] != "(900 µs–3.00 ms)" {
		t.Errorf("got %q", cells[1])
	}
}

func TestSameWorkBesideTwoPeersIsTwoRows(t *testing.T) {
	var table Table
	table.Add(Measurement{Work: "get", Unit: PerSecond, Value: 4, Beside: "floor", Limit: 8})
	table.Add(Measurement{Work: "get", Unit: PerSecond, Value: 4, Beside: "peer", Limit: 2})
	var out strings.Builder
	if err := table.Write(&out); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "\n"); got != 3 {
		t.Errorf("%d lines, want a heading and two rows:\n%s", got, out.String())
	}
	if !strings.Contains(out.String(), "0.50×") || !strings.Contains(out.String(), "2.00×") {
		t.Errorf("ratios are missing:\n%s", out.String())
	}
}

func TestColumnsAlign(t *testing.T) {
	var table Table
	table.Add(Measurement{Work: "short", Unit: Seconds, Value: 1e-6, Beside: "µµ", Limit: 1e-6})
	table.Add(Measurement{Work: "a much longer name", Unit: Seconds, Value: 1e-6, Beside: "peer", Limit: 1e-6})
	var out strings.Builder
	if err := table.Write(&out); err != nil {
		t.Fatal(err)
	}
	column := -1
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n")[1:] {
		runes := []rune(line)
		at := strings.Index(string(runes), "×")
		at = len([]rune(line[:at]))
		if column >= 0 && at != column {
			t.Errorf("ratios do not align:\n%s", out.String())
		}
		column = at
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestWriteReportsErrors(t *testing.T) {
	var table Table
	table.Add(Measurement{Work: "get", Unit: PerSecond, Value: 1})
	if err := table.Write(brokenWriter{}); err == nil {
		t.Error("a failed write went unnoticed")
	}
}
