package awshttp_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
)

// The toy services have operations of AWS's models with made-up behaviour, so
// that AWS's own clients can drive each protocol.

type signPayloadIn struct {
	ProfileName   string `json:"profileName" validate:"required,min=2,max=64,pattern=^[a-zA-Z0-9_]{2,}"`
	ProfileOwner  string `json:"profileOwner" validate:"min=12,max=12,pattern=^[0-9]{12}$"`
	Payload       []byte `json:"payload" validate:"required,min=1,max=4096"`
	PayloadFormat string `json:"payloadFormat" validate:"required"`
}

type signPayloadOut struct {
	JobID     string            `json:"jobId"`
	JobOwner  string            `json:"jobOwner"`
	Metadata  map[string]string `json:"metadata"`
	Signature []byte            `json:"signature"`
}

type putProfileIn struct {
	ProfileName string `path:"profileName" validate:"required,min=2,max=64"`
	PlatformID  string `json:"platformId" validate:"required"`
	Validity    *struct {
		Value int    `json:"value" validate:"min=1"`
		Type  string `json:"type" validate:"enum=DAYS|MONTHS|YEARS"`
	} `json:"signatureValidityPeriod"`
	Tags map[string]string `json:"tags" validate:"max=200" key:"min=1,max=128" each:"max=256"`
}

type putProfileOut struct {
	ARN            string `json:"arn"`
	ProfileVersion string `json:"profileVersion,omitempty"`
}

type listJobsIn struct {
	Status     string        `query:"status" validate:"enum=InProgress|Failed|Succeeded"`
	MaxResults *int          `query:"maxResults" validate:"min=1,max=25"`
	IsRevoked  *bool         `query:"isRevoked"`
	Before     *awshttp.Time `query:"signatureExpiresBefore"`
}

type job struct {
	JobID     string        `json:"jobId"`
	CreatedAt *awshttp.Time `json:"createdAt,omitempty"`
	IsRevoked bool          `json:"isRevoked"`
}

type listJobsOut struct {
	Jobs      []job  `json:"jobs"`
	NextToken string `json:"nextToken,omitempty"`
}

type revocationIn struct {
	SignatureTimestamp awshttp.Time `query:"signatureTimestamp" validate:"required"`
	Hashes             []string     `query:"certificateHashes" validate:"required" each:"min=1"`
	JobARN             string       `query:"jobArn" validate:"required"`
	PlatformID         string       `query:"platformId" validate:"required"`
	ProfileVersionARN  string       `query:"profileVersionArn" validate:"required"`
}

type revocationOut struct {
	RevokedEntities []string `json:"revokedEntities"`
}

type untagIn struct {
	ResourceARN string   `path:"resourceArn" validate:"required"`
	Keys        []string `query:"tagKeys" validate:"required,min=1,max=200" each:"min=1,max=128"`
}

type revokeProfileIn struct {
	ProfileName    string        `path:"profileName"`
	ProfileVersion string        `json:"profileVersion"`
	Reason         string        `json:"reason"`
	EffectiveTime  *awshttp.Time `json:"effectiveTime" validate:"required"`
}

type nothing struct{}

var errNoProfile = fault.New(fault.NotFound, "no such profile")

// toy remembers what its handlers were given.
type toy struct {
	put     putProfileIn
	list    listJobsIn
	status  revocationIn
	untag   untagIn
	revoked revokeProfileIn
	call    awshttp.Call
	actor   journal.Actor
}

func profileARN(c *awshttp.Call, name string) string {
	return arn.SigningProfile(c.Region, c.Account, name, "").String()
}

func (y *toy) signer() awshttp.Service {
	return awshttp.Service{
		SigningName: "signer", Protocol: awshttp.RESTJSON, Validation: "ValidationException",
		Translate: func(err error) awshttp.Error {
			if errors.Is(err, errNoProfile) {
				return awshttp.Error{Code: "ResourceNotFoundException", Status: 404}
			}
			return awshttp.Error{}
		},
		Operations: []awshttp.Operation{
			awshttp.Op("SignPayload", "signer:SignPayload",
				func(c *awshttp.Call, in *signPayloadIn) string {
					if in.ProfileOwner != "" {
						return arn.SigningProfile(c.Region, arn.AccountID(in.ProfileOwner), in.ProfileName, "").String()
					}
					return profileARN(c, in.ProfileName)
				}, y.signPayload).At("POST", "/signing-jobs/with-payload"),
			awshttp.Op("PutSigningProfile", "signer:PutSigningProfile",
				func(c *awshttp.Call, in *putProfileIn) string { return profileARN(c, in.ProfileName) },
				y.putProfile).At("PUT", "/signing-profiles/{profileName}"),
			awshttp.Op("ListSigningJobs", "signer:ListSigningJobs", awshttp.AnyResource, y.listJobs).At("GET", "/signing-jobs"),
			awshttp.Op("GetRevocationStatus", "signer:GetRevocationStatus", awshttp.AnyResource, y.revocation).At("GET", "/revocations"),
			awshttp.Op("UntagResource", "signer:UntagResource",
				func(_ *awshttp.Call, in *untagIn) string { return in.ResourceARN }, y.untagResource).At("DELETE", "/tags/{resourceArn}"),
			awshttp.Op("RevokeSigningProfile", "signer:RevokeSigningProfile", awshttp.AnyResource, y.revokeProfile).
				At("PUT", "/signing-profiles/{profileName}/revoke"),
			awshttp.NotOffered("DescribeSigningJob", "signer:DescribeSigningJob", "Use ListSigningJobs.").At("GET", "/signing-jobs/{jobId}"),
		},
	}
}

