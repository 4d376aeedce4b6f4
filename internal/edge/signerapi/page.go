package signerapi

import (
	"encoding/base64"
	"strings"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
)

// maxPage is the most a list returns at once, and what it returns unasked.
const maxPage = 25

func pageSize(asked *int) int {
	if asked == nil {
		return maxPage
	}
	return *asked
}

// A token is where a page ended, under the name of its operation, so that one
// cannot be taken for another's. It is no secret: it holds only what the page
// showed.
const maxToken = 512

func makeToken(operation, place string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(operation + ":" + place))
}

// openToken returns the place in a token; "" for no token.
func openToken(operation, token string) (place string, err error) {
	if token == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(token)
	place, ours := strings.CutPrefix(string(text), operation+":")
	if len(token) > maxToken || err != nil || !ours || place == "" || !awshttp.IsText(place) {
		return "", invalidToken(operation)
	}
	return place, nil
}

func invalidToken(operation string) error {
	return invalid("nextToken is not one that " + operation + " returned: begin again without it")
}
