package awsverbs

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// services is every operation this program has a verb for.
func services() []service {
	return []service{
		{
			name: "signer", doc: "Manage signing profiles, sign, revoke (AWS Signer's operations)",
			connect: client(signer.NewFromConfig), member: lowered, operations: signerOperations(),
		},
		{
			name: "ecr", doc: "Manage repositories and images (Amazon ECR's operations)",
			connect: client(ecr.NewFromConfig), member: lowered, operations: ecrOperations(),
		},
		{
			name: "iam", doc: "Manage users, groups, roles and their policies (AWS IAM's operations)",
			connect: client(iam.NewFromConfig), member: unchanged, operations: iamOperations(),
		},
		{
			name: "sts", doc: "Ask who you are, and assume roles (AWS STS's operations)",
			connect: client(sts.NewFromConfig), member: unchanged, operations: stsOperations(),
		},
		{
			name: "cloudtrail", doc: "Search the journal (CloudTrail's LookupEvents)",
			connect: client(cloudtrail.NewFromConfig), member: unchanged, operations: trailOperations(),
		},
	}
}

func trailOperations() []operation {
	type c = cloudtrail.Client
	return []operation{op((*c).LookupEvents, "Search what happened, the newest first")}
}

func signerOperations() []operation {
	type c = signer.Client
	return []operation{
		op((*c).PutSigningProfile, "Create a signing profile"),
		op((*c).GetSigningProfile, "Show a signing profile"),
		op((*c).ListSigningProfiles, "List the signing profiles"),
		op((*c).CancelSigningProfile, "Put a signing profile out of use; its signatures stay good"),
		op((*c).AddProfilePermission, "Let another account or its role use a signing profile"),
		op((*c).RemoveProfilePermission, "Take a permission on a signing profile back"),
		op((*c).ListProfilePermissions, "List the permissions on a signing profile"),
		op((*c).TagResource, "Give a signing profile tags"),
		op((*c).UntagResource, "Take tags from a signing profile"),
		op((*c).ListTagsForResource, "List the tags of a signing profile"),
		op((*c).SignPayload, "Sign a payload and return the signature envelope"),
		op((*c).DescribeSigningJob, "Show a signing job"),
		op((*c).ListSigningJobs, "List the signing jobs, newest first"),
		op((*c).RevokeSignature, "Revoke one signature, by its job"),
		op((*c).RevokeSigningProfile, "Revoke the signatures a profile version made since a point in time"),
		op((*c).GetRevocationStatus, "Ask which of a signature's entities are revoked"),
		op((*c).GetSigningPlatform, "Show a signing platform"),
		op((*c).ListSigningPlatforms, "List the signing platforms"),
	}
}

func ecrOperations() []operation {
	type c = ecr.Client
	return []operation{
		op((*c).CreateRepository, "Create a repository"),
		op((*c).DescribeRepositories, "Show repositories, or all of them"),
		op((*c).DeleteRepository, "Delete a repository"),
		op((*c).ListImages, "List the tags and digests in a repository"),
		op((*c).DescribeImages, "Show images, or all of a repository's"),
		op((*c).BatchGetImage, "Get the manifests of images"),
		op((*c).BatchDeleteImage, "Delete images by digest, or tags by name"),
		op((*c).ListImageReferrers, "List what refers to an image, such as its signatures"),
		op((*c).SetRepositoryPolicy, "Say who may use a repository, other accounts and everyone included"),
		op((*c).GetRepositoryPolicy, "Show the policy of a repository"),
		op((*c).DeleteRepositoryPolicy, "Delete the policy of a repository"),
		op((*c).PutRegistryPolicy, "Say who may use the registry"),
		op((*c).GetRegistryPolicy, "Show the policy of the registry"),
		op((*c).DeleteRegistryPolicy, "Delete the policy of the registry"),
		op((*c).TagResource, "Give a repository tags"),
		op((*c).UntagResource, "Take tags from a repository"),
		op((*c).ListTagsForResource, "List the tags of a repository"),
		op((*c).PutImage, "Put a manifest, or give an image another tag"),
		op((*c).InitiateLayerUpload, "Begin the upload of a layer"),
		op((*c).UploadLayerPart, "Add a part to an upload"),
		op((*c).CompleteLayerUpload, "Make an upload a layer"),
		op((*c).BatchCheckLayerAvailability, "Ask which layers a repository has"),
		op((*c).GetDownloadUrlForLayer, "Get a URL to download a layer from"),
		op((*c).GetAuthorizationToken, "Get a token for the registry, as user:password in base64"),
		op((*c).GetAuthorizationToken, "").as("get-login-password", "Get a password for the registry's user AWS", loginPassword),
	}
}

func stsOperations() []operation {
	type c = sts.Client
	return []operation{
		op((*c).AssumeRole, "Begin a session of a role"),
		op((*c).AssumeRoleWithWebIdentity, "Begin a session of a role with the token of an OpenID Connect issuer").needingNothing(),
		op((*c).GetSessionToken, "Begin a session of your own"),
		op((*c).GetAccessKeyInfo, "Ask which account an access key is of"),
		op((*c).GetCallerIdentity, "Show whose credentials these are"),
	}
}

// loginPassword is the password in an authorization token, with a line's end.
func loginPassword(output any) (string, error) {
	for _, data := range output.(*ecr.GetAuthorizationTokenOutput).AuthorizationData {
		if data.AuthorizationToken == nil {
			continue
		}
		token, err := base64.StdEncoding.DecodeString(*data.AuthorizationToken)
		if err != nil {
			return "", fmt.Errorf("the registry's authorization token is not base64: %w", err)
		}
		if _, password, ok := strings.Cut(string(token), ":"); ok {
			return password + "\n", nil
		}
	}
	return "", fmt.Errorf("the registry returned no authorization token")
}
