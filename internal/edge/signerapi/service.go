// Package signerapi is AWS Signer on the wire: the operations of the model
// signer 2017-08-25, the one of signer-data, and the root certificate.
//
// It decides nothing. Each operation is a row of a table: input and output as
// the model has them, the access action, and one call of package signing.
// docs/divergences/signer.md lists where it differs from AWS.
package signerapi

import (
	"errors"
	"net/http"

	"github.com/sealwright/sealwright/internal/authority"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/signing"
)

// api holds the handlers.
type api struct{ signing *signing.Service }

// Service is the surface of s, to be mounted with [awshttp.New]. It also answers
// the service signer-data, whose only operation and signing name are Signer's.
func Service(s *signing.Service) awshttp.Service {
	a := api{s}
	return awshttp.Service{
		SigningName: "signer",
		Protocol:    awshttp.RESTJSON,
		Validation:  validationException,
		Translate:   translate,
		Operations: []awshttp.Operation{
			awshttp.WithKeys(awshttp.Op("PutSigningProfile", "signer:PutSigningProfile", a.putProfileResource, a.putProfile).At("PUT", "/signing-profiles/{profileName}"), putProfileKeys),
			awshttp.WithKeys(awshttp.Op("GetSigningProfile", "signer:GetSigningProfile", a.getProfileResource, a.getProfile).At("GET", "/signing-profiles/{profileName}"), a.getProfileKeys),
			awshttp.Op("ListSigningProfiles", "signer:ListSigningProfiles", awshttp.AnyResource, a.listProfiles).At("GET", "/signing-profiles"),
			awshttp.WithKeys(awshttp.Op("CancelSigningProfile", "signer:CancelSigningProfile", a.cancelProfileResource, a.cancelProfile).At("DELETE", "/signing-profiles/{profileName}"), a.cancelProfileKeys),
			awshttp.WithKeys(awshttp.Op("RevokeSigningProfile", "signer:RevokeSigningProfile", a.revokeProfileResource, a.revokeProfile).At("PUT", "/signing-profiles/{profileName}/revoke"), a.revokeProfileKeys),
			awshttp.WithKeys(awshttp.Op("SignPayload", "signer:SignPayload", a.signPayloadResource, a.signPayload).At("POST", "/signing-jobs/with-payload"), a.signPayloadKeys),
			awshttp.Op("DescribeSigningJob", "signer:DescribeSigningJob", a.describeJobResource, a.describeJob).At("GET", "/signing-jobs/{jobId}"),
			awshttp.Op("ListSigningJobs", "signer:ListSigningJobs", awshttp.AnyResource, a.listJobs).At("GET", "/signing-jobs"),
			awshttp.WithKeys(awshttp.Op("RevokeSignature", "signer:RevokeSignature", a.revokeSignatureResource, a.revokeSignature).At("PUT", "/signing-jobs/{jobId}/revoke"), a.revokeSignatureKeys),
			awshttp.Op("GetRevocationStatus", "signer:GetRevocationStatus", awshttp.AnyResource, a.revocationStatus).At("GET", "/revocations").OfData(),
			awshttp.Op("GetSigningPlatform", "signer:GetSigningPlatform", awshttp.AnyResource, a.getPlatform).At("GET", "/signing-platforms/{platformId}"),
			awshttp.Op("ListSigningPlatforms", "signer:ListSigningPlatforms", awshttp.AnyResource, a.listPlatforms).At("GET", "/signing-platforms"),
			awshttp.WithKeys(awshttp.Op("AddProfilePermission", "signer:AddProfilePermission", a.addPermissionResource, a.addPermission).At("POST", "/signing-profiles/{profileName}/permissions"), addPermissionKeys),
			awshttp.Op("ListProfilePermissions", "signer:ListProfilePermissions", a.listPermissionsResource, a.listPermissions).At("GET", "/signing-profiles/{profileName}/permissions"),
			awshttp.WithKeys(awshttp.Op("RemoveProfilePermission", "signer:RemoveProfilePermission", a.removePermissionResource, a.removePermission).At("DELETE", "/signing-profiles/{profileName}/permissions/{statementId}"), a.removePermissionKeys),

			awshttp.Op("StartSigningJob", "signer:StartSigningJob", awshttp.AnyResource, refuseJob).At("POST", "/signing-jobs"),
			awshttp.WithKeys(awshttp.Op("TagResource", "signer:TagResource", onARN, a.tagResource).At("POST", "/tags/{resourceArn}"), tagKeys),
			awshttp.WithKeys(awshttp.Op("UntagResource", "signer:UntagResource", onARN, a.untagResource).At("DELETE", "/tags/{resourceArn}"), untagKeys),
			awshttp.Op("ListTagsForResource", "signer:ListTagsForResource", onARN, a.listTags).At("GET", "/tags/{resourceArn}"),
		},
	}
}

// The modelled errors that are not what the kind of the domain's error says.
const (
	validationException           = "ValidationException"
	badRequestException           = "BadRequestException"
	internalServiceErrorException = "InternalServiceErrorException"
)

// translate names what Signer's model has no word for: it knows no conflict in
// these operations, and no unavailability.
func translate(err error) awshttp.Error {
	switch {
	case errors.Is(err, signing.ErrProfileExists), errors.Is(err, signing.ErrProfileNotActive):
		return awshttp.Error{Code: validationException, Status: http.StatusBadRequest}
	case errors.Is(err, authority.ErrCertificateBad), fault.KindOf(err) == fault.Unavailable:
		return awshttp.Error{Code: internalServiceErrorException, Status: http.StatusInternalServerError}
	}
	return awshttp.Error{}
}

// invalid is a request that the domain has no place for.
func invalid(message string) error {
	return awshttp.Error{Code: validationException, Status: http.StatusBadRequest, Message: message}
}

// caller is who asks, as the domain has it.
func caller(c *awshttp.Call) signing.Caller {
	return signing.Caller{Account: c.Account, ARN: c.Principal.ARN}
}
