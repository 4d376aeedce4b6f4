package signing

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/translog"
)

// LogRecord is what the transparency log has of the job.
func (j Job) LogRecord() translog.Record {
	s := translog.Statement{
		JobARN:            j.ARN().String(),
		ProfileVersionARN: arn.SigningProfile(j.Region, j.Account, j.ProfileName, j.ProfileVersion).String(),
		SignedAt:          j.SignedAt,
		ExpiresAt:         j.ExpiresAt,
		PayloadSHA256:     j.PayloadDigest,
		CertificateSHA256: j.CertificateID,
	}
	return translog.Record{Account: j.Account, Job: j.ID, Region: j.Region, Entry: s.Entry(), ExpiresAt: j.ExpiresAt}
}

// LogRecordOf is what the transparency log has of a signature that the journal
// tells of; false if the entry tells of something else. It does not ask who did it.
func LogRecordOf(e journal.Entry) (translog.Record, bool, error) {
	if e.Source != journal.SourceSigner || e.Name != signPayload || e.Outcome.Failed() {
		return translog.Record{}, false, nil
	}
	var d signDetail
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		return translog.Record{}, false, fmt.Errorf("signing: a journal entry of a signature: %w", err)
	}
	profile, err := arn.Parse(e.Resource)
	if err != nil {
		return translog.Record{}, false, fmt.Errorf("signing: a journal entry of a signature: %w", err)
	}
	return Job{
		JobKey: JobKey{e.Account, d.JobID}, Region: e.Region,
		ProfileName: strings.TrimPrefix(profile.Resource, "/signing-profiles/"), ProfileVersion: d.ProfileVersion,
		CertificateID: d.CertificateID, PayloadDigest: d.PayloadSHA256, SignedAt: d.SignedAt, ExpiresAt: d.ExpiresAt,
	}.LogRecord(), true, nil
}
