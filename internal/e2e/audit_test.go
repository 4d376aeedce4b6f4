package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/signer"

	"github.com/sealwright/sealwright/internal/audit"
	"github.com/sealwright/sealwright/internal/audit/audittest"
	"github.com/sealwright/sealwright/internal/store/storetest/pgtest"
)

// signed counts the lines of each signing job.
func signed(t *testing.T, lines []audit.Record) map[string]int {
	t.Helper()
	jobs := map[string]int{}
	for _, r := range lines {
		if r.EventName != "SignPayload" || r.ErrorCode != "" {
			continue
		}
		var detail struct{ JobID string }
		if err := json.Unmarshal(r.AdditionalEventData.Detail, &detail); err != nil || detail.JobID == "" {
			t.Fatalf("a signature without a job: %s %v", r.Line(), err)
		}
		jobs[detail.JobID]++
	}
	return jobs
}

// recorded are the jobs on record, as one line each.
func recorded(t *testing.T, s *service) map[string]int {
	t.Helper()
	jobs := map[string]int{}
	pages := signer.NewListSigningJobsPaginator(s.signer(), &signer.ListSigningJobsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range page.Jobs {
			jobs[*job.JobId] = 1
		}
	}
	return jobs
}

// awaitLines waits until the lines of some directories tell of all jobs on record,
// as often as each may be told of.
func awaitLines(t *testing.T, s *service, most int, directories ...string) {
	t.Helper()
	want := recorded(t, s)
	var got map[string]int
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(50 * time.Millisecond) {
		var lines []audit.Record
		for _, directory := range directories {
			lines = append(lines, audittest.Lines(t, directory)...)
		}
		got = signed(t, lines)
		if len(got) >= len(want) {
			break
		}
	}
	for job, times := range got {
		if times > most {
			t.Errorf("job %s has %d lines", job, times)
		}
		got[job] = 1
	}
	if !maps.Equal(got, want) {
		t.Fatalf("%d jobs are on record, and there are lines of %d", len(want), len(got))
	}
}

// TestAuditAgreesAfterKills kills the service between act, line and entry, over and
// over: jobs, journal, lines and the transparency log then agree, one to one and in
// order.
func TestAuditAgreesAfterKills(t *testing.T) {
	dir, directory := t.TempDir(), filepath.Join(t.TempDir(), "audit")
	flags := []string{"--audit-file", directory, "--audit-file-size", "65536"}
	s := start(t, dir, flags...)
	s.createRepository("app")
	createProfile(t, s, "kill")
	var kept acknowledged
	for round := range killRounds(t) {
		kept.work(t, s, round == 0)
		s = start(t, dir, flags...)
	}
	awaitLines(t, s, 1, directory)
	for i, r := range audittest.Lines(t, directory) { // SQLite's positions have no gaps
		if int(r.JournalPosition) != i+1 {
			t.Fatalf("line %d has position %d", i+1, r.JournalPosition)
		}
	}
	kept.agree(t, s, 1, directory)
	s.stop()
}

// agree checks that jobs, lines and entries of the transparency log are of the same
// signatures, those that were acknowledged among them, once the tailers have caught
// up. A job may have as many lines as most.
func (k *acknowledged) agree(t *testing.T, s *service, most int, directories ...string) {
	t.Helper()
	awaitLines(t, s, most, directories...)
	jobs := recorded(t, s)
	for _, job := range k.jobs {
		if jobs[job] != 1 {
			t.Errorf("job %s was acknowledged and is not on record", job)
		}
	}
	if _, err := s.logged(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.logIsWhole(len(jobs))
	t.Logf("%d signatures were acknowledged; %d have a job, a line and an entry", len(k.jobs), len(jobs))
}

// logIsWhole checks the transparency log, of so many entries.
func (s *service) logIsWhole(entries int) {
	s.t.Helper()
	verify := program(s.t.Context(), "sealwright", append([]string{"log", "verify", "--data", s.dir}, dataFlags(s.command.Args)...)...)
	said, err := verify.CombinedOutput()
	if want := fmt.Sprintf("is whole: %d entries, one for each signing job", entries); err != nil || !strings.Contains(string(said), want) {
		s.t.Errorf("the log: %v: %s, want %q", err, said, want)
	}
}

// TestAuditFollows: what happens while somebody looks is shown once, in order.
func TestAuditFollows(t *testing.T) {
	s := start(t, t.TempDir())
	follow := program(t.Context(), "sealwright", "audit", "--follow", "--output", "json", "--event-name", "CreateRepository")
	follow.Env = s.environ(t.TempDir())
	stdout, err := follow.StdoutPipe()
	if err == nil {
		err = follow.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer follow.Process.Kill()
	in := bufio.NewScanner(stdout)
	for _, name := range []string{"one", "two", "three"} {
		s.createRepository(name)
		if !in.Scan() {
			t.Fatalf("no line: %v", in.Err())
		}
		r, err := audit.ParseLine(in.Bytes())
		if err != nil || len(r.Resources) != 1 || !strings.HasSuffix(r.Resources[0].ARN, "/"+name) {
			t.Fatalf("%s: %s %v", name, in.Bytes(), err)
		}
	}
	if err := follow.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if in.Scan() {
		t.Errorf("another line: %s", in.Bytes())
	}
	if err := follow.Wait(); err != nil {
		t.Errorf("the end: %v", err)
	}
}

// TestAuditOnReplicas: of two replicas one writes lines, and when it is killed the
// other goes on behind what was written.
func TestAuditOnReplicas(t *testing.T) {
	database := pgtest.URL(t)
	a, b, one, two := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "two")
	first := start(t, a, "--database", database, "--blobs", a, "--audit-file", one)
	createProfile(t, first, "kill")
	second := start(t, b, "--database", database, "--blobs", a, "--key-file", a+"/wrapping.key", "--audit-file", two)
	sign := func(replicas ...*service) {
		t.Helper()
		for range 5 {
			for _, s := range replicas {
				if _, err := s.signer().SignPayload(t.Context(), signPayloadInput("kill")); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	sign(first, second)
	awaitLines(t, second, 1, one, two)
	if n := len(audittest.Lines(t, two)); n != 0 {
		t.Errorf("both write: the second has %d lines", n)
	}
	sign(first, second)
	first.kill()
	sign(second)
	awaitLines(t, second, 2, one, two) // twice if the kill came between line and position
	if n := len(audittest.Lines(t, two)); n == 0 {
		t.Error("the second did not take over")
	}
	second.stop()
}
