package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/journal"
	"github.com/sealwright/sealwright/internal/signing"
)

// standing reads a version, "" for the newest.
func (d *desk) standing(key signing.ProfileKey, version string) signing.Profile {
	d.Helper()
	p, err := d.Profiles.Profile(ctx, key, version)
	d.must(err)
	return p
}

func profileNothing(d *desk) {
	key := signing.ProfileKey{Account: testAccount, Name: "none"}
	for _, version := range []string{"", "0123456789"} {
		_, err := d.Profiles.Profile(ctx, key, version)
		d.want(err, signing.ErrProfileNotFound)
		stands, err := d.Profiles.ChangeProfile(ctx, key, version, func(current *signing.Profile) (*signing.Profile, journal.Event, error) {
			if current != nil {
				return nil, journal.Event{}, fmt.Errorf("there is %+v", current)
			}
			return nil, journal.Event{}, nil
		})
		d.must(err)
		equal(d, stands, nil)
	}
	page, next, err := d.Profiles.Profiles(ctx, signing.ProfileFilter{Account: testAccount, Limit: 10})
	d.must(err)
	equal(d, len(page), 0)
	equal(d, next, "")
	equal(d, d.events(), nil)
}

func profileAdd(d *desk) {
	bare := d.newProfile(testAccount, "bare")
	bare.Parameters, bare.Tags, bare.Platform, bare.Validity = nil, nil, otherPlatform, signing.ValidityPeriod{Value: 1, Unit: signing.Days}
	for _, p := range []signing.Profile{d.newProfile(testAccount, "full"), bare, d.newProfile(otherAccount, "full")} {
		stands, err := d.Profiles.ChangeProfile(ctx, p.ProfileKey, "", func(current *signing.Profile) (*signing.Profile, journal.Event, error) {
			if current != nil {
				return nil, journal.Event{}, fmt.Errorf("there is %+v", current)
			}
			return &p, act("PutSigningProfile", p), nil
		})
		d.must(err)
		equal(d, *stands, p)
		equal(d, d.standing(p.ProfileKey, ""), p)
		equal(d, d.standing(p.ProfileKey, p.Version), p)
		_, err = d.Profiles.Profile(ctx, p.ProfileKey, "0123456789")
		d.want(err, signing.ErrProfileNotFound)
	}
	equal(d, d.events(), []string{"PutSigningProfile", "PutSigningProfile", "PutSigningProfile"})
}

func profileChange(d *desk) {
	p, bystander := d.profile("app"), d.profile("app2")
	for _, next := range []func(signing.Profile) signing.Profile{
		func(p signing.Profile) signing.Profile { p.Tags = map[string]string{"new": "tag"}; return p },
		func(p signing.Profile) signing.Profile { p.Tags = nil; return p },
		func(p signing.Profile) signing.Profile {
			p.Status, p.StatusReason = signing.Canceled, "gone"
			return p
		},
		func(p signing.Profile) signing.Profile { return revoked(p, d.tick()) },
		func(p signing.Profile) signing.Profile {
			r := *p.Revocation
			r.EffectiveFrom = time.Unix(0, 0).UTC() // all there ever was; 0 where other times have none
			p.Revocation = &r
			return p
		},
	} {
		before := p
		p = next(p)
		stands, err := d.Profiles.ChangeProfile(ctx, p.ProfileKey, "", func(current *signing.Profile) (*signing.Profile, journal.Event, error) {
			if current == nil || current.Status != before.Status {
				return nil, journal.Event{}, fmt.Errorf("there is %+v", current)
			}
			return &p, act("UpdateSigningProfile", p), nil
		})
		d.must(err)
		equal(d, *stands, p)
		equal(d, d.standing(p.ProfileKey, ""), p)
	}
	equal(d, d.standing(bystander.ProfileKey, ""), bystander)
}

func profileVersion(d *desk) {
	first := d.profile("app")
	second := d.newProfile(testAccount, "app")
	second.Tags = map[string]string{"moved": "on"}
	stands, err := d.Profiles.ChangeProfile(ctx, first.ProfileKey, "", func(current *signing.Profile) (*signing.Profile, journal.Event, error) {
		if current == nil || current.Version != first.Version {
			return nil, journal.Event{}, fmt.Errorf("there is %+v", current)
		}
		return &second, act("PutSigningProfile", second), nil
	})
	d.must(err)
	equal(d, *stands, second)
	first.Tags = second.Tags // they are the profile's
	equal(d, d.standing(first.ProfileKey, ""), second)
	equal(d, d.standing(first.ProfileKey, first.Version), first)

	d.must(d.revoke(first)) // an older version can still be revoked
	equal(d, d.standing(first.ProfileKey, first.Version).Status, signing.Revoked)
	equal(d, d.standing(first.ProfileKey, ""), second)
}

func profileChangeFails(d *desk) {
	p := d.profile("app")
	before := d.events()
	_, err := d.Profiles.ChangeProfile(ctx, p.ProfileKey, "", func(current *signing.Profile) (*signing.Profile, journal.Event, error) {
		current.Status = signing.Canceled
		return current, act("CancelSigningProfile", *current), errRefused
	})
	d.want(err, errRefused)
	taken := d.newProfile(testAccount, "app")
	taken.Version = p.Version
	_, err = d.Profiles.ChangeProfile(ctx, p.ProfileKey, "0123456789", func(*signing.Profile) (*signing.Profile, journal.Event, error) {
		return &taken, act("PutSigningProfile", taken), nil
	})
	d.wantFailure(err)
	equal(d, d.standing(p.ProfileKey, ""), p)

	none := signing.ProfileKey{Account: testAccount, Name: "none"}
	_, err = d.Profiles.ChangeProfile(ctx, none, "", func(*signing.Profile) (*signing.Profile, journal.Event, error) {
		return nil, journal.Event{}, errRefused
	})
	d.want(err, errRefused)
	_, err = d.Profiles.Profile(ctx, none, "")
	d.want(err, signing.ErrProfileNotFound)
	equal(d, d.events(), before)
}

