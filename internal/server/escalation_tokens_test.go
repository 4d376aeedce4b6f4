package server

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/go-jose/go-jose/v4"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/discovery/issuertest"
)

// segments takes a token apart.
func segments(token string) (header, payload, signature string) {
	parts := strings.SplitN(token, ".", 3)
	return parts[0], parts[1], parts[2]
}

func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// payload is a claim set in text, in which ISSUER, NOW and LATER are filled in.
func (f *federation) payload(text string) string {
	now := time.Now()
	n := func(t time.Time) string { b, _ := json.Marshal(t.Unix()); return string(b) }
	return strings.NewReplacer("ISSUER", f.issuer.URL, "NOW", n(now), "LATER", n(now.Add(time.Minute))).Replace(text)
}

const goodPayload = `{"iss":"ISSUER","sub":"repo:octo-org/app:ref:refs/heads/main","aud":"sts.amazonaws.com","iat":NOW,"exp":LATER}`

// TestForgedTokens: what no issuer of ours made, or made for another purpose, begins
// no session.
func TestForgedTokens(t *testing.T) {
	f := newFederation(t)
	f.issuer.Rotate(jose.RS256)
	_, err := f.with("ci", f.issuer.Sign(f.payload(goodPayload)))
	must(t, err) // so that each row fails for its own reason
	good := f.issuer.Sign(f.payload(goodPayload))
	header, body, signature := segments(good)
	stranger := issuertest.New(t)
	stranger.Rotate(jose.RS256)
	public, err := x509.MarshalPKIXPublicKey(f.issuer.Private().Public())
	must(t, err)
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	hmac := func(key []byte) string {
		return issuertest.Sign(t, jose.HS256, key, f.issuer.KeyID(), f.payload(goodPayload))
	}
	now := time.Now()
	job := func(change map[string]any) string {
		claims := issuertest.GitHub(audience, "octo-org/app", mainBranch)
		for name, value := range change {
			claims[name] = value
		}
		return f.issuer.Token(now, claims)
	}
	says := func(text string) string { return f.issuer.Sign(f.payload(text)) }
	with := func(head string) string { return encoded(head) + "." + body + "." + signature }
	for name, test := range map[string]struct{ token, code string }{
		"no token":                 {"none", "InvalidIdentityToken"},
		"a forged key":             {issuertest.Sign(t, jose.RS256, stranger.Private(), f.issuer.KeyID(), f.payload(goodPayload)), "InvalidIdentityToken"},
		"another issuer":           {stranger.Token(now, issuertest.GitHub(audience, "octo-org/app", mainBranch)), "InvalidIdentityToken"},
		"alg none":                 {encoded(`{"alg":"none","typ":"JWT"}`) + "." + body + ".", "InvalidIdentityToken"},
		"alg None":                 {encoded(`{"alg":"None"}`) + "." + body + ".", "InvalidIdentityToken"},
		"the public key as secret": {hmac(publicPEM), "InvalidIdentityToken"},
		"its DER as secret":        {hmac(public), "InvalidIdentityToken"},
		"another algorithm":        {with(`{"alg":"ES256","kid":"` + f.issuer.KeyID() + `"}`), "InvalidIdentityToken"},
		"RSA-PSS":                  {with(`{"alg":"PS256","kid":"` + f.issuer.KeyID() + `"}`), "InvalidIdentityToken"},
		"a kid that is a path":     {with(`{"alg":"RS256","kid":"../../../../dev/null"}`), "InvalidIdentityToken"},
		"a kid that is a query":    {with(`{"alg":"RS256","kid":"x' OR '1'='1"}`), "InvalidIdentityToken"},
		"a kid that is a list":     {with(`{"alg":"RS256","kid":["a"]}`), "InvalidIdentityToken"},
		"a key in the header":      {encoded(`{"alg":"RS256","jwk":{"kty":"oct","k":"AAAA"}}`) + "." + body + "." + signature, "InvalidIdentityToken"},
		"a URL in the header":      {with(`{"alg":"RS256","jku":"` + stranger.URL + `/keys","kid":"` + stranger.KeyID() + `"}`), "InvalidIdentityToken"},
		"a critical extension":     {with(`{"alg":"RS256","crit":["b64"],"b64":false,"kid":"` + f.issuer.KeyID() + `"}`), "InvalidIdentityToken"},
		"two algs":                 {with(`{"alg":"RS256","alg":"none"}`), "InvalidIdentityToken"},
		"other claims":             {header + "." + encoded(strings.Replace(f.payload(goodPayload), "main", "mine", 1)) + "." + signature, "InvalidIdentityToken"},
		"no signature":             {header + "." + body + ".", "InvalidIdentityToken"},
		"a part of the signature":  {good[:len(good)-8], "InvalidIdentityToken"},
		"two parts":                {header + "." + body, "InvalidIdentityToken"},
		"four parts":               {good + "." + signature, "InvalidIdentityToken"},
		"JSON serialization":       {`{"payload":"` + body + `","protected":"` + header + `","signature":"` + signature + `"}`, "InvalidIdentityToken"},
		"huge":                     {strings.Repeat("a", 20_001), "InvalidIdentityToken"},
		"as long as can be":        {strings.Repeat("a", 20_000), "InvalidIdentityToken"},
		"deep":                     {says(strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000)), "InvalidIdentityToken"},

		"expired":                {f.issuer.Token(now.Add(-6*time.Minute), issuertest.GitHub(audience, "octo-org/app", mainBranch)), "ExpiredTokenException"},
		"from the future":        {f.issuer.Token(now.Add(10*time.Minute), issuertest.GitHub(audience, "octo-org/app", mainBranch)), "InvalidIdentityToken"},
		"not before":             {job(map[string]any{"nbf": now.Add(time.Hour).Unix()}), "InvalidIdentityToken"},
		"never ends":             {job(map[string]any{"exp": nil}), "InvalidIdentityToken"},
		"ends in words":          {job(map[string]any{"exp": "2999-01-01"}), "InvalidIdentityToken"},
		"ends beyond time":       {job(map[string]any{"exp": 1e300}), "InvalidIdentityToken"},
		"no issue time":          {job(map[string]any{"iat": nil}), "InvalidIdentityToken"},
		"no subject":             {job(map[string]any{"sub": nil}), "InvalidIdentityToken"},
		"a subject that is none": {job(map[string]any{"sub": []string{"repo:octo-org/app:ref:refs/heads/main"}}), "InvalidIdentityToken"},
		"a subject of 256":       {job(map[string]any{"sub": strings.Repeat("s", 256)}), "InvalidIdentityToken"},
		"a control character":    {job(map[string]any{"sub": "repo:octo-org/app:ref:refs/heads/main\x00"}), "InvalidIdentityToken"},
		"another audience":       {job(map[string]any{"aud": "sigstore"}), "InvalidIdentityToken"},
		"the audience in part":   {job(map[string]any{"aud": "sts.amazonaws.com.example"}), "InvalidIdentityToken"},
		"the audience in case":   {job(map[string]any{"aud": "STS.amazonaws.com"}), "InvalidIdentityToken"},
		"no audience":            {job(map[string]any{"aud": []string{}}), "InvalidIdentityToken"},
		"two audiences":          {job(map[string]any{"aud": []string{audience, "sigstore"}}), "InvalidIdentityToken"},
		"another party":          {job(map[string]any{"azp": "sigstore"}), "InvalidIdentityToken"},
		"a party that is none":   {job(map[string]any{"azp": 7}), "InvalidIdentityToken"},
		"another client of ours": {job(map[string]any{"aud": "app"}), "AccessDenied"}, // its aud is not what the role asks for

		"two subjects":            {says(strings.Replace(goodPayload, `"sub"`, `"sub":"eve","sub"`, 1)), "InvalidIdentityToken"},
		"two audience claims":     {says(strings.Replace(goodPayload, `"aud"`, `"aud":"sigstore","aud"`, 1)), "InvalidIdentityToken"},
		"two of an unknown claim": {says(strings.Replace(goodPayload, `{`, `{"x":{"y":1,"y":2},`, 1)), "InvalidIdentityToken"},
		"a subject in case":       {says(strings.Replace(goodPayload, `"sub":"repo:octo-org/app`, `"Sub":"repo:octo-org/app:ref:refs/heads/main","sub":"repo:eve/app`, 1)), "AccessDenied"},
		"claims in a list":        {says(`["iss"]`), "InvalidIdentityToken"},
		"more than claims":        {says(goodPayload + `{}`), "InvalidIdentityToken"},
		"no JSON":                 {says("iss"), "InvalidIdentityToken"},
		"no UTF-8":                {says(strings.Replace(goodPayload, "octo-org", "octo-org\xff", 1)), "InvalidIdentityToken"},

		"issuer with a slash":   {job(map[string]any{"iss": f.issuer.URL + "/"}), "InvalidIdentityToken"},
		"issuer in case":        {job(map[string]any{"iss": strings.ToUpper(f.issuer.URL)}), "InvalidIdentityToken"},
		"issuer over TLS":       {job(map[string]any{"iss": strings.Replace(f.issuer.URL, "http:", "https:", 1)}), "InvalidIdentityToken"},
		"issuer by its name":    {job(map[string]any{"iss": strings.TrimPrefix(f.issuer.URL, "http://")}), "InvalidIdentityToken"},
		"issuer look-alike":     {job(map[string]any{"iss": strings.Replace(f.issuer.URL, "127.0.0.1", "127.0.0.１", 1)}), "InvalidIdentityToken"},
		"issuer with a user":    {job(map[string]any{"iss": strings.Replace(f.issuer.URL, "http://", "http://x@", 1)}), "InvalidIdentityToken"},
		"issuer that is a list": {job(map[string]any{"iss": []string{f.issuer.URL}}), "InvalidIdentityToken"},
		"issuer with a NUL":     {job(map[string]any{"iss": f.issuer.URL + "\x00"}), "InvalidIdentityToken"},
		"no issuer":             {job(map[string]any{"iss": nil}), "InvalidIdentityToken"},

		"another branch":        {job(map[string]any{"sub": "repo:octo-org/app:ref:refs/heads/mine"}), "AccessDenied"},
		"a pattern as sub":      {job(map[string]any{"sub": "repo:octo-org/app:*"}), "AccessDenied"},
		"sub in case":           {job(map[string]any{"sub": "repo:Octo-org/app:ref:refs/heads/main"}), "AccessDenied"},
		"sub with more":         {job(map[string]any{"sub": "repo:octo-org/app:ref:refs/heads/main:x"}), "AccessDenied"},
		"tags that are none":    {job(map[string]any{"https://aws.amazon.com/tags": "red"}), "IDPRejectedClaim"},
		"a tag of two":          {job(map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"team": []string{"a", "b"}}}}), "IDPRejectedClaim"},
		"tags in two cases":     {job(map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"team": "a", "Team": "b"}}}), "IDPRejectedClaim"},
		"a tag that goes on":    {job(map[string]any{"https://aws.amazon.com/tags": map[string]any{"transitive_tag_keys": []string{"team"}}}), "IDPRejectedClaim"},
		"a source that is none": {job(map[string]any{"https://aws.amazon.com/source_identity": "a b"}), "IDPRejectedClaim"},
	} {
		_, err := f.with("ci", test.token)
		if f.wantCode(err, test.code); t.Failed() {
			t.Fatalf("%s: %v", name, err)
		}
	}
	_, err = f.with("ci", good) // may be used again as long as it lasts
	must(t, err)
	if f.issuer.Asked() > 4 {
		t.Errorf("forged tokens had the issuer asked %d times", f.issuer.Asked())
	}
}

