package access

import (
	"embed"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sealwright/sealwright/internal/arn"
)

// awsPolicyFiles are the documents of AWS's own managed policies that are of use
// here, as AWS publishes them.
//
// Source: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/
//
//go:embed awspolicies/*.json
var awsPolicyFiles embed.FS

// awsPrefix begins the ARNs of AWS's own policies.
const awsPrefix = "arn:" + arn.Partition + ":iam::aws:policy/"

// awsPolicies are AWS's own policies by name.
var awsPolicies = sync.OnceValue(func() []ManagedPolicy {
	files, err := awsPolicyFiles.ReadDir("awspolicies")
	if err != nil {
		panic(err) // embedded
	}
	all := make([]ManagedPolicy, len(files))
	for i, f := range files {
		document, err := awsPolicyFiles.ReadFile("awspolicies/" + f.Name())
		if err != nil {
			panic(err)
		}
		all[i] = newAWSPolicy(strings.TrimSuffix(f.Name(), ".json"), string(document))
	}
	slices.SortFunc(all, func(a, b ManagedPolicy) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return all
})

// awsPolicyDate stands for when AWS made its policies.
var awsPolicyDate = time.Date(2015, 2, 6, 18, 39, 46, 0, time.UTC)

func newAWSPolicy(name, document string) ManagedPolicy {
	id := policyIDPrefix + (strings.ToUpper(name) + "XXXXXXXXXXXXXXXXX")[:17]
	return ManagedPolicy{Account: "aws", Name: name, Path: "/", ID: id, Versions: []PolicyVersion{{1, document, awsPolicyDate}},
		Default: 1, Last: 1, CreatedAt: awsPolicyDate, UpdatedAt: awsPolicyDate}
}

// AWSPolicy returns one of AWS's own policies by its ARN.
func AWSPolicy(name string) (ManagedPolicy, bool) {
	name, aws := strings.CutPrefix(name, awsPrefix)
	if !aws {
		return ManagedPolicy{}, false
	}
	at := slices.IndexFunc(awsPolicies(), func(p ManagedPolicy) bool { return p.Name == name })
	if at < 0 {
		return ManagedPolicy{}, false
	}
	return awsPolicies()[at], true
}
