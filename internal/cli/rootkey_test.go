package cli_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/store/sqlstore"
)

// TestRotatedRootKeyIsOverAtOnce: when the command has said so, whoever serves decides
// by the new key, even if it has just looked what others changed.
func TestRotatedRootKeyIsOverAtOnce(t *testing.T) {
	home(t)
	_, data := serve(t)
	serving, err := sqlstore.OpenSQLite(t.Context(), filepath.Join(data, "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer serving.Close()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // it is busy
		defer close(stopped)
		for ; ; time.Sleep(time.Millisecond) {
			select {
			case <-stop:
				return
			default:
				serving.Access().Revision()
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	for range 4 {
		before, _ := serving.Access().Revision()
		run(t, "", "root-key", "rotate", "--data", data).ok(t)
		if after, known := serving.Access().Revision(); !known || after == before {
			t.Errorf("the revision of access is %d still, known %t", after, known)
		}
	}
}