// TestWhomATrustPolicyLetsIn: providers and conditions that almost fit.
func TestWhomATrustPolicyLetsIn(t *testing.T) {
	f := newFederation(t)
	_, _, err := f.access.CreateAccount(t.Context(), theirs)
	must(t, err)
	other := strings.Replace(f.arn, ours, theirs, 1)
	f.role("theirs", strings.ReplaceAll(f.trusts(``), f.arn, other)) // names another account's provider
	f.role("everyone", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRoleWithWebIdentity"}]}`)
	f.role("users", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":["sts:AssumeRole","sts:AssumeRoleWithWebIdentity"]}]}`)
	f.role("assume-only", strings.ReplaceAll(f.trusts(``), "sts:AssumeRoleWithWebIdentity", "sts:AssumeRole"))
	f.role("negated", f.trusts(`"StringNotEquals":{"ISSUER:repository":"octo-org/app"}`))
	f.role("one-level", f.trusts(`"StringLike":{"ISSUER:sub":"repo:octo-org/?pp:ref:refs/heads/release-*"}`))
	f.role("another-key", f.trusts(`"StringEquals":{"other.example:sub":"repo:octo-org/app:ref:refs/heads/main"}`))
	f.role("locked", strings.ReplaceAll(f.trusts(``), `"Statement":[`, `"Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:*","Condition":{"StringEquals":{"aws:ResourceTag/locked":"yes"}}},`))
	_, err = f.iam.TagRole(t.Context(), &iam.TagRoleInput{RoleName: aws.String("locked"), Tags: []iamtypes.Tag{{Key: aws.String("locked"), Value: aws.String("yes")}}})
	must(t, err)
	f.role("elsewhere", f.trusts(`"NotIpAddress":{"aws:SourceIp":["127.0.0.0/8","::1/128"]}`))
	f.role("wild", f.trusts(`"StringLike":{"ISSUER:repository":"${ISSUER:claim}"}`)) // what a token says is no pattern
	f.role("no-tags", strings.ReplaceAll(f.trusts(``), `,"sts:TagSession"`, ""))
	f.role("denied", strings.ReplaceAll(f.trusts(``), `"Statement":[`, `"Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"aws:FederatedProvider":"`+f.arn+`"}}},`))
	tagged := issuertest.GitHub(audience, "octo-org/app", mainBranch)
	tagged["https://aws.amazon.com/tags/principal_tags/team"] = "red"
	tagged["claim"] = "*"
	for _, role := range []string{"theirs", "everyone", "users", "assume-only", "negated", "one-level", "another-key", "locked", "elsewhere", "wild", "no-tags", "denied", "missing"} {
		_, err := f.with(role, f.issuer.Token(time.Now(), tagged))
		if f.wantCode(err, "AccessDenied"); t.Failed() {
			t.Fatalf("%s: %v", role, err)
		}
	}
	_, err = f.with("ci", f.token())
	must(t, err)

	// Another account's role: its account has no such provider, whatever it trusts.
	_, err = f.access.CreateIdentity(t.Context(), access.Identity{IdentityKey: access.IdentityKey{Account: theirs, Kind: access.Role, Name: "ci"}, Trust: f.trusts(``)})
	must(t, err)
	_, err = f.withARN("arn:aws:iam::"+theirs+":role/ci", f.token())
	f.wantCode(err, "InvalidIdentityToken")
	_, err = f.withARN("arn:aws:iam::999999999999:role/ci", f.token())
	f.wantCode(err, "InvalidIdentityToken")
	_, err = f.withARN("arn:aws:iam::"+ours+":user/builder", f.token())
	f.wantCode(err, "AccessDenied")
}

// TestSharedIssuersNeedASubject: a trust policy that lets in whoever has an account
// with an issuer that serves everybody is refused, as AWS refuses it.
func TestSharedIssuersNeedASubject(t *testing.T) {
	f := newFederation(t)
	trust := func(host, condition string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/` + host + `"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{` + condition + `}}}`
	}
	const github = "token.actions.githubusercontent.com"
	for name, document := range map[string]string{
		"none":      trust(github, ``),
		"audience":  trust(github, `"StringEquals":{"`+github+`:aud":"sts.amazonaws.com"}`),
		"gitlab":    trust("gitlab.com", `"StringEquals":{"gitlab.com:aud":"x"}`),
		"of-others": trust(github, `"StringEquals":{"gitlab.com:sub":"x"}`),
		"any":       trust(github, `"StringLike":{"`+github+`:sub":"*"}`),
		"any-or":    trust(github, `"StringLike":{"`+github+`:sub":["repo:octo-org/app:*","**"]}`),
		"long":      trust(github, `"StringLike":{"`+github+`:sub":"?*?"}`),
		"itself":    trust(github, `"StringEquals":{"`+github+`:sub":"${`+github+`:sub}"}`),
		"elsewhere": trust(github, `"StringEquals":{"`+github+`:aud":"${`+github+`:sub}"}`),
		"negated":   trust(github, `"StringNotEquals":{"`+github+`:sub":"repo:eve/app"}`),
		"there":     trust(github, `"Null":{"`+github+`:sub":"false"}`),
		"studio":    trust("studio.datachain.ai/api", `"StringEquals":{"studio.datachain.ai/api:aud":"x"}`),
		"vercel":    trust("oidc.vercel.com", `"StringEquals":{"oidc.vercel.com:sub":"x"}`),
		"pulumi":    trust("api.pulumi.com/oidc", ``),
		"sentinel":  trust("sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d/", ``),
	} {
		_, err := f.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &document})
		f.wantCode(err, "MalformedPolicyDocument")
		_, err = f.iam.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("ci"), PolicyDocument: &document})
		f.wantCode(err, "MalformedPolicyDocument")
	}
	f.role("fine", trust(github, `"StringLike":{"`+github+`:sub":"repo:octo-org/app:*"}`))
	f.role("for-all", trust(github, `"ForAllValues:StringLike":{"`+strings.ToUpper(github)+`:SUB":["repo:octo-org/*","repo:octo-*/app"]}`))
	f.role("star", trust(github, `"StringLike":{"`+github+`:sub":"${*}"}`)) // that is one character
	f.role("vercel-fine", trust("oidc.vercel.com", `"StringEquals":{"oidc.vercel.com:aud":"https://vercel.com/octo"}`))
	f.role("sentinel-fine", trust("sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d/", `"StringEquals":{"sts:RoleSessionName":"MicrosoftSentinel_1"}`))
	f.role("company", trust("gitlab.example.com", ``))
}
