package envelope

import (
	"encoding/json"
	"fmt"
	"time"
)

// The names of the protected header that are critical: a verifier that does
// not know one must refuse. AWS marks the profile version so, and the job not.
const (
	schemeName      = "io.cncf.notary.signingScheme"
	signingTimeName = "io.cncf.notary.authenticSigningTime"
	expiryName      = "io.cncf.notary.expiry"
	pluginName      = "io.cncf.notary.verificationPlugin"
	profileName     = "com.amazonaws.signer.signingProfileVersion"
)

var critical = []string{schemeName, signingTimeName, expiryName, pluginName, profileName}

// protected is the protected header. It is exactly this: notation hands every
// header it does not know to the plugin, critical or not, and the stock plugin
// refuses all but the two of AWS. One more field breaks verification.
type protected struct {
	Algorithm   string   `json:"alg"`
	Critical    []string `json:"crit"`
	ContentType string   `json:"cty"`
	Scheme      string   `json:"io.cncf.notary.signingScheme"`
	SigningTime string   `json:"io.cncf.notary.authenticSigningTime"`
	Expiry      string   `json:"io.cncf.notary.expiry"`
	Plugin      string   `json:"io.cncf.notary.verificationPlugin"`
	Profile     string   `json:"com.amazonaws.signer.signingProfileVersion"`
	Job         string   `json:"com.amazonaws.signer.signingJob"`
}

// encode writes the protected header.
func (a Attributes) encode() ([]byte, error) {
	if !a.Expiry.After(a.SigningTime) {
		return nil, fmt.Errorf("envelope: the expiry %v is not after the signing time %v", a.Expiry, a.SigningTime)
	}
	if a.ProfileVersionARN == "" || a.JobARN == "" {
		return nil, fmt.Errorf("envelope: a profile version and a job are required")
	}
	return json.Marshal(protected{
		Algorithm:   "ES384",
		Critical:    critical,
		ContentType: PayloadMediaType,
		Scheme:      SigningScheme,
		SigningTime: a.SigningTime.UTC().Format(time.RFC3339),
		Expiry:      a.Expiry.UTC().Format(time.RFC3339),
		Plugin:      VerificationPlugin,
		Profile:     a.ProfileVersionARN,
		Job:         a.JobARN,
	})
}

// attributes reads what differs between envelopes. What does not is compared by
// Parse, which writes the envelope again.
func (p protected) attributes() (Attributes, error) {
	signed, err := time.Parse(time.RFC3339, p.SigningTime)
	if err != nil {
		return Attributes{}, refusef("%s is not a time", signingTimeName)
	}
	expires, err := time.Parse(time.RFC3339, p.Expiry)
	if err != nil {
		return Attributes{}, refusef("%s is not a time", expiryName)
	}
	return Attributes{signed.UTC(), expires.UTC(), p.Profile, p.Job}, nil
}