func (y *toy) signPayload(ctx context.Context, c *awshttp.Call, in *signPayloadIn) (*signPayloadOut, error) {
	y.call, y.actor = *c, journal.ActorFrom(ctx)
	switch in.ProfileName {
	case "missing":
		return nil, fault.Becausef(errNoProfile, "there is no profile %s", in.ProfileName)
	case "panics":
		panic("a secret detail")
	case "internal":
		return nil, errors.New("a secret detail")
	case "throttled":
		return nil, fault.New(fault.Throttled, "too many requests: wait a second")
	case "limited":
		return nil, fault.New(fault.Limit, "no more")
	case "hidden":
		return nil, fault.Hide(fault.Unavailable, errors.New("a secret detail"), "try again")
	case "own_error":
		return nil, awshttp.Error{Code: "BadRequestException", Status: 400, Message: "no"}
	}
	return &signPayloadOut{JobID: "id", JobOwner: string(c.Account), Signature: in.Payload}, nil
}

func (y *toy) putProfile(_ context.Context, c *awshttp.Call, in *putProfileIn) (*putProfileOut, error) {
	y.put = *in
	return &putProfileOut{ARN: profileARN(c, in.ProfileName)}, nil
}

func (y *toy) listJobs(_ context.Context, _ *awshttp.Call, in *listJobsIn) (*listJobsOut, error) {
	y.list = *in
	if in.Before == nil {
		return &listJobsOut{}, nil
	}
	return &listJobsOut{Jobs: []job{{JobID: "a&<b>", CreatedAt: in.Before}}}, nil
}

func (y *toy) revocation(_ context.Context, _ *awshttp.Call, in *revocationIn) (*revocationOut, error) {
	y.status = *in
	return &revocationOut{}, nil
}

func (y *toy) untagResource(_ context.Context, _ *awshttp.Call, in *untagIn) (*nothing, error) {
	y.untag = *in
	return &nothing{}, nil
}

func (y *toy) revokeProfile(_ context.Context, _ *awshttp.Call, in *revokeProfileIn) (*nothing, error) {
	y.revoked = *in
	return nil, nil
}

type createRepositoryIn struct {
	RepositoryName string `json:"repositoryName" validate:"required,min=2,max=256"`
	Tags           []struct {
		Key   string `json:"Key" validate:"required,max=128"`
		Value string `json:"Value"`
	} `json:"tags"`
}

type repository struct {
	Name      string       `json:"repositoryName"`
	CreatedAt awshttp.Time `json:"createdAt"`
}

type createRepositoryOut struct {
	Repository repository `json:"repository"`
}

func ecrToy() awshttp.Service {
	create := func(_ context.Context, _ *awshttp.Call, in *createRepositoryIn) (*createRepositoryOut, error) {
		if in.RepositoryName == "taken" {
			return nil, fault.New(fault.Conflict, "the repository exists")
		}
		return &createRepositoryOut{repository{Name: in.RepositoryName}}, nil
	}
	return awshttp.Service{
		SigningName: "ecr", Protocol: awshttp.JSON11, TargetPrefix: "AmazonEC2ContainerRegistry_V20150921",
		Validation: "InvalidParameterException", MaxBody: 1000,
		ValidationMessage: func(found []awshttp.Violation) string {
			return "Invalid parameter at '" + found[0].Path + "' failed to satisfy constraint: '" + found[0].Constraint + "'"
		},
		Translate: func(err error) awshttp.Error {
			if fault.KindOf(err) == fault.Conflict {
				return awshttp.Error{Code: "RepositoryAlreadyExistsException"}
			}
			return awshttp.Error{}
		},
		Operations: []awshttp.Operation{
			awshttp.Op("CreateRepository", "ecr:CreateRepository", awshttp.AnyResource, create),
			awshttp.NotOffered("PutImage", "ecr:PutImage", "Push with /v2."),
		},
	}
}

type echoIn struct {
	Name    string            `json:"Name" validate:"max=5"`
	List    []string          `json:"List"`
	Structs []echoPart        `json:"Structs"`
	Part    *echoPart         `json:"Part"`
	Map     map[string]string `json:"Map"`
	At      *awshttp.Time     `json:"At"`
}

type echoPart struct {
	Count int    `json:"Count"`
	Blob  []byte `json:"Blob,omitempty"`
}

func queryToy() awshttp.Service {
	echo := func(_ context.Context, _ *awshttp.Call, in *echoIn) (*echoIn, error) { return in, nil }
	return awshttp.Service{
		SigningName: "sts", Protocol: awshttp.Query, Version: "2011-06-15", Namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
		Validation: "ValidationError", GlobalRegion: "aws-global", Presigned: 15 * time.Minute,
		Operations: []awshttp.Operation{
			awshttp.Op("Echo", "sts:Echo", awshttp.AnyResource, echo),
			awshttp.Op("Open", "", awshttp.AnyResource, echo).AsPublic(),
		},
	}
}

// carries reports whether an answer is an error of any protocol, complete with
// code, request id and date.
func carries(a answer, status int, code string) bool {
	return a.status == status && strings.Contains(a.body, code) && a.header.Get("X-Amzn-Requestid") != "" &&
		a.header.Get("Date") != "" && (a.header.Get("X-Amzn-Errortype") == code || strings.HasPrefix(a.header.Get("Content-Type"), "text/xml"))
}
