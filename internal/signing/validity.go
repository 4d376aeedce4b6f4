package signing

import (
	"fmt"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
)

// ValidityUnit is the unit of a signature validity period.
type ValidityUnit string

// The units of AWS Signer.
const (
	Days   ValidityUnit = "DAYS"
	Months ValidityUnit = "MONTHS"
	Years  ValidityUnit = "YEARS"
)

// ValidityPeriod is how long a signature is good, in calendar units.
type ValidityPeriod struct {
	Value int
	Unit  ValidityUnit
}

// DefaultValidity is also the longest allowed: 135 months.
//
// Source: https://docs.aws.amazon.com/signer/latest/developerguide/signing-profiles.html
var DefaultValidity = ValidityPeriod{135, Months}

// maxValidity is 135 months in each unit. AWS documents the total only; 4108
// days are 135 months of the calendar's average length.
var maxValidity = map[ValidityUnit]int{Days: 4108, Months: 135, Years: 11}

// String is the period as people say it, such as "135 MONTHS".
func (v ValidityPeriod) String() string { return fmt.Sprintf("%d %s", v.Value, v.Unit) }

// check fails with [ErrInvalid].
func (v ValidityPeriod) check() error {
	most, known := maxValidity[v.Unit]
	if !known {
		return fault.Becausef(ErrInvalid, "signatureValidityPeriod needs a type of DAYS, MONTHS or YEARS, not %.20q", v.Unit)
	}
	if v.Value < 1 || v.Value > most {
		return fault.Becausef(ErrInvalid, "signatureValidityPeriod must be 1 to %d %s, not %d: 135 months is the longest", most, v.Unit, v.Value)
	}
	return nil
}

// From returns the end of the period for a signature made at t, in calendar
// units. A month that is too short ends on its last day: one month from 31
// January is 28 or 29 February, never a day in March.
func (v ValidityPeriod) From(t time.Time) time.Time {
	switch v.Unit {
	case Days:
		return t.AddDate(0, 0, v.Value)
	case Years:
		return addMonths(t, 12*v.Value)
	default:
		return addMonths(t, v.Value)
	}
}

func addMonths(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}
