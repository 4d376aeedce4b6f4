package iamapi

import (
	"encoding/base64"
	"strings"

	"github.com/sealwright/sealwright/internal/edge/awshttp"
	"github.com/sealwright/sealwright/internal/fault"
)

// paging is how a request asks for a part of a list.
type paging struct {
	Marker   *string `json:"Marker" validate:"min=1,max=2048"`
	MaxItems *int    `json:"MaxItems" validate:"min=1,max=1000"`
}

// page says whether there is more of a list, and how to ask for it.
type page struct {
	IsTruncated bool    `json:"IsTruncated"`
	Next        *string `json:"Marker,omitempty"`
}

const defaultItems = 100

func (p paging) size() int {
	if p.MaxItems == nil {
		return defaultItems
	}
	return *p.MaxItems
}

// after is the place where the page before ended; "" is the beginning. A marker
// is no secret and no proof: it leads where the same request leads without it.
func (p paging) after(list string) (string, error) {
	if p.Marker == nil {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(*p.Marker)
	place, ours := strings.CutPrefix(string(raw), list+"\n")
	if err != nil || !ours || place == "" || !awshttp.IsText(place) {
		return "", fault.Errorf(fault.Invalid, "Invalid Marker: want the Marker of an earlier answer to the same request")
	}
	return place, nil
}

// cut makes a page of a list that may have one too many.
func cut[T any](list string, all []T, size int, place func(T) string) ([]T, page) {
	if len(all) <= size {
		return all, page{}
	}
	all = all[:size]
	marker := base64.RawURLEncoding.EncodeToString([]byte(list + "\n" + place(all[size-1])))
	return all, page{true, &marker}
}

// part makes a page of a whole list, sorted by the place of each.
func part[T any](list string, p paging, all []T, place func(T) string) ([]T, page, error) {
	after, err := p.after(list)
	if err != nil {
		return nil, page{}, err
	}
	for after != "" && len(all) > 0 && place(all[0]) <= after {
		all = all[1:]
	}
	all, rest := cut(list, all, p.size(), place)
	return all, rest, nil
}
