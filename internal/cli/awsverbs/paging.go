package awsverbs

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/spf13/pflag"
)

// paging is how much of a list to fetch, as the flags say.
type paging struct {
	startingToken string
	maxItems      int
	pageSize      int32
}

// addTo adds the flags, and hides the members of the Input that they set.
func (p *paging) addTo(flags *pflag.FlagSet) {
	flags.IntVar(&p.maxItems, "max-items", 0, "the most items to return (0: all); a NextToken in the output says where to go on")
	flags.StringVar(&p.startingToken, "starting-token", "", "where to go on: the NextToken of a command before")
	flags.Int32Var(&p.pageSize, "page-size", 0, "how many items to ask the service for at once (0: its choice)")
	_ = flags.MarkHidden("next-token") // never fails: see operation.pageable
	_ = flags.MarkHidden("max-results")
}

// manual is an error if a flag of ours was given where pages are fetched one by
// one.
func (p *paging) manual() error {
	var used []string
	if p.startingToken != "" {
		used = append(used, "--starting-token")
	}
	if p.pageSize != 0 {
		used = append(used, "--page-size")
	}
	if p.maxItems != 0 {
		used = append(used, "--max-items")
	}
	if used == nil {
		return nil
	}
	return fmt.Errorf("Cannot specify --no-paginate along with pagination arguments: %s", strings.Join(used, ", "))
}

// place is where a list goes on: behind the first Truncate items of the page
// that Token asks for. Its text is the aws program's, so either can go on where
// the other stopped.
type place struct {
	Token    *string `json:"nextToken"`
	Truncate int     `json:"boto_truncate_amount,omitempty"`
}

// String returns the starting token.
func (p place) String() string {
	text, _ := json.Marshal(p) // never fails
	return base64.StdEncoding.EncodeToString(text)
}

func parsePlace(text string) (place, error) {
	var p place
	if text == "" {
		return p, nil
	}
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(decoded, &p)
	}
	if err != nil || p.Truncate < 0 {
		return place{}, fmt.Errorf("Bad starting token: %s", text)
	}
	return p, nil
}

// fetch calls until there are no more pages, or enough items. It returns the
// last output with all items in it, and where to go on ("" at the end).
func (p *paging) fetch(input any, call func() (any, error)) (output any, next string, err error) {
	at, err := parsePlace(p.startingToken)
	if err != nil {
		return nil, "", err
	}
	in := reflect.ValueOf(input).Elem()
	if p.pageSize != 0 {
		in.FieldByName("MaxResults").Set(reflect.ValueOf(&p.pageSize))
	}
	var all reflect.Value
	for {
		in.FieldByName("NextToken").Set(reflect.ValueOf(at.Token))
		if output, err = call(); err != nil {
			return nil, "", err
		}
		items, token := page(output)
		if !all.IsValid() {
			all = reflect.MakeSlice(items.Type(), 0, items.Len())
		}
		left := items.Slice(min(at.Truncate, items.Len()), items.Len())
		taken := p.room(all.Len(), left.Len())
		all = reflect.AppendSlice(all, left.Slice(0, taken))
		enough := p.maxItems > 0 && all.Len() == p.maxItems
		items.Set(all)
		switch {
		case taken < left.Len():
			return output, place{at.Token, at.Truncate + taken}.String(), nil
		case token == nil:
			return output, "", nil
		case enough:
			return output, place{Token: token}.String(), nil
		case at.Token != nil && *at.Token == *token:
			return nil, "", fmt.Errorf("Error during pagination: The same next token was received twice: %s", *token)
		}
		at = place{Token: token}
	}
}

// room is how many of count items may join those that are there.
func (p *paging) room(there, count int) int {
	if p.maxItems <= 0 {
		return count
	}
	return min(count, p.maxItems-there)
}

// page is an output's list, which is its only one, and the token of the page
// after, nil at the end. The token is gone from the output.
func page(output any) (items reflect.Value, token *string) {
	v := reflect.ValueOf(output).Elem()
	for i := range v.NumField() {
		if isList(v.Field(i).Type()) {
			items = v.Field(i)
		}
	}
	field := v.FieldByName("NextToken")
	token, _ = field.Interface().(*string)
	field.SetZero()
	if token != nil && *token == "" {
		token = nil
	}
	return items, token
}
