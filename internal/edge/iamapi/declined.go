package iamapi

import (
	"strings"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// declined are the model's other operations, by what to do instead.
var declined = []struct{ advice, operations string }{
	{"Users sign in to no console here: give programs access keys or roles.",
		"ChangePassword CreateAccountAlias CreateLoginProfile CreateVirtualMFADevice DeactivateMFADevice DeleteAccountAlias " +
			"DeleteAccountPasswordPolicy DeleteLoginProfile DeleteVirtualMFADevice EnableMFADevice GetAccountPasswordPolicy GetLoginProfile " +
			"GetMFADevice ListMFADeviceTags ListMFADevices ListVirtualMFADevices ResyncMFADevice TagMFADevice UntagMFADevice " +
			"UpdateAccountPasswordPolicy UpdateLoginProfile"},
	{"SAML providers are not supported: use OpenID Connect, or AssumeRole.",
		"CreateSAMLProvider DeleteSAMLProvider GetSAMLProvider ListSAMLProviderTags ListSAMLProviders TagSAMLProvider UntagSAMLProvider " +
			"UpdateSAMLProvider"},
	{"There are no instances here: give workloads an access key, or a role to assume.",
		"AddRoleToInstanceProfile CreateInstanceProfile DeleteInstanceProfile GetInstanceProfile ListInstanceProfileTags " +
			"ListInstanceProfiles ListInstanceProfilesForRole RemoveRoleFromInstanceProfile TagInstanceProfile UntagInstanceProfile"},
	{"Access keys and roles are the credentials here.",
		"CreateServiceSpecificCredential DeleteSSHPublicKey DeleteServerCertificate DeleteServiceSpecificCredential " +
			"DeleteSigningCertificate GetSSHPublicKey GetServerCertificate ListSSHPublicKeys ListServerCertificateTags ListServerCertificates " +
			"ListServiceSpecificCredentials ListSigningCertificates ResetServiceSpecificCredential TagServerCertificate UntagServerCertificate " +
			"UpdateSSHPublicKey UpdateServerCertificate UpdateServiceSpecificCredential UpdateSigningCertificate UploadSSHPublicKey " +
			"UploadServerCertificate UploadSigningCertificate"},
	{"There is no organization above accounts here.",
		"AcceptDelegationRequest AssociateDelegationRequest CreateDelegationRequest DisableOrganizationsRootCredentialsManagement " +
			"DisableOrganizationsRootSessions EnableOrganizationsRootCredentialsManagement EnableOrganizationsRootSessions " +
			"GenerateOrganizationsAccessReport GetDelegationRequest GetOrganizationsAccessReport ListDelegationRequests " +
			"ListOrganizationsFeatures RejectDelegationRequest SendDelegationToken UpdateDelegationRequest"},
	{"Roles are made with CreateRole.",
		"CreateServiceLinkedRole DeleteServiceLinkedRole GetServiceLinkedRoleDeletionStatus"},
	{"Ask the journal who did what, and GetAccessKeyLastUsed for keys.",
		"GenerateServiceLastAccessedDetails " +
			"GetServiceLastAccessedDetails GetServiceLastAccessedDetailsWithEntities ListPoliciesGrantingServiceAccess"},
	{"Use SimulatePrincipalPolicy.",
		"GetContextKeysForPrincipalPolicy"},
	{"The service has no settings of this kind.",
		"DisableOutboundWebIdentityFederation EnableOutboundWebIdentityFederation GetHumanReadableSummary " +
			"GetOutboundWebIdentityFederationInfo SetSecurityTokenServicePreferences"},
}

// notOfferedIAM are the rows that only explain themselves.
func notOfferedIAM() (rows []awshttp.Operation) {
	for _, d := range declined {
		for _, name := range strings.Fields(d.operations) {
			rows = append(rows, awshttp.NotOffered(name, "iam:"+name, d.advice))
		}
	}
	return rows
}
