//go:build !unix

package blobstore

import "os"

// canShare says that files cannot be locked here.
const canShare = false

// flock trusts the lock of the data directory.
func flock(*os.File, bool) (bool, error) { return true, nil }

// flush has nothing to send.
func flush(*os.File) error { return nil }
