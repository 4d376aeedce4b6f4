package peers

import (
	"testing"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
)

// stranger is containerd's resolver without credentials.
func stranger() remotes.Resolver {
	return docker.NewResolver(docker.ResolverOptions{
		Hosts: docker.ConfigureDefaultRegistries(
			docker.WithPlainHTTP(docker.MatchLocalhost),
			docker.WithAuthorizer(docker.NewDockerAuthorizer()),
		),
	})
}

// TestContainerdPullsWithoutCredentials: what a policy opens to everyone, and
// nothing else; who logs in pulls both, though the challenge is another one.
func TestContainerdPullsWithoutCredentials(t *testing.T) {
	s := serve(t)
	public, private := s.repository("public"), s.repository("private")
	ours := newShelf(t)
	pushed := ours.image("amd64")
	ours.push(s.resolver(s.password), public+":v1", pushed)
	s.run("ecr", "set-repository-policy", "--repository-name", "public", "--policy-text",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"]}]}`)
	ours.push(s.resolver(s.password), private+":v1", pushed)

	theirs := newShelf(t)
	theirs.pull(stranger(), public+":v1")
	ours.sameAs(theirs, pushed)
	newShelf(t).pull(s.resolver(s.password), private+":v1")
	if _, _, err := stranger().Resolve(t.Context(), private+":v1"); err == nil {
		t.Error("a stranger resolves what is private")
	}
}
