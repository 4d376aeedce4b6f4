package sqlstore

// The things an installation makes once.
const (
	firstAccount = "account"
	// activeAuthority is made once, too, but may be another later.
	activeAuthority = "authority"
)

// claim makes id the thing, if there is none yet; made is false if there is.
// Replicas that race wait here until the first has committed, and then see all
// that it made.
func claim(tx querier, what, id string) (made bool, err error) {
	changed, err := tx.exec(`INSERT INTO bootstrap (what, id) VALUES ($1, $2) ON CONFLICT (what) DO NOTHING`, what, id)
	return changed == 1, err
}
