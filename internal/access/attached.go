package access

import "context"

// AuthorizeUnder decides as Authorize would if the documents, as they would be
// kept, were what is attached to the resource, such as to tell whether a new
// policy would shut out who sets it.
func (s *Service) AuthorizeUnder(ctx context.Context, r Request, attached []Document) (Decision, error) {
	q, resource := s.question(r)
	m := s.moment()
	g, err := s.own(ctx, m, q)
	if err == nil && !q.repairs() {
		var found attachment
		found, err = s.at(ctx, m, resource, r.Resource)
		g.Resource, q.on = compileAll(&documents{}, attached, ofResource), found.tags
	}
	if err != nil {
		return Decision{}, err
	}
	return q.decide(&g), nil
}
