package ecrapi

import "testing"

// FuzzToken feeds tokens to the reader: whatever it takes is what it wrote, and
// belongs to the list it is given back to.
func FuzzToken(f *testing.F) {
	here, there := listing{"ListImages", "111122223333/team/app"}, listing{"ListImages", "111122223333/team/other"}
	f.Add(*here.token(tagPlace{tag: "v1", digest: "sha256:ab"}.String()))
	f.Add(*there.token("place"))
	f.Add("TGlzdEltYWdlcwo")
	f.Fuzz(func(t *testing.T, token string) {
		place, err := here.place(&token)
		if err != nil || token == "" {
			return
		}
		if *here.token(place) != token {
			t.Fatalf("%q reads as %q, which writes %q", token, place, *here.token(place))
		}
		if _, err := there.place(&token); err == nil {
			t.Fatalf("%q is a place in two lists", token)
		}
		if at, err := parseTagPlace(place); err == nil {
			again, err := parseTagPlace(at.String())
			if err != nil || again != at {
				t.Fatalf("%q reads as %v, which reads as %v: %v", place, at, again, err)
			}
		}
	})
}
