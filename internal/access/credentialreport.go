package access

import (
	"cmp"
	"context"
	"encoding/csv"
	"strconv"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// Errors of credential reports.
var (
	ErrNoReport      = fault.New(fault.NotFound, "There is no credential report yet: make one with GenerateCredentialReport.")
	ErrReportExpired = fault.New(fault.NotFound, "The credential report is older than four hours: make another with GenerateCredentialReport.")
)

// CredentialReport lists an account's root user and users with the state of their
// credentials.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
type CredentialReport struct {
	MadeAt  time.Time
	Content string // CSV
}

// reportLifetime is how long a report is the newest one there can be.
const reportLifetime = 4 * time.Hour

// ReportStore keeps the newest report of each account. It is part of [Store].
type ReportStore interface {
	// CredentialHolders returns an account's users by name, with nothing but their
	// access keys, as of one moment.
	CredentialHolders(ctx context.Context, account arn.AccountID) ([]Identity, error)
	// SaveCredentialReport saves a report in the place of the one before.
	SaveCredentialReport(ctx context.Context, account arn.AccountID, r CredentialReport, e journal.Event) error
	// CredentialReport returns the newest report, or ErrNoReport.
	CredentialReport(ctx context.Context, account arn.AccountID) (CredentialReport, error)
}

// GenerateCredentialReport makes a report, unless there is one that is younger than
// four hours.
func (s *Service) GenerateCredentialReport(ctx context.Context, account arn.AccountID) error {
	if _, err := s.CredentialReport(ctx, account); err != ErrNoReport && err != ErrReportExpired {
		return err
	}
	root, err := s.rootRow(ctx, account)
	if err != nil {
		return err
	}
	users, err := s.store.CredentialHolders(ctx, account)
	if err != nil {
		return err
	}
	rows := append(make([][]string, 0, len(users)+2), reportColumns, root)
	for _, u := range users {
		rows = append(rows, s.reportRow(u.Name, u.ARN().String(), u.CreatedAt, noPassword, u.Keys))
	}
	var content strings.Builder
	if err := csv.NewWriter(&content).WriteAll(rows); err != nil {
		return err
	}
	r := CredentialReport{s.timestamp(), content.String()}
	return s.store.SaveCredentialReport(ctx, account, r, s.event(ctx, "GenerateCredentialReport", account, arn.Root(account).String(), nil))
}

// CredentialReport returns the newest report of an account. ErrNoReport,
// ErrReportExpired.
func (s *Service) CredentialReport(ctx context.Context, account arn.AccountID) (CredentialReport, error) {
	r, err := s.store.CredentialReport(ctx, account)
	if age := s.now().Sub(r.MadeAt); err == nil && (age >= reportLifetime || age < -maxClockLead) { // or the clock was wrong
		return CredentialReport{}, ErrReportExpired
	}
	return r, err
}

var reportColumns = strings.Fields(`user arn user_creation_time
	password_enabled password_last_used password_last_changed password_next_rotation mfa_active
	access_key_1_active access_key_1_last_rotated access_key_1_last_used_date access_key_1_last_used_region access_key_1_last_used_service
	access_key_2_active access_key_2_last_rotated access_key_2_last_used_date access_key_2_last_used_region access_key_2_last_used_service
	cert_1_active cert_1_last_rotated cert_2_active cert_2_last_rotated`)

// What reports say of passwords, which nobody has here.
var (
	noPassword     = []string{"false", "N/A", "N/A", "N/A"}
	noRootPassword = []string{"not_supported", "no_information", "not_supported", "not_supported"}
)

func (s *Service) rootRow(ctx context.Context, account arn.AccountID) ([]string, error) {
	a, err := s.account(ctx, account)
	if err != nil {
		return nil, err
	}
	key, err := s.store.RootAccessKey(ctx, a.ID)
	return s.reportRow("<root_account>", arn.Root(a.ID).String(), a.CreatedAt, noRootPassword, []AccessKey{key}), err
}

// reportRow is the row of who has these access keys, two at most. A key's last
// rotation is when it was made: it is never changed.
func (s *Service) reportRow(name, of string, created time.Time, password []string, keys []AccessKey) []string {
	row := append([]string{name, of, reportTime(created)}, password...)
	row = append(row, "false") // no MFA device
	for i := range maxKeys {
		if i >= len(keys) {
			row = append(row, "false", "N/A", "N/A", "N/A", "N/A")
			continue
		}
		used, region := s.LastUse(keys[i]), s.region
		if used.At.IsZero() {
			region = "N/A"
		}
		row = append(row, strconv.FormatBool(keys[i].Active), reportTime(keys[i].CreatedAt), reportTime(used.At), region, cmp.Or(used.Service, "N/A"))
	}
	return append(row, "false", "N/A", "false", "N/A") // no signing certificates
}

func reportTime(t time.Time) string {
	if t.IsZero() {
		return "N/A"
	}
	return t.UTC().Format("2006-01-02T15:04:05+00:00")
}
