package ecrapi

import (
	"strings"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/registry"
)

// The shapes of ecr.json that several operations share.

// active is the one storage status that images have here; see imageStatus.
const active = "ACTIVE"

// holdsActive reports whether a status filter lets active images through. None
// is archived.
func holdsActive(status string) bool { return status == "" || status == active || status == "ANY" }

type imageFilter struct {
	TagStatus   registry.TagStatus `json:"tagStatus" validate:"enum=TAGGED|UNTAGGED|ANY"`
	ImageStatus string             `json:"imageStatus" validate:"enum=ACTIVE|ARCHIVED|ACTIVATING|ANY"`
}

type imageID struct {
	Digest string `json:"imageDigest,omitempty"`
	Tag    string `json:"imageTag,omitempty" validate:"min=1,max=300"`
}

type imageFailure struct {
	ID     imageID `json:"imageId"`
	Code   string  `json:"failureCode"`
	Reason string  `json:"failureReason"`
}

type wildcard struct {
	Type   string `json:"filterType" validate:"required,enum=WILDCARD"`
	Filter string `json:"filter" validate:"required,min=1,max=128,pattern=[0-9a-zA-Z._*-]{1,128}"`
}

type scanning struct {
	ScanOnPush bool `json:"scanOnPush"`
}

type encryption struct {
	Type   string  `json:"encryptionType" validate:"required,enum=AES256|KMS|KMS_DSSE"`
	KMSKey *string `json:"kmsKey,omitempty" validate:"min=1,max=2048"`
}

type repository struct {
	ARN        string                 `json:"repositoryArn"`
	RegistryID arn.AccountID          `json:"registryId"`
	Name       string                 `json:"repositoryName"`
	URI        string                 `json:"repositoryUri"`
	CreatedAt  awshttp.Time           `json:"createdAt"`
	Mutability registry.TagMutability `json:"imageTagMutability"`
	Exclusions []wildcard             `json:"imageTagMutabilityExclusionFilters,omitempty"`
	Scanning   scanning               `json:"imageScanningConfiguration"`
	Encryption encryption             `json:"encryptionConfiguration"`

	// Not in the model, and passed over by SDKs: what the quota is about.
	Images     *int64 `json:"imageCount,omitempty"`
	Signatures *int64 `json:"signatureCount,omitempty"`
}

// describe is a repository as ECR shows it.
func (s *surface) describe(c *awshttp.Call, r registry.Repository) repository {
	shown := repository{
		ARN:        arn.Repository(r.Region, r.Account, string(r.Name)).String(),
		RegistryID: r.Account,
		Name:       string(r.Name),
		URI:        s.host(c, r.Account) + "/" + string(r.Name),
		CreatedAt:  awshttp.Time{Time: r.CreatedAt},
		Mutability: r.Mutability,
		Scanning:   scanning{r.ScanOnPush},
		Encryption: encryption{Type: "AES256"},
	}
	for _, x := range r.Exclusions {
		shown.Exclusions = append(shown.Exclusions, wildcard{"WILDCARD", x})
	}
	return shown
}

// host is where clients push to and pull from an account's registry.
func (s *surface) host(c *awshttp.Call, account arn.AccountID) string {
	_, host, _ := strings.Cut(s.url(c, account, false), "://")
	return strings.TrimSuffix(host, "/")
}
