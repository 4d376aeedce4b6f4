package sqlstore

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/policy"
	"github.com/sealwright/sealwright/internal/signing"
)

// bindPrincipals binds the policies that were kept as they were given. Who is not
// there keeps the name, which matches nobody.
func bindPrincipals(tx querier) error {
	ids, err := everybody(tx)
	if err != nil {
		return err
	}
	document := func(text string) (string, error) {
		return policy.Bind(text, func(names []string) (map[string]string, error) { return ids.of(names), nil })
	}
	for _, rows := range []struct {
		read, write string
		bind        func(string) (string, error)
	}{
		{`SELECT id, trust FROM identities WHERE trust <> ''`, `UPDATE identities SET trust = $1 WHERE id = $2`, document},
		{`SELECT account, policy FROM registry_policies`, `UPDATE registry_policies SET policy = $1 WHERE account = $2`, document},
		{`SELECT CAST(repository AS TEXT), policy FROM repository_policies`, `UPDATE repository_policies SET policy = $1 WHERE repository = CAST($2 AS BIGINT)`, document},
		{`SELECT account || '/' || name, statements FROM profile_permissions`, `UPDATE profile_permissions SET statements = $1 WHERE account || '/' || name = $2`, ids.permissions},
	} {
		if err := bindRows(tx, rows.read, rows.write, rows.bind); err != nil {
			return err
		}
	}
	return nil
}

// bindRows changes one text of each row.
func bindRows(tx querier, read, write string, bind func(string) (string, error)) error {
	type row struct{ key, text string }
	all, err := collect(tx, func(from scanner) (r row, err error) { return r, from.Scan(&r.key, &r.text) }, read)
	if err != nil {
		return err
	}
	for _, r := range all {
		bound, err := bind(r.text)
		if err == nil && bound != r.text {
			_, err = tx.exec(write, bound, r.key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// names are the unique IDs of all users and roles by their ARNs, and of roles by
// the beginning of their sessions' ARNs.
type names map[string]string

const sessionPart = ":assumed-role/"

// everybody reads the columns that there were at this migration.
func everybody(tx querier) (names, error) {
	ids := names{}
	_, err := collect(tx, func(from scanner) (i access.Identity, err error) {
		err = from.Scan(&i.Account, &i.Kind, &i.Path, &i.Name, &i.ID)
		ids[i.ARN().String()] = i.ID
		if i.Kind == access.Role {
			ids["arn:"+arn.Partition+":sts::"+string(i.Account)+sessionPart+i.Name] = i.ID
		}
		return i, err
	}, `SELECT account, kind, path, name, id FROM identities`)
	return ids, err
}

// of finds the IDs of principals. One that is not there stands for itself.
func (ids names) of(principals []string) map[string]string {
	found := map[string]string{}
	for _, p := range principals {
		found[p] = p
		if id := ids[p]; id != "" {
			found[p] = id
		}
		at := strings.LastIndexByte(p, '/')
		if at < 0 || !strings.Contains(p, sessionPart) {
			continue
		}
		if id := ids[p[:at]] + ":" + p[at+1:]; policy.IsUniqueID(id) { // of a session that there can be
			found[p] = id
		}
	}
	return found
}

// permissions binds those of a profile.
func (ids names) permissions(statements string) (string, error) {
	var all []signing.Permission
	if err := json.Unmarshal([]byte(statements), &all); err != nil {
		return "", err
	}
	before := slices.Clone(all)
	for i, p := range all {
		if strings.HasPrefix(p.Principal, "arn:") {
			all[i].RoleID = ids[p.Principal]
		}
	}
	if slices.Equal(before, all) {
		return statements, nil
	}
	text, err := json.Marshal(all)
	return string(text), err
}
