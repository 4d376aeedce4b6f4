package sqlstore

// Recording is how many signatures wait to be recorded behind the one whose turn
// it is.
func (db *DB) Recording() (waiting int) {
	db.recorders.mu.Lock()
	defer db.recorders.mu.Unlock()
	for _, c := range db.recorders.convoy {
		waiting += c.waiting()
	}
	return waiting
}
