package process

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain is also the program that the tests start: asServer holds the address
// that it serves on.
const asServer = "BENCH_TEST_SERVE"

func TestMain(m *testing.M) {
	if address := os.Getenv(asServer); address != "" {
		fmt.Println("the test server starts")
		http.HandleFunc("/work", func(http.ResponseWriter, *http.Request) { burn(100) })
		http.HandleFunc("/ok", func(http.ResponseWriter, *http.Request) {})
		fmt.Println(http.ListenAndServe(address, nil))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// burn uses a processor: the more megabytes, the longer, and no less of it where
// others want it, too.
func burn(megabytes int) {
	block := make([]byte, 1<<20)
	for range megabytes {
		sha256.Sum256(block)
	}
}

func startServer(t *testing.T, ctx context.Context) (*Process, string) {
	t.Helper()
	address, err := FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(ctx, append(os.Environ(), asServer+"="+address), os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p, "http://" + address
}

func TestProcessServesAndIsMeasured(t *testing.T) {
	p, url := startServer(t, t.Context())
	took, err := p.AwaitOK(t.Context(), url+"/ok")
	if err != nil {
		t.Fatal(err)
	}
	if took <= 0 {
		t.Errorf("it answered %s after its start", took)
	}
	before, err := p.CPU()
	if err != nil && runtime.GOOS != "linux" {
		t.Skipf("this needs Linux: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get(url + "/work"); err != nil {
		t.Fatal(err)
	}
	after, err := p.CPU()
	if err != nil || after <= before {
		t.Errorf("CPU went from %s to %s, %v", before, after, err)
	}
	if resident, err := p.ResidentBytes(); err != nil || resident < 1<<20 {
		t.Errorf("%v bytes resident, %v", resident, err)
	}
	p.Stop()
	if _, err := http.Get(url + "/ok"); err == nil {
		t.Error("it still answers after Stop")
	}
}

func TestAwaitOKReportsAProgramThatEnds(t *testing.T) {
	p, err := Start(t.Context(), append(os.Environ(), asServer+"=not an address"), os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	_, err = p.AwaitOK(t.Context(), "http://127.0.0.1:1/")
	if err == nil || !strings.Contains(err.Error(), "the test server starts") || !strings.Contains(err.Error(), "has ended: exit status 1") {
		t.Errorf("got %v", err)
	}
}

func TestProcessEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, url := startServer(t, ctx)
	if _, err := p.AwaitOK(ctx, url+"/ok"); err != nil {
		t.Fatal(err)
	}
	if err := p.Explain(errors.New("odd")); !strings.Contains(err.Error(), "odd") || !strings.Contains(err.Error(), "still runs") {
		t.Errorf("got %v", err)
	}
	cancel()
	<-p.done
}

func TestRunGivesOutputAndUsage(t *testing.T) {
	out, usage, err := Command{Program: "sh", Args: []string{"-c", "read a; echo $a $B"}, Env: []string{"B=there"}, Input: "hello\n"}.Run(t.Context())
	if err != nil || out != "hello there\n" || usage.Wall <= 0 {
		t.Errorf("%q, %+v, %v", out, usage, err)
	}
}

func TestRunReportsWhatAFailureWrote(t *testing.T) {
	_, _, err := Command{Program: "sh", Args: []string{"-c", "echo one; echo two >&2; exit 3"}}.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "one") || !strings.Contains(err.Error(), "two") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
}

func TestParseStat(t *testing.T) {
	const line = "42 (a ) name) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 7 8 20 0 9 0 1000 1 2"
	if got, err := parseStat([]byte(line)); err != nil || got != 3*time.Second {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []string{"", "42 (name) S 1 2", strings.Replace(line, "250", "x", 1)} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestPeakBeginsAnew(t *testing.T) {
	p, url := startServer(t, t.Context())
	if _, err := p.AwaitOK(t.Context(), url+"/ok"); err != nil {
		t.Fatal(err)
	}
	resident, err := p.ResidentBytes()
	if err != nil {
		t.Fatal(err)
	}
	peak, err := p.PeakBytes()
	if err != nil || resident <= 0 || peak < resident {
		t.Errorf("a peak of %v after %v were held, %v", peak, resident, err)
	}
	if err := p.ForgetPeak(); err != nil {
		t.Fatal(err)
	}
	if again, err := p.PeakBytes(); err != nil || again <= 0 || again > peak+1<<20 {
		t.Errorf("the peak is %v after %v was forgotten, %v", again, peak, err)
	}
}

func TestParseMemory(t *testing.T) {
	const status = "Name:\tx\nVmHWM:\t  40000 kB\nVmRSS:\t   31234 kB\nRssAnon:\t 1 kB\n"
	for field, want := range map[string]float64{"VmHWM": 40000 * 1024, "VmRSS": 31234 * 1024} {
		if got, err := parseMemory(status, field); err != nil || got != want {
			t.Errorf("%s: %v, %v", field, got, err)
		}
	}
	if _, err := parseMemory("Name:\tzombie\n", "VmRSS"); err == nil {
		t.Error("a status without memory was accepted")
	}
}

func TestThreadCPUCountsWorkAndNotWaiting(t *testing.T) {
	work := ThreadCPU(func() { burn(50) })
	wait := ThreadCPU(func() { time.Sleep(50 * time.Millisecond) })
	if work <= wait {
		t.Errorf("working took %v s of CPU, waiting %v s", work, wait)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var kept tail
	for range 3 {
		kept.Write([]byte(strings.Repeat("x", tailSize)))
	}
	kept.Write([]byte("the end"))
	if s := kept.String(); len(s) != tailSize || !strings.HasSuffix(s, "the end") {
		t.Errorf("kept %d bytes", len(s))
	}
}
