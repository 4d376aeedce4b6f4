package sqlstore

import (
	"context"

	"github.com/sealwright/sealwright/internal/access"
)

// IdentitiesNamed implements [access.PrincipalStore].
func (s accessStore) IdentitiesNamed(ctx context.Context, keys []access.IdentityKey) ([]access.Identity, error) {
	return s.eachIdentity(ctx, len(keys), func(q querier, i int) scanner {
		return q.row(identityByName, keys[i].Account, keys[i].Kind, folded(keys[i].Name))
	})
}

// IdentitiesByID implements [access.PrincipalStore].
func (s accessStore) IdentitiesByID(ctx context.Context, ids []string) ([]access.Identity, error) {
	return s.eachIdentity(ctx, len(ids), func(q querier, i int) scanner { return q.row(identityByID, ids[i]) })
}

// eachIdentity reads n rows, those that there are, as of one moment.
func (s accessStore) eachIdentity(ctx context.Context, n int, row func(q querier, i int) scanner) (list []access.Identity, err error) {
	err = s.db.snapshot(ctx, func(q querier) error {
		list = nil
		for i := range n {
			found, err := scanIdentity(row(q, i))
			switch err {
			case nil:
				list = append(list, found)
			case access.ErrNoIdentity:
			default:
				return err
			}
		}
		return nil
	})
	return list, err
}
