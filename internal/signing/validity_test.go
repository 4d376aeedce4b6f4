package signing_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sealwright/sealwright/internal/signing"
)

func TestValidityFrom(t *testing.T) {
	for _, c := range []struct {
		from  string
		value int
		unit  signing.ValidityUnit
		want  string
	}{
		// Seen in signatures of AWS Signer.
		{"2023-07-18T10:51:39Z", 135, signing.Months, "2034-10-18T10:51:39Z"},
		{"2023-12-06T09:00:00Z", 3, signing.Years, "2026-12-06T09:00:00Z"},
		// Months that are too short end on their last day.
		{"2026-01-31T12:00:00Z", 1, signing.Months, "2026-02-28T12:00:00Z"},
		{"2028-01-31T12:00:00Z", 1, signing.Months, "2028-02-29T12:00:00Z"},
		{"2026-08-31T23:59:59Z", 1, signing.Months, "2026-09-30T23:59:59Z"},
		{"2026-10-31T00:00:00Z", 4, signing.Months, "2027-02-28T00:00:00Z"},
		{"2028-02-29T12:00:00Z", 1, signing.Years, "2029-02-28T12:00:00Z"},
		{"2028-02-29T12:00:00Z", 4, signing.Years, "2032-02-29T12:00:00Z"},
		{"2027-11-30T12:00:00Z", 135, signing.Months, "2039-02-28T12:00:00Z"},
		// The end of a year, and what is no leap year.
		{"2026-12-15T12:00:00Z", 1, signing.Months, "2027-01-15T12:00:00Z"},
		{"2026-12-31T23:59:59Z", 12, signing.Months, "2027-12-31T23:59:59Z"},
		{"2099-02-28T00:00:00Z", 1, signing.Years, "2100-02-28T00:00:00Z"},
		{"2096-02-29T00:00:00Z", 4, signing.Years, "2100-02-28T00:00:00Z"},
		// Days are days, over a leap day too.
		{"2026-12-31T12:00:00Z", 1, signing.Days, "2027-01-01T12:00:00Z"},
		{"2028-02-28T12:00:00Z", 1, signing.Days, "2028-02-29T12:00:00Z"},
		{"2026-01-01T00:00:00Z", 4108, signing.Days, "2037-04-01T00:00:00Z"},
	} {
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		v := signing.ValidityPeriod{Value: c.value, Unit: c.unit}
		if got := v.From(from).Format(time.RFC3339); got != c.want {
			t.Errorf("%v from %s: %s, want %s", v, c.from, got, c.want)
		}
	}
}

// TestValidityBounds puts profiles of the longest periods and of one more.
func TestValidityBounds(t *testing.T) {
	w := newWorld(t)
	put := func(name string, v signing.ValidityPeriod) error {
		_, err := w.PutProfile(t.Context(), signing.ProfileSpec{
			ProfileKey: signing.ProfileKey{Account: account, Name: name}, Platform: signing.NotationPlatform, Validity: v,
		})
		return err
	}
	for unit, most := range map[signing.ValidityUnit]int{signing.Days: 4108, signing.Months: 135, signing.Years: 11} {
		for _, value := range []int{1, most} {
			if err := put("good_"+string(unit)+string(rune('a'+value%26)), signing.ValidityPeriod{Value: value, Unit: unit}); err != nil {
				t.Errorf("%d %s: %v", value, unit, err)
			}
		}
		for _, value := range []int{-1, most + 1} {
			if err := put("bad", signing.ValidityPeriod{Value: value, Unit: unit}); !errors.Is(err, signing.ErrInvalid) {
				t.Errorf("%d %s: %v", value, unit, err)
			}
		}
	}
	if err := put("bad", signing.ValidityPeriod{Value: 1, Unit: "WEEKS"}); !errors.Is(err, signing.ErrInvalid) {
		t.Errorf("weeks: %v", err)
	}
}
