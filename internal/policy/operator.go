package policy

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// operator is a condition operator without its quantifier and IfExists.
type operator struct {
	compare comparison
	negated bool
	orders  orders // for numbers and dates: which of them match
}

type comparison uint8

const (
	isText comparison = iota
	isTextFold
	isLike
	isARN
	isNumber
	isDate
	isBool
	isBinary
	isAddress
	isNull
)

// orders is a set of how a value may stand to the one in the policy.
type orders uint8

const (
	less orders = 1 << iota
	equal
	greater
)

// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var operators = map[string]operator{
	"StringEquals":              {compare: isText},
	"StringNotEquals":           {compare: isText, negated: true},
	"StringEqualsIgnoreCase":    {compare: isTextFold},
	"StringNotEqualsIgnoreCase": {compare: isTextFold, negated: true},
	"StringLike":                {compare: isLike},
	"StringNotLike":             {compare: isLike, negated: true},
	"ArnEquals":                 {compare: isARN},
	"ArnNotEquals":              {compare: isARN, negated: true},
	"ArnLike":                   {compare: isARN},
	"ArnNotLike":                {compare: isARN, negated: true},
	"NumericEquals":             {compare: isNumber, orders: equal},
	"NumericNotEquals":          {compare: isNumber, orders: equal, negated: true},
	"NumericLessThan":           {compare: isNumber, orders: less},
	"NumericLessThanEquals":     {compare: isNumber, orders: less | equal},
	"NumericGreaterThan":        {compare: isNumber, orders: greater},
	"NumericGreaterThanEquals":  {compare: isNumber, orders: greater | equal},
	"DateEquals":                {compare: isDate, orders: equal},
	"DateNotEquals":             {compare: isDate, orders: equal, negated: true},
	"DateLessThan":              {compare: isDate, orders: less},
	"DateLessThanEquals":        {compare: isDate, orders: less | equal},
	"DateGreaterThan":           {compare: isDate, orders: greater},
	"DateGreaterThanEquals":     {compare: isDate, orders: greater | equal},
	"Bool":                      {compare: isBool},
	"BinaryEquals":              {compare: isBinary},
	"IpAddress":                 {compare: isAddress},
	"NotIpAddress":              {compare: isAddress, negated: true},
	"Null":                      {compare: isNull},
}

// operand is a compiled value of a condition: what its operator compares.
type operand struct {
	text    pattern
	arn     arnPattern
	number  float64
	date    time.Time
	plain   string // of a Bool, a Null or a BinaryEquals
	network netip.Prefix
}

// operand compiles a value. Variables may stand where texts and ARNs are
// compared.
func (o operator) operand(s string, variables bool) (v operand, err error) {
	switch o.compare {
	case isText, isLike:
		v.text, err = parsePattern(s, syntax{wild: o.compare == isLike, variables: variables})
	case isTextFold:
		v.text, err = parsePattern(s, syntax{variables: variables})
		v.text = v.text.folded()
	case isARN:
		if v.arn, err = parseARNPattern(s, variables, 0); err == errNotARN {
			v.arn, err = arnPattern{}, nil // matches nothing
		}
	case isNumber:
		v.number, err = parseNumber(s)
	case isDate:
		v.date, err = parseDate(s)
	case isBool, isNull:
		if v.plain = lower(s); v.plain != "true" && v.plain != "false" {
			err = errors.New("want true or false")
		}
	case isBinary:
		var plain []byte
		plain, err = base64.StdEncoding.DecodeString(s)
		v.plain = string(plain)
	case isAddress:
		v.network, err = parseNetwork(s)
	}
	return v, err
}

// subject is a value of a request in the forms that operators compare; ok is
// false for a value that has not the form it needs, which matches nothing.
type subject struct {
	text    string
	arn     arnParts
	number  float64
	date    time.Time
	address netip.Addr
	ok      bool
}

func (o operator) subject(value string) subject {
	s := subject{text: value, ok: true}
	var err error
	switch o.compare {
	case isARN:
		s.arn = splitARN(value)
		s.ok = s.arn.ok
	case isNumber:
		s.number, err = parseNumber(value)
	case isDate:
		s.date, err = parseDate(value)
	case isAddress:
		s.address, err = netip.ParseAddr(value)
		s.address = s.address.Unmap().WithZone("")
	}
	s.ok = s.ok && err == nil
	return s
}

// matches compares a value of the request to one of the policy.
func (o operator) matches(e *evaluation, v *operand, s *subject) bool {
	if !s.ok {
		return false
	}
	switch o.compare {
	case isText, isTextFold, isLike:
		return v.text.matches(e, s.text)
	case isARN:
		return v.arn.matches(e, s.text, &s.arn)
	case isNumber:
		return o.orders&order(s.number < v.number, s.number == v.number) != 0
	case isDate:
		return o.orders&order(s.date.Before(v.date), s.date.Equal(v.date)) != 0
	case isBool, isNull:
		return equalFold(s.text, v.plain)
	case isBinary:
		return s.text == v.plain
	}
	return v.network.Contains(s.address)
}

func order(isLess, isEqual bool) orders {
	switch {
	case isLess:
		return less
	case isEqual:
		return equal
	}
	return greater
}

// parseNumber reads an integer or decimal number.
func parseNumber(s string) (float64, error) {
	digits := strings.TrimPrefix(s, "-")
	if strings.Trim(digits, "0123456789.") != "" {
		return 0, errors.New("want a number")
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, errors.New("want a number")
	}
	return n, nil
}

// dateLayouts are W3C's profile of ISO 8601; fractions of seconds are accepted
// wherever seconds are.
//
// Source: https://www.w3.org/TR/NOTE-datetime
var dateLayouts = []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"}

// parseDate reads a date, or the seconds since 1970 in more than four digits.
func parseDate(s string) (time.Time, error) {
	if len(s) > 4 && len(s) < 12 && strings.Trim(s, "0123456789") == "" {
		seconds, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(seconds, 0), err
	}
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("want a date of ISO 8601 or the seconds since 1970")
}

// parseNetwork reads an address or a range in CIDR notation.
func parseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%.100q is neither an address nor a range of them", s)
	}
	return p.Masked(), nil
}
