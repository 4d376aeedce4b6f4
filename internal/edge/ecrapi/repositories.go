package ecrapi

import (
	"context"
	"net/http"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

type createRepositoryInput struct {
	RegistryID arn.AccountID          `json:"registryId" validate:"pattern=[0-9]{12}"`
	Name       string                 `json:"repositoryName" validate:"required,min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
	Tags       []resourceTag          `json:"tags"`
	Mutability registry.TagMutability `json:"imageTagMutability" validate:"enum=MUTABLE|IMMUTABLE|IMMUTABLE_WITH_EXCLUSION|MUTABLE_WITH_EXCLUSION"`
	Exclusions []wildcard             `json:"imageTagMutabilityExclusionFilters" validate:"min=1,max=5"`
	Scanning   *scanning              `json:"imageScanningConfiguration"`
	Encryption *encryption            `json:"encryptionConfiguration"`
}

func (in *createRepositoryInput) registry() arn.AccountID { return in.RegistryID }
func (in *createRepositoryInput) name() string            { return in.Name }

type resourceTag struct {
	Key   *string `json:"Key" validate:"required"`
	Value *string `json:"Value" validate:"required"`
}

type repositoryOutput struct {
	Repository repository `json:"repository"`
}

func (s *surface) createRepository(ctx context.Context, c *awshttp.Call, in *createRepositoryInput) (*repositoryOutput, error) {
	if err := checkEncryption(in.Encryption); err != nil {
		return nil, err
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	n := registry.NewRepository{Key: key(c, in), Mutability: in.Mutability, Tags: tags, ScanOnPush: in.Scanning != nil && in.Scanning.ScanOnPush}
	for _, x := range in.Exclusions {
		n.Exclusions = append(n.Exclusions, x.Filter)
	}
	r, err := s.registry.CreateRepository(ctx, n)
	if err != nil {
		return nil, err
	}
	return &repositoryOutput{s.describe(c, r)}, nil
}

// checkEncryption refuses keys of a key service, of which there is none.
func checkEncryption(e *encryption) error {
	switch {
	case e == nil:
		return nil
	case e.Type != "AES256":
		return awshttp.Error{Code: "KmsException", Status: http.StatusBadRequest,
			Message: "There is no key management service here: create the repository with encryptionType AES256, or with no encryptionConfiguration"}
	case e.KMSKey != nil:
		return invalid("encryptionConfiguration.kmsKey", "must not be given with encryptionType AES256")
	}
	return nil
}

// tagMap reads a list of tags, no key of which may come twice.
func tagMap(list []resourceTag) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	tags := make(map[string]string, len(list))
	for _, t := range list {
		if _, twice := tags[*t.Key]; twice {
			return nil, fault.Becausef(registry.ErrResourceTag, "the tag key %.150q is given twice", *t.Key)
		}
		tags[*t.Key] = *t.Value
	}
	return tags, nil
}

type describeRepositoriesInput struct {
	RegistryID arn.AccountID `json:"registryId" validate:"pattern=[0-9]{12}"`
	Names      []string      `json:"repositoryNames" validate:"min=1,max=100" each:"min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
	NextToken  *string       `json:"nextToken"`
	MaxResults *int          `json:"maxResults" validate:"min=1,max=1000"`
}

type describeRepositoriesOutput struct {
	Repositories []repository `json:"repositories"`
	NextToken    *string      `json:"nextToken,omitempty"`
}

// onRepositories is the resource of DescribeRepositories: the first repository
// that the request names, else the pattern of them all.
func onRepositories(c *awshttp.Call, in *describeRepositoriesInput) string {
	name := "*"
	if len(in.Names) > 0 {
		name = in.Names[0]
	}
	return arn.Repository(c.Region, account(c, in.RegistryID), name).String()
}

// onTheOthers is the same for the other repositories that are named.
func onTheOthers(c *awshttp.Call, in *describeRepositoriesInput) (needs []awshttp.Need) {
	for i := 1; i < len(in.Names); i++ {
		needs = append(needs, awshttp.Need{
			Action: "ecr:DescribeRepositories", Resource: arn.Repository(c.Region, account(c, in.RegistryID), in.Names[i]).String(),
		})
	}
	return needs
}

func (s *surface) describeRepositories(ctx context.Context, c *awshttp.Call, in *describeRepositoriesInput) (*describeRepositoriesOutput, error) {
	of := account(c, in.RegistryID)
	if len(in.Names) > 0 {
		if in.NextToken != nil || in.MaxResults != nil {
			return nil, invalid("repositoryNames", "must not be given with nextToken or maxResults")
		}
		return s.describeNamed(ctx, c, of, in.Names)
	}
	pages := listing{"DescribeRepositories", string(of)}
	after, err := pages.place(in.NextToken)
	if err != nil {
		return nil, err
	}
	size := pageSize(in.MaxResults, defaultPage)
	list, err := s.registry.Repositories(ctx, of, ociref.Name(after), size+1)
	if err != nil {
		return nil, err
	}
	out := &describeRepositoriesOutput{}
	if len(list) > size {
		list = list[:size]
		out.NextToken = pages.token(string(list[size-1].Name))
	}
	return out, s.describeAll(ctx, c, list, out)
}

// describeAll adds the repositories of one account to the answer, with how many
// images they hold.
func (s *surface) describeAll(ctx context.Context, c *awshttp.Call, list []registry.Repository, out *describeRepositoriesOutput) error {
	if len(list) == 0 {
		return nil
	}
	var names []ociref.Name
	for _, r := range list {
		names = append(names, r.Name)
	}
	counts, err := s.registry.Counts(ctx, list[0].Account, names)
	for _, r := range list {
		shown := s.describe(c, r)
		n := counts[r.Name]
		shown.Images, shown.Signatures = &n.Images, &n.Signatures
		out.Repositories = append(out.Repositories, shown)
	}
	return err
}

// describeNamed describes repositories in the order of the request, all of which
// must exist.
func (s *surface) describeNamed(ctx context.Context, c *awshttp.Call, of arn.AccountID, names []string) (*describeRepositoriesOutput, error) {
	var list []registry.Repository
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			continue
		}
		seen[name] = true
		r, err := s.registry.Repository(ctx, registry.Key{Account: of, Name: ociref.Name(name)})
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	out := &describeRepositoriesOutput{}
	return out, s.describeAll(ctx, c, list, out)
}

type deleteRepositoryInput struct {
	RegistryID arn.AccountID `json:"registryId" validate:"pattern=[0-9]{12}"`
	Name       string        `json:"repositoryName" validate:"required,min=2,max=256,pattern=[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"`
	Force      bool          `json:"force"`
}

func (in *deleteRepositoryInput) registry() arn.AccountID { return in.RegistryID }
func (in *deleteRepositoryInput) name() string            { return in.Name }

func (s *surface) deleteRepository(ctx context.Context, c *awshttp.Call, in *deleteRepositoryInput) (*repositoryOutput, error) {
	r, err := s.registry.DeleteRepository(ctx, key(c, in), in.Force)
	if err != nil {
		return nil, err
	}
	return &repositoryOutput{s.describe(c, r)}, nil
}
