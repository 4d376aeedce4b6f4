package policy

import (
	"fmt"
	"strings"
)

// action is an element of Action or NotAction.
type action struct {
	service string  // in lower case; "" is every service
	name    pattern // without regard to case
}

// parseAction reads service:name, where name may have wildcards, or "*". The
// errors are in AWS's words.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
func parseAction(s string) (action, error) {
	if s == "*" || s == "*:*" {
		name, err := parsePattern("*", syntax{wild: true})
		return action{name: name}, err
	}
	service, name, prefaced := strings.Cut(s, ":")
	switch {
	case !prefaced:
		return action{}, malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
	case strings.Contains(name, ":"):
		return action{}, malformed("Actions/Condition can contain only one colon.")
	case service == "" || strings.Trim(service, lettersAndDigits+"-") != "":
		return action{}, malformed("Vendor %.100s is not valid", service)
	case name == "" || strings.Trim(name, lettersAndDigits+"*?") != "":
		return action{}, fmt.Errorf("%.100q is not the name of an action", name)
	}
	p, err := parsePattern(name, syntax{wild: true})
	return action{lower(service), p.folded()}, err
}

const lettersAndDigits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

func (a *action) matches(e *evaluation) bool {
	if a.service == "" {
		return true
	}
	return equalFold(a.service, e.service) && a.name.matches(e, e.name)
}
