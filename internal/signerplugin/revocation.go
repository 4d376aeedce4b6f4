package signerplugin

import (
	"context"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/notaryproject/notation-plugin-framework-go/plugin"

	"github.com/sealwright/sealwright/internal/verify"
)

// platform is the signing platform of container images.
const platform = "Notation-OCI-SHA384-ECDSA"

// revocation asks the service whether the job, the profile version or a
// certificate of the signature was revoked. No answer is a failure, told apart
// from "revoked" by its reason.
func (p *Plugin) revocation(ctx context.Context, req *plugin.VerifySignatureRequest) (*plugin.VerificationResult, error) {
	question, err := revocationQuestion(req)
	if err != nil {
		return nil, err
	}
	revoked, err := p.revokedEntities(ctx, question, req.PluginConfig)
	switch {
	case err != nil:
		return &plugin.VerificationResult{Reason: verify.Unknown + " whether the signature is revoked: " + explain(err)}, nil
	case len(revoked) > 0:
		return &plugin.VerificationResult{Reason: revokedReason(revoked, question)}, nil
	}
	return &plugin.VerificationResult{Success: true, Reason: "Signature is not revoked."}, nil
}

// errNoAnswer says that something answered which is not the service: a page or
// an empty body is no list, and not "nothing is revoked".
var errNoAnswer = errors.New("the answer of the Signer API has no revokedEntities: is the endpoint the service's?")

// revokedEntities asks the service.
func (p *Plugin) revokedEntities(ctx context.Context, question *signer.GetRevocationStatusInput, config map[string]string) ([]string, error) {
	client, err := p.connect(ctx, config)
	if err != nil {
		return nil, err
	}
	answer, err := client.GetRevocationStatus(ctx, question)
	if err != nil {
		return nil, err
	}
	if answer.RevokedEntities == nil {
		return nil, errNoAnswer
	}
	return answer.RevokedEntities, nil
}

// revocationQuestion collects what the service wants to know.
func revocationQuestion(req *plugin.VerifySignatureRequest) (*signer.GetRevocationStatusInput, error) {
	profileVersion, err := attribute(req, attributeProfileVersion)
	if err != nil {
		return nil, err
	}
	job, err := attribute(req, attributeJob)
	if err != nil {
		return nil, err
	}
	hashes, err := certificateHashes(req.Signature.CertificateChain)
	if err != nil {
		return nil, plugin.NewValidationErrorf("the certificate chain cannot be read: %v", err)
	}
	where := platform
	return &signer.GetRevocationStatusInput{
		CertificateHashes:  hashes,
		JobArn:             &job,
		PlatformId:         &where,
		ProfileVersionArn:  &profileVersion,
		SignatureTimestamp: req.Signature.CriticalAttributes.AuthenticSigningTime,
	}, nil
}

// certificateHashes names each certificate of a chain by the SHA-384 of its
// to-be-signed part followed by its issuer's; the root is its own issuer.
//
// Source: https://docs.aws.amazon.com/signer/latest/api/API_GetRevocationStatus.html
func certificateHashes(chain [][]byte) ([]string, error) {
	own := make([]string, len(chain))
	for i, der := range chain {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		sum := sha512.Sum384(certificate.RawTBSCertificate)
		own[i] = hex.EncodeToString(sum[:])
	}
	hashes := make([]string, len(chain))
	for i := range own {
		hashes[i] = own[i] + own[min(i+1, len(own)-1)]
	}
	return hashes, nil
}

// revokedReason names what was revoked, in the words of Amazon's plugin.
func revokedReason(entities []string, question *signer.GetRevocationStatusInput) string {
	var resources, certificates []string
	for _, entity := range entities {
		if strings.HasPrefix(entity, "arn") {
			resources = append(resources, entity)
		} else {
			certificates = append(certificates, certificateName(entity, question.CertificateHashes))
		}
	}
	var reasons []string
	if len(resources) > 0 {
		reasons = append(reasons, "Resource(s) "+strings.Join(resources, ", ")+" have been revoked.")
	}
	if len(certificates) > 0 {
		reasons = append(reasons, "Certificate(s) have been revoked: "+strings.Join(certificates, ", ")+".")
	}
	return strings.Join(reasons, " ")
}

// certificateName says which certificate of the chain a hash stands for.
func certificateName(hash string, chain []string) string {
	for i, known := range chain {
		switch {
		case !strings.EqualFold(hash, known):
		case i == 0:
			return "the signing certificate"
		case i == len(chain)-1:
			return "the root certificate"
		default:
			return "an issuing certificate"
		}
	}
	return hash
}