// profileText: what PostgreSQL cannot keep, no store takes.
func profileText(d *desk) {
	p := d.profile("app")
	for _, text := range []string{"a\x00b", "a\xffb"} {
		err := d.alter(p, "CancelSigningProfile", func(p signing.Profile) signing.Profile {
			p.StatusReason = text
			return p
		})
		if fault.KindOf(err) != fault.Invalid {
			d.Fatalf("reason %q: got error %v, want an invalid one", text, err)
		}
	}
	p.StatusReason = "’; DROP TABLE profiles; -- $1 \\ \u2028 \U0001F512"
	d.must(d.put(p))
	equal(d, d.standing(p.ProfileKey, ""), p)
}

// names lists the profiles that a filter selects, page by page.
func (d *desk) names(f signing.ProfileFilter) []string {
	d.Helper()
	var names []string
	for {
		page, next, err := d.Profiles.Profiles(ctx, f)
		d.must(err)
		if len(page) > f.Limit || next != "" && len(page) == f.Limit && next != page[f.Limit-1].Name {
			d.Fatalf("got %d profiles and then %q, asked for %d", len(page), next, f.Limit)
		}
		for _, p := range page {
			names = append(names, p.Name)
		}
		if f.After = next; next == "" {
			return names
		}
	}
}

func profileList(d *desk) {
	names := []string{"b", "Z9", "_a", "aa", "a_b", "A", "z", "a", "a1", "B", "zz_Z"} // no dictionary's order
	for _, name := range names {
		d.profile(name)
	}
	d.must(d.put(d.newProfile(otherAccount, "other")))
	slices.Sort(names)
	for _, limit := range []int{1, 3, 25} {
		equal(d, d.names(signing.ProfileFilter{Account: testAccount, Limit: limit}), names)
	}
	equal(d, d.names(signing.ProfileFilter{Account: otherAccount, Limit: 2}), []string{"other"})
}

func profileFilters(d *desk) {
	lambda := d.newProfile(testAccount, "lambda")
	lambda.Platform = otherPlatform
	d.must(d.put(lambda))
	d.must(d.cancel(d.profile("canceled")))
	d.must(d.revoke(d.profile("revoked")))
	again := d.profile("revoked_once") // its newest version counts
	d.must(d.revoke(again))
	d.profile("revoked_once")
	for _, tc := range []struct {
		statuses []signing.Status
		platform string
		wanted   []string
	}{
		{nil, "", []string{"canceled", "lambda", "revoked", "revoked_once"}},
		{[]signing.Status{signing.Active}, "", []string{"lambda", "revoked_once"}},
		{[]signing.Status{signing.Canceled}, "", []string{"canceled"}},
		{[]signing.Status{signing.Revoked, signing.Canceled}, "", []string{"canceled", "revoked"}},
		{[]signing.Status{signing.Active, signing.Canceled, signing.Revoked}, otherPlatform, []string{"lambda"}},
		{[]signing.Status{signing.Revoked}, otherPlatform, nil},
		{nil, "none", nil},
	} {
		got := d.names(signing.ProfileFilter{Account: testAccount, Statuses: tc.statuses, Platform: tc.platform, Limit: 1})
		equal(d, got, tc.wanted)
	}
}

// profileNameRace: of several who add a name, one does, and the others see it.
func profileNameRace(d *desk) {
	profiles := make([]signing.Profile, 8)
	for i := range profiles {
		profiles[i] = d.newProfile(testAccount, "app")
	}
	errs := atOnce(len(profiles), func(i int) error {
		_, err := d.Profiles.ChangeProfile(ctx, profiles[i].ProfileKey, "", func(current *signing.Profile) (*signing.Profile, journal.Event, error) {
			if current != nil {
				return nil, journal.Event{}, signing.ErrProfileExists
			}
			return &profiles[i], act("PutSigningProfile", profiles[i]), nil
		})
		return err
	})
	made := slices.Index(errs, nil)
	if made < 0 {
		d.Fatal(errors.Join(errs...))
	}
	for i, err := range errs {
		if i != made {
			d.want(err, signing.ErrProfileExists)
		}
	}
	equal(d, d.standing(profiles[made].ProfileKey, ""), profiles[made])
	equal(d, d.events(), []string{"PutSigningProfile"})
}

// profileChangeRace: no change is lost.
func profileChangeRace(d *desk) {
	p := d.profile("app")
	const n = 12
	errs := atOnce(n, func(i int) error {
		return d.alter(p, "TagResource", func(p signing.Profile) signing.Profile {
			tags := map[string]string{fmt.Sprint("tag", i): "set"}
			for k, v := range p.Tags {
				tags[k] = v
			}
			p.Tags = tags
			return p
		})
	})
	d.must(errors.Join(errs...))
	equal(d, len(d.standing(p.ProfileKey, "").Tags), len(p.Tags)+n)
	equal(d, len(d.events()), 1+n)
}
