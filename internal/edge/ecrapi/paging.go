package ecrapi

import (
	"encoding/base64"
	"strings"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// The bounds of MaxResults and FiftyMaxResults, and their defaults.
const (
	defaultPage         = 100
	defaultReferrerPage = 20
)

// maxToken bounds a token: an operation, a repository and a place, in base64.
const maxToken = 2048

// listing names a list that pages are of: an operation on a repository. A token
// of one list is not one of another.
type listing struct{ operation, scope string }

// token writes where the next page of the list begins. It is no secret and no
// proof: what it can reach is what the same request could reach without it.
func (l listing) token(place string) *string {
	t := base64.RawURLEncoding.EncodeToString([]byte(l.operation + "\n" + l.scope + "\n" + place))
	return &t
}

// place reads what token wrote; nil is the beginning.
func (l listing) place(token *string) (string, error) {
	if token == nil || *token == "" {
		return "", nil
	}
	if len(*token) <= maxToken {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(*token)
		if place, ok := strings.CutPrefix(string(raw), l.operation+"\n"+l.scope+"\n"); err == nil && ok && place != "" && awshttp.IsText(place) {
			return place, nil
		}
	}
	return "", errToken
}

// errToken is the error of a token that is no place in the list.
var errToken = invalid("nextToken", "must be the nextToken of an earlier answer to the same request")

// pageSize is how many results were asked for.
func pageSize(maxResults *int, otherwise int) int {
	if maxResults == nil {
		return otherwise
	}
	return *maxResults
}
