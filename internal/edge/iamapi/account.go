package iamapi

import (
	"context"
	"errors"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// accountRows are the operations on the account as a whole.
func (s *iam) accountRows() []awshttp.Operation {
	return []awshttp.Operation{
		row(s, "GetAccountSummary", s.getAccountSummary), row(s, "GetAccountAuthorizationDetails", s.getAccountAuthorizationDetails), row(s, "ListAccountAliases", s.listAccountAliases),
		row(s, "GenerateCredentialReport", s.generateCredentialReport), row(s, "GetCredentialReport", s.getCredentialReport),
		row(s, "SimulateCustomPolicy", s.simulateCustomPolicy), row(s, "SimulatePrincipalPolicy", s.simulatePrincipalPolicy),
		row(s, "GetContextKeysForCustomPolicy", s.getContextKeysForCustomPolicy),
	}
}

type summaryInput struct{ everything }

type summaryOutput struct {
	Summary map[string]int `json:"SummaryMap"`
}

// getAccountSummary counts what the account has and tells its quotas.
func (s *iam) getAccountSummary(ctx context.Context, c *awshttp.Call, _ *summaryInput) (*summaryOutput, error) {
	counts := access.Quotas()
	var errs []error
	for name, kind := range map[string]access.IdentityKind{"Users": access.User, "Groups": access.Group, "Roles": access.Role} {
		n, err := s.access.CountIdentities(ctx, c.Account, kind)
		counts[name] = n
		errs = append(errs, err)
	}
	providers, err := s.access.Providers(ctx, c.Account)
	counts["Providers"] = len(providers)
	return &summaryOutput{counts}, errors.Join(append(errs, err)...)
}

type reportInput struct{ everything }

type generateReportOutput struct {
	State string `json:"State"`
}

// generateCredentialReport makes the report before it answers.
func (s *iam) generateCredentialReport(ctx context.Context, c *awshttp.Call, _ *reportInput) (*generateReportOutput, error) {
	return &generateReportOutput{"COMPLETE"}, s.access.GenerateCredentialReport(ctx, c.Account)
}

type reportOutput struct {
	Content []byte       `json:"Content"`
	Format  string       `json:"ReportFormat"`
	Made    awshttp.Time `json:"GeneratedTime"`
}

func (s *iam) getCredentialReport(ctx context.Context, c *awshttp.Call, _ *reportInput) (*reportOutput, error) {
	r, err := s.access.CredentialReport(ctx, c.Account)
	return &reportOutput{[]byte(r.Content), "text/csv", awshttp.Time{Time: r.MadeAt}}, err
}

type listAliases struct {
	everything
	paging
}

type listAliasesOutput struct {
	Aliases []string `json:"AccountAliases"`
	page
}

// listAccountAliases answers that there are none: accounts go by their numbers.
func (s *iam) listAccountAliases(context.Context, *awshttp.Call, *listAliases) (*listAliasesOutput, error) {
	return &listAliasesOutput{}, nil
}
