package ecrapi

import (
	"strings"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// operations are the rows that do something. ListImageReferrers goes by the
// permission to pull, as ECR has it.
func (s *surface) operations() []awshttp.Operation {
	return []awshttp.Operation{
		awshttp.Also(awshttp.WithKeys(awshttp.Op("CreateRepository", "ecr:CreateRepository", onRepository, s.createRepository), createdTags), tagging),
		awshttp.Also(awshttp.Op("DescribeRepositories", "ecr:DescribeRepositories", onRepositories, s.describeRepositories), onTheOthers),
		awshttp.Op("DeleteRepository", "ecr:DeleteRepository", onRepository, s.deleteRepository),
		awshttp.Op("ListImages", "ecr:ListImages", onRepository, s.listImages),
		awshttp.Op("DescribeImages", "ecr:DescribeImages", onRepository, s.describeImages),
		awshttp.Op("BatchGetImage", "ecr:BatchGetImage", onRepository, s.batchGetImage).OfData(),
		awshttp.Op("BatchDeleteImage", "ecr:BatchDeleteImage", onRepository, s.batchDeleteImage),
		awshttp.Op("ListImageReferrers", "ecr:BatchGetImage", onRepository, s.listImageReferrers),
		awshttp.Op("PutImage", "ecr:PutImage", onRepository, s.putImage).WithBody(maxPutImage),
		awshttp.Op("InitiateLayerUpload", "ecr:InitiateLayerUpload", onRepository, s.initiateLayerUpload),
		awshttp.Op("UploadLayerPart", "ecr:UploadLayerPart", onRepository, s.uploadLayerPart).WithBody(maxPart),
		awshttp.Op("CompleteLayerUpload", "ecr:CompleteLayerUpload", onRepository, s.completeLayerUpload),
		awshttp.Op("BatchCheckLayerAvailability", "ecr:BatchCheckLayerAvailability", onRepository, s.checkLayers).OfData(),
		awshttp.Op("GetDownloadUrlForLayer", "ecr:GetDownloadUrlForLayer", onRepository, s.layerURL).OfData(),
		awshttp.Op("SetRepositoryPolicy", "ecr:SetRepositoryPolicy", onRepository, s.setRepositoryPolicy),
		awshttp.Op("GetRepositoryPolicy", "ecr:GetRepositoryPolicy", onRepository, s.getRepositoryPolicy),
		awshttp.Op("DeleteRepositoryPolicy", "ecr:DeleteRepositoryPolicy", onRepository, s.deleteRepositoryPolicy),
		awshttp.Op("PutRegistryPolicy", "ecr:PutRegistryPolicy", awshttp.AnyResource, s.putRegistryPolicy),
		awshttp.Op("GetRegistryPolicy", "ecr:GetRegistryPolicy", awshttp.AnyResource, s.getRegistryPolicy),
		awshttp.Op("DeleteRegistryPolicy", "ecr:DeleteRegistryPolicy", awshttp.AnyResource, s.deleteRegistryPolicy),
		awshttp.WithKeys(awshttp.Op("TagResource", "ecr:TagResource", onARN, s.tagResource), givenTags),
		awshttp.WithKeys(awshttp.Op("UntagResource", "ecr:UntagResource", onARN, s.untagResource), takenTags),
		awshttp.Op("ListTagsForResource", "ecr:ListTagsForResource", onARN, s.listTags),
		awshttp.Op("GetAuthorizationToken", "ecr:GetAuthorizationToken", awshttp.AnyResource, s.getAuthorizationToken),
	}
}

// declined are the model's other operations, by what to do instead.
var declined = []struct{ advice, operations string }{
	{"Images stay until BatchDeleteImage or DeleteRepository deletes them.",
		"DeleteLifecyclePolicy GetLifecyclePolicy GetLifecyclePolicyPreview PutLifecyclePolicy StartLifecyclePolicyPreview UpdateImageStorageClass"},
	{"Sign with signer:SignPayload, for instance through notation sign.",
		"DeleteSigningConfiguration DescribeImageSigningStatus GetSigningConfiguration PutSigningConfiguration"},
	{"Choose mutability and scanning in CreateRepository; they stay as they are.",
		"PutImageScanningConfiguration PutImageTagMutability"},
	{"Create a repository with CreateRepository before pushing to it.",
		"CreateRepositoryCreationTemplate DeleteRepositoryCreationTemplate DescribeRepositoryCreationTemplates UpdateRepositoryCreationTemplate"},
	{"Copy images from other registries with a client, such as skopeo copy or oras cp -r.",
		"CreatePullThroughCacheRule DeletePullThroughCacheRule DescribePullThroughCacheRules UpdatePullThroughCacheRule ValidatePullThroughCacheRule DescribeImageReplicationStatus PutReplicationConfiguration " +
			"DescribeReplicationBackfillResults ListReplicationBackfills StartReplicationBackfill StopReplicationBackfill"},
	{"Nothing here scans images: scan them with a client.",
		"BatchGetRepositoryScanningConfiguration DescribeImageScanFindings GetRegistryScanningConfiguration PutRegistryScanningConfiguration StartImageScan"},
	{"The registry has no settings of this kind.",
		"DeregisterPullTimeUpdateExclusion DescribeRegistry GetAccountSetting ListPullTimeUpdateExclusions PutAccountSetting RegisterPullTimeUpdateExclusion"},
}

// notOffered are the rows that only explain themselves.
func notOffered() (rows []awshttp.Operation) {
	for _, d := range declined {
		for _, name := range strings.Fields(d.operations) {
			rows = append(rows, awshttp.NotOffered(name, "ecr:"+name, d.advice))
		}
	}
	return rows
}

// repositoryInput is an input that names one repository.
type repositoryInput interface {
	registry() arn.AccountID // "" for the caller's own
	name() string            // checked by its row's constraints
}

// onRepository is the resource of operations on one repository: its ARN.
func onRepository[In any, P interface {
	*In
	repositoryInput
}](c *awshttp.Call, in P) string {
	return arn.Repository(c.Region, account(c, in.registry()), in.name()).String()
}

// key names the repository of an input.
func key(c *awshttp.Call, in repositoryInput) registry.Key {
	return registry.Key{Account: account(c, in.registry()), Name: ociref.Name(in.name())}
}

// account is the registry asked for: one's own unless said otherwise. Whether
// another's may be used is the access decision's to say, as it stands in the ARN.
func account(c *awshttp.Call, registryID arn.AccountID) arn.AccountID {
	if registryID == "" {
		return c.Account
	}
	return registryID
}
