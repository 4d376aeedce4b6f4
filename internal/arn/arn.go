// Package arn reads and writes Amazon Resource Names: the grammar by which
// profiles, jobs, repositories and principals are called.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
package arn

import (
	"strings"

	"github.com/sealwright/sealwright/internal/fault"
)

// Partition is the only partition this program serves.
const Partition = "aws"

// maxLength bounds an ARN (the Arn shape of the AWS Signer model).
const maxLength = 2048

// AccountID is a 12-digit account number.
type AccountID string

// ParseAccountID checks that s is twelve digits.
func ParseAccountID(s string) (AccountID, error) {
	if len(s) != 12 || strings.Trim(s, "0123456789") != "" {
		return "", fault.Errorf(fault.Invalid, "%q is not an account ID: it must be 12 digits", s)
	}
	return AccountID(s), nil
}

// ARN is a parsed Amazon Resource Name. Resource keeps everything after the
// fifth colon, colons and leading slash included.
type ARN struct {
	Partition string
	Service   string
	Region    string
	Account   AccountID
	Resource  string
}

// Parse splits s. It checks the shape, not that the resource exists; the
// account may be empty (as in arn:aws:s3:::bucket) but not malformed.
func Parse(s string) (ARN, error) {
	var parts [6]string
	rest, found := s, true
	for i := 0; i < 5 && found; i++ {
		parts[i], rest, found = strings.Cut(rest, ":")
	}
	parts[5] = rest
	if len(s) > maxLength || !found || parts[0] != "arn" || parts[1] == "" || parts[2] == "" || parts[5] == "" {
		return ARN{}, fault.Errorf(fault.Invalid, "%.100q is not an ARN: want arn:partition:service:region:account:resource", s)
	}
	if parts[4] != "" {
		if _, err := ParseAccountID(parts[4]); err != nil {
			return ARN{}, fault.Errorf(fault.Invalid, "%.100q is not an ARN: its account must be 12 digits", s)
		}
	}
	return ARN{parts[1], parts[2], parts[3], AccountID(parts[4]), parts[5]}, nil
}

// String puts the ARN together again.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + string(a.Account) + ":" + a.Resource
}

// SigningProfile names a profile, or one version of it when version is not
// empty. AWS puts a slash after the colon.
func SigningProfile(region string, account AccountID, name, version string) ARN {
	resource := "/signing-profiles/" + name
	if version != "" {
		resource += "/" + version
	}
	return ARN{Partition, "signer", region, account, resource}
}

// SigningJob names a signing job.
func SigningJob(region string, account AccountID, id string) ARN {
	return ARN{Partition, "signer", region, account, "/signing-jobs/" + id}
}

// Repository names a repository of the registry.
func Repository(region string, account AccountID, name string) ARN {
	return ARN{Partition, "ecr", region, account, "repository/" + name}
}

// Root names an account's root user.
func Root(account AccountID) ARN {
	return ARN{Partition, "iam", "", account, "root"}
}

// AsSigningProfile returns the profile name and, if a names one version, that
// version. ok is false for any other resource.
func (a ARN) AsSigningProfile() (name, version string, ok bool) {
	rest, found := strings.CutPrefix(a.Resource, "/signing-profiles/")
	if a.Service != "signer" || !found {
		return "", "", false
	}
	name, version, versioned := strings.Cut(rest, "/")
	if name == "" || versioned && (version == "" || strings.Contains(version, "/")) {
		return "", "", false
	}
	return name, version, true
}

// AsSigningJob returns the job's id; ok is false for any other resource.
func (a ARN) AsSigningJob() (id string, ok bool) {
	id, found := strings.CutPrefix(a.Resource, "/signing-jobs/")
	return id, a.Service == "signer" && found && id != "" && !strings.Contains(id, "/")
}

// ValidRegion reports whether s can stand as the region of an ARN: lower-case
// letters, digits and hyphens, at most 64.
func ValidRegion(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
