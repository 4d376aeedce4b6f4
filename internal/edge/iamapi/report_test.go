package iamapi_test

import (
	"encoding/csv"
	"strings"
	"testing"

	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// TestCredentialReport: the columns that AWS documents, the root user first.
func TestCredentialReport(t *testing.T) {
	o := open(t)
	_, err := o.GetCredentialReport(ctx, nil)
	want[*types.CredentialReportNotPresentException](o, err, "ReportNotPresent")
	done(o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: p("a,b"), Path: p("/x/")}))(o)
	done(o.CreateUser(ctx, &awsiam.CreateUserInput{UserName: p("Carol")}))(o)
	first := done(o.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{UserName: p("Carol")}))(o).AccessKey
	second := done(o.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{UserName: p("Carol")}))(o).AccessKey
	_, err = o.as(*first.AccessKeyId, *first.SecretAccessKey).GenerateCredentialReport(ctx, nil) // a use of the key
	wantCode(o, err, "AccessDenied")
	done(o.UpdateAccessKey(ctx, &awsiam.UpdateAccessKeyInput{UserName: p("Carol"), AccessKeyId: second.AccessKeyId, Status: types.StatusTypeInactive}))(o)

	equal(o, done(o.GenerateCredentialReport(ctx, nil))(o).State, types.ReportStateTypeComplete)
	r := done(o.GetCredentialReport(ctx, nil))(o)
	equal(o, r.ReportFormat, types.ReportFormatTypeTextCsv)
	rows, err := csv.NewReader(strings.NewReader(string(r.Content))).ReadAll()
	must(t, err)
	equal(o, len(rows), 4)
	equal(o, strings.Join(rows[0], ","), "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,"+
		"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,"+
		"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,"+
		"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated")
	at := func(row []string, from, to int) string { return strings.Join(row[from:to], " ") }
	root, none, carol := rows[1], rows[2], rows[3]
	equal(o, at(root, 0, 2), "<root_account> arn:aws:iam::111122223333:root")
	equal(o, at(root, 3, 9), "not_supported no_information not_supported not_supported false true")
	equal(o, at(root, 11, 22), "us-east-1 iam false N/A N/A N/A N/A false N/A false N/A")
	equal(o, at(none, 0, 2), "a,b arn:aws:iam::111122223333:user/x/a,b")
	equal(o, at(none, 3, 22), "false N/A N/A N/A false false N/A N/A N/A N/A false N/A N/A N/A N/A false N/A false N/A")
	equal(o, at(carol, 0, 2), "Carol arn:aws:iam::111122223333:user/Carol")
	equal(o, at(carol, 8, 10), "true "+first.CreateDate.UTC().Format("2006-01-02T15:04:05+00:00"))
	equal(o, at(carol, 11, 14), "us-east-1 iam false")
	equal(o, at(carol, 15, 18), "N/A N/A N/A")
	if strings.Contains(string(r.Content), *first.AccessKeyId) {
		t.Error("the report has the id of a key")
	}
}
