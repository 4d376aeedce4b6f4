package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/rogpeppe/go-internal/testscript"
)

// loggedCommand waits until the newest signing job is in the transparency log,
// and names it.
func loggedCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: logged VARIABLE")
	}
	job, err := (*ts.Value(serviceKey{}).(**service)).logged(context.Background())
	ts.Check(err)
	ts.Setenv(args[0], job)
}

// logged waits until the newest signing job has a proof, and returns the job.
func (s *service) logged(ctx context.Context) (string, error) {
	jobs, err := s.signer().ListSigningJobs(ctx, &signer.ListSigningJobsInput{MaxResults: aws.Int32(1)})
	if err != nil {
		return "", err
	}
	job := *jobs.Jobs[0].JobId
	for range 600 { // a minute
		prove := program(ctx, "sealwright", "signer", "prove", "--endpoint", s.url, "arn:aws:signer:us-east-1:"+account+":/signing-jobs/"+job)
		if err = prove.Run(); err == nil {
			return job, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return "", fmt.Errorf("job %s is not in the log: %w", job, err)
}

// TestTamperedLog changes the log behind the service's back, in all the ways that
// hide a signature: the check that needs no service says what was done.
func TestTamperedLog(t *testing.T) {
	sc := newScene(t)
	for range 4 {
		sc.sign(sc.image)
	}
	if _, err := sc.logged(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(t.TempDir(), "kept")
	checkpoint, err := program(t.Context(), "sealwright", "log", "checkpoint", "--endpoint", sc.url).Output()
	if err == nil {
		err = os.WriteFile(kept, checkpoint, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := sc.end(); err != nil {
		t.Fatal(err)
	}
	verify := func() string {
		said, err := program(t.Context(), "sealwright", "log", "verify", "--data", sc.dir, "--checkpoint", kept).CombinedOutput()
		if (err == nil) != strings.Contains(string(said), "is whole: 5 entries, one for each signing job") {
			t.Errorf("%v: %s", err, said)
		}
		return string(said)
	}
	records, err := sql.Open("sqlite", filepath.Join(sc.dir, "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	var job string
	if err := records.QueryRow(`SELECT job FROM log_records WHERE number = 2`).Scan(&job); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ tamper, says string }{
		"untouched":                             {`UPDATE log SET size = size`, "is whole"},
		"entry removed":                         {`DELETE FROM log_records WHERE number = 2`, "job " + job + " of account " + account + " has no entry, though the journal has it"},
		"entry changed":                         {`UPDATE log_records SET entry = (SELECT entry FROM log_records WHERE number = 1) WHERE number = 2`, "entry 2 is not what job " + job},
		"entries moved":                         {`UPDATE log_records SET number = -1 WHERE number = 2; UPDATE log_records SET number = 2 WHERE number = 3; UPDATE log_records SET number = 3 WHERE number = -1`, "job " + job + " has entry 3, and by the journal's order should have entry 2"},
		"job changed":                           {`UPDATE jobs SET payload_digest = 'ff' WHERE id = '` + job + `'`, "entry 2 is not what job " + job},
		"job removed":                           {`DELETE FROM jobs WHERE id = '` + job + `'`, "entry 2 is of job " + job},
		"job removed, as if its time were over": {`DELETE FROM jobs WHERE id = '` + job + `'; UPDATE log_records SET expires_at = 1 WHERE number = 2`, "entry 2 is not what job " + job},
		"job and entry removed, and the rest moved up": {`DELETE FROM jobs WHERE id = '` + job + `'; DELETE FROM log_records WHERE number = 2; UPDATE log_records SET number = number - 1 WHERE number > 2`, "job " + job + " of account " + account + " has no entry, though the journal has it"},
		"all of it removed":                            {`DELETE FROM jobs WHERE id = '` + job + `'; DELETE FROM log_records WHERE number = 2; DELETE FROM journal WHERE detail LIKE '%` + job + `%'; UPDATE log_records SET number = number - 1 WHERE number > 2`, "entry 2 is not the one that the tree was made of"},
		"tile changed":                                 {`UPDATE log_tiles SET hashes = zeroblob(length(hashes))`, "entry 0 is not the one that the tree was made of"},
		"cut off":                                      {`UPDATE log SET size = 4, published = 0, checkpoint = ''`, "its first 4 entries are not those that the checkpoint of that size was made of"},
	} {
		t.Run(name, func(t *testing.T) {
			saved := filepath.Join(t.TempDir(), "records.db")
			if _, err := records.Exec(`VACUUM INTO '` + saved + `'`); err != nil {
				t.Fatal(err)
			}
			if _, err := records.Exec(`PRAGMA foreign_keys = OFF; ` + tt.tamper); err != nil {
				t.Fatal(err)
			}
			if said := verify(); !strings.Contains(said, tt.says) {
				t.Errorf("said %s\nwant %q", said, tt.says)
			}
			restore(t, records, saved)
		})
	}
}

// restore puts the tables back that a test has changed.
func restore(t *testing.T, records *sql.DB, saved string) {
	t.Helper()
	script := `ATTACH '` + saved + `' AS saved;`
	for _, table := range []string{"log", "log_records", "log_tiles", "journal", "jobs"} {
		script += `DELETE FROM main.` + table + `; INSERT INTO main.` + table + ` SELECT * FROM saved.` + table + `;`
	}
	if _, err := records.Exec(`PRAGMA foreign_keys = OFF; ` + script + ` DETACH saved`); err != nil {
		t.Fatal(err)
	}
}
