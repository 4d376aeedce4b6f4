//go:build !unix

package pgtest

import "errors"

func start() (string, error) {
	return "", errors.New("set " + serverVariable + " to the URL of a PostgreSQL server")
}
