package access

import (
	"context"

	"github.com/sealwright/sealwright/internal/policy"
)

// AuthorizeUnder decides as Authorize would if the documents were what is
// attached to the resource, such as to tell whether a new policy would shut out
// who sets it.
func (s *Service) AuthorizeUnder(ctx context.Context, r Request, attached []Document) (Decision, error) {
	q, _ := s.question(r)
	g, err := s.own(ctx, s.moment(), q)
	if err != nil {
		return Decision{}, err
	}
	if !q.repairs() {
		g.Resource = s.compile(attached, policy.ParseResource)
	}
	return q.decide(&g), nil
}
