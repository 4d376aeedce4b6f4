package signing

import "github.com/sealwright/sealwright/internal/fault"

// NotationPlatform is the platform that signs container images.
const NotationPlatform = "Notation-OCI-SHA384-ECDSA"

// Platform is what a profile signs for.
type Platform struct {
	ID                  string
	DisplayName         string
	Partner             string
	Target              string
	Category            string
	Encryption, Hash    string // the only algorithms it has
	ImageFormat         string // the only form its signatures have
	RevocationSupported bool
}

// platforms are those served, in order of ID. AWS's others sign objects in S3.
var platforms = []Platform{{
	ID:                  NotationPlatform,
	DisplayName:         "Notation for container registries",
	Partner:             "Notation-OCI",
	Target:              "SHA384-ECDSA",
	Category:            "AWS",
	Encryption:          "ECDSA",
	Hash:                "SHA384",
	ImageFormat:         "JSONEmbedded",
	RevocationSupported: true,
}}

// Platforms lists the platforms whose category, partner and target are those
// given; "" stands for any.
func (s *Service) Platforms(category, partner, target string) []Platform {
	var found []Platform
	for _, p := range platforms {
		if matches(category, p.Category) && matches(partner, p.Partner) && matches(target, p.Target) {
			found = append(found, p)
		}
	}
	return found
}

func matches(wanted, value string) bool { return wanted == "" || wanted == value }

// Platform finds a platform by its ID, or [ErrPlatformNotFound].
func (s *Service) Platform(id string) (Platform, error) {
	for _, p := range platforms {
		if p.ID == id {
			return p, nil
		}
	}
	return Platform{}, fault.Becausef(ErrPlatformNotFound, "signing platform %.100q is not found: this service has %s", id, NotationPlatform)
}
